"""`pgcheck run --vmm`: programs on virtual machines, what is said about them, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from pgcheck.checker.result import Finding
from pgcheck.checker.values import Configuration
from pgcheck.running import progress
from tests.models.compiling import compiled
from tests.pgcheck.conftest import Answer, Pgcheck
from tests.pgcheck.factory import result
from tests.pgcheck.running.test_run import CONTENT, PROGRAMS
from tests.specifications import GUESTS, SMALL
from tests.vmm.lockstep import CONFIGURATIONS

PG74, M68, PDP10 = (GUESTS / n / "hello.s" for n in ("pg74", "m68000", "pdp10-ka10"))
LOOP = ".org 2\njump 2\n"
STOP = ".org 2\nli a1, 88\nsio a1, 0\nli a1, 10\nsio a1, 0\nhalt\n"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "guest.s"
    path.write_text(STOP)
    return path


def test_a_guest_prints_and_its_monitor_gives_an_account(pgcheck: Pgcheck, answer: Answer) -> None:
    answer.result = result()
    ran = pgcheck("run", "pg74", PG74, "--vmm", "type1")
    assert (ran.code, ran.out) == (0, "Hello\nSPSPP\n")
    lines = ran.err.splitlines()
    assert lines[0] == "pg74 under a type 1 monitor with nothing fixed"
    assert lines[1] == "  No address of a guest's is hidden by a page of the monitor's own."
    assert lines[2] == "guest 1: 191 steps, then halted; at 0x59 <over+0x2> halt"
    assert lines[3] == "  161 directly, 31 interventions, 0 translations made"
    assert [line.split() for line in lines[4:7]] == [
        ["12", "sio", "emulated"],
        ["6", "tio", "emulated"],
        ["6", "lpsw", "emulated"],
    ]
    assert sum(int(line.split()[0]) for line in lines if line.startswith("    ")) == 31
    assert [line.split(":")[0] for line in lines[-3:]] == ["emulated", "reflected", "ended"]


def test_a_guest_that_is_another_machine_runs_what_its_host_lacks(pgcheck: Pgcheck, tmp_path: Path) -> None:
    program = tmp_path / "triple.s"
    program.write_text(".org 2\nli a1, 29\ntriple a1\nsio a1, 0\nhalt\n")
    words = ("run", SMALL / "virtual" / "pg74-host.yaml", program)
    ran = pgcheck(*words, "--vmm", "type1", "--deployment", "triple")
    assert (ran.code, ran.out) == (0, "W")
    assert [line.split() for line in ran.err.splitlines()[4:7]] == [
        ["1", "triple", "emulated"],
        ["1", "sio", "emulated"],
        ["1", "halt", "ended"],
    ]
    assert "unknown instruction\n    triple a1\n" in pgcheck(*words, "--vmm", "type1").err


def test_the_account_as_json(pgcheck: Pgcheck, answer: Answer) -> None:
    answer.result = result()
    ran = pgcheck("run", "pg74", PG74, "--vmm", "type1", "--guests", 2, "--memory", 352, "--report", "json")
    assert ran.code == 0
    head, _, text = ran.err.partition("\n")
    found = json.loads(text)
    assert head.startswith("pg74 under") and (found["machine"], found["monitor"], found["forced"]) == (
        "pg74",
        "type1",
        False,
    )
    assert (found["deployment"], found["configuration"], found["hidden"]) == ("default", {}, [])
    assert [(g["name"], g["steps"], g["direct"]) for g in found["guests"]] == [
        ("guest 1", 191, 161),
        ("guest 2", 191, 161),
    ]
    assert {"instruction": "sio", "reason": "emulated", "count": 12} in found["guests"][1]["interventions"]


@pytest.mark.parametrize("deployment", ["s_in_u", "vmm_in_m"])
@pytest.mark.parametrize("name", ["timer", "user"])
def test_c_programs_print_the_same_on_a_virtual_machine(
    pgcheck: Pgcheck, answer: Answer, tmp_path: Path, name: str, deployment: str
) -> None:
    main = replace(result().main, name=deployment, configuration=CONFIGURATIONS["riscv64", deployment])
    answer.result = replace(result(), deployments=(main,))
    ran = pgcheck("run", "riscv64", compiled(name, tmp_path), "--vmm", "type1", "--max-instructions", "20000")
    assert (ran.out, ran.code) == (PROGRAMS[name], 0)
    assert ran.err.startswith(f"riscv64 as {deployment} under a type 1 monitor") and "interpreted" not in ran.err
    assert ("hide a guest's addresses 0x0 to 0xfff" in ran.err) is (deployment == "s_in_u")


def test_a_guest_has_the_disk(pgcheck: Pgcheck, answer: Answer, tmp_path: Path) -> None:
    main = replace(result().main, name="s_in_u", configuration=CONFIGURATIONS["riscv64", "s_in_u"])
    answer.result = replace(result(), deployments=(main,))
    disk = tmp_path / "disk"
    disk.write_bytes(CONTENT)
    ran = pgcheck("run", "riscv64", compiled("disk", tmp_path), "--vmm", "type1", "--disk", disk)
    assert ran.out == "sectors 4\n" + "B" * 16 + "\n" + "b" * 16 + "\nbeyond the end: 1\n" and ran.code == 0
    assert disk.read_bytes() == CONTENT[:1024] + b"b" * 512 + CONTENT[1536:]


def test_each_guest_has_its_own_disk(pgcheck: Pgcheck, answer: Answer, tmp_path: Path) -> None:
    main = replace(result().main, name="s_in_u", configuration=CONFIGURATIONS["riscv64", "s_in_u"])
    answer.result = replace(result(), deployments=(main,))
    disks = [tmp_path / "one", tmp_path / "two"]
    disks[0].write_bytes(CONTENT)
    disks[1].write_bytes(CONTENT.lower() * 2)
    words = ["run", "riscv64", compiled("disk", tmp_path), "--vmm", "type1", "--guests", 2, "--memory", "64K"]
    ran = pgcheck(*map(str, words), "--disk", disks[0], "--disk", disks[1])
    assert ran.code == 0
    assert [line for line in ran.out.splitlines() if "sectors" in line] == ["guest 1: sectors 4", "guest 2: sectors 8"]
    assert disks[0].read_bytes() == CONTENT[:1024] + b"b" * 512 + CONTENT[1536:]
    assert disks[1].read_bytes() != CONTENT.lower() * 2
    for given, said in (
        ([disks[0]], "1 is given for 2"),
        ([disks[0]] * 3, "3 are given for 2"),
        ([disks[0]] * 2, "another"),
    ):
        ran = pgcheck(*map(str, words), *(word for disk in given for word in ("--disk", disk)))
        assert ran.code == 2 and said in ran.err


def test_a_guest_in_a_trap_loop_ends_with_the_reason(pgcheck: Pgcheck, answer: Answer, tmp_path: Path) -> None:
    answer.result = result()
    path = tmp_path / "loop.s"
    path.write_text(".org 2\nsvc 1\n")
    ran = pgcheck("run", "pg74", path, "--vmm", "type1", "--guests", 2, "--memory", 64)
    bare = pgcheck("run", "pg74", path)
    reason = "3 steps, then a trap loop: trap(Service) at 0x2, and its handler at 0x0 traps again; at 0x0"
    assert (ran.code, bare.code, bare.err) == (1, 1, f"{reason}\n")
    assert f"guest 1: {reason}\n" in ran.err and f"guest 2: {reason}\n" in ran.err


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_shown_while_a_check_runs(
    pgcheck: Pgcheck, answer: Answer, image: Path, monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    seen: list[bool] = []

    @contextmanager
    def shown(*, enabled: bool) -> Iterator[Callable[[object], None]]:
        seen.append(enabled)
        yield lambda event: None

    answer.result = result()
    monkeypatch.setattr(progress, "wanted", lambda: terminal)
    monkeypatch.setattr(progress, "shown", shown)
    assert pgcheck("run", "pg74", image, "--vmm", "type1").code == 0 and seen == [terminal]


def test_guests_share_standard_output_line_by_line(pgcheck: Pgcheck, answer: Answer, image: Path) -> None:
    answer.result = result()
    ran = pgcheck("run", "pg74", image, "--vmm", "type1", "--guests", 3, "--memory", 64)
    assert ran.code == 0 and sorted(ran.out.splitlines()) == ["guest 1: X", "guest 2: X", "guest 3: X"]


def test_a_hybrid_monitor(pgcheck: Pgcheck, answer: Answer) -> None:
    found = result(theorem1="fails", monitor="fails")
    main = replace(found.main, configuration=Configuration({"FL.IOT": 0}), direct="FL.USER == 1 && FL.IOT == 0")
    answer.result = replace(found, deployments=(main,))
    ran = pgcheck("run", "pdp10-ka10", PDP10, "--vmm", "hybrid", "--memory", 4096)
    assert (ran.code, ran.out) == (0, "Hello\n5 ticks\nSPS\n")
    assert ran.err.startswith("pdp10-ka10 under a hybrid monitor with FL.IOT = 0\n") and "interpreted" in ran.err
    refused = pgcheck("run", "pdp10-ka10", PDP10, "--vmm", "type1")
    assert refused.code == 1 and "no type1 monitor: default: monitor fails on popf" in refused.err


def test_a_monitor_that_the_check_refuses_runs_when_forced(pgcheck: Pgcheck, answer: Answer) -> None:
    answer.result = result(monitor="fails")
    refused = pgcheck("run", "m68000", M68, "--vmm", "type1")
    assert (refused.code, refused.out) == (1, "")
    assert "m68000 has no type1 monitor: default: monitor fails on popf. --force runs one anyway." in refused.err
    forced = pgcheck("run", "m68000", M68, "--vmm", "type1", "--force", "--report", "json")
    assert forced.out.startswith("Hello\n") and "forced: the check refuses it" in forced.err
    assert json.loads(forced.err.partition("\n")[2])["forced"] is True


def test_a_forced_guest_that_takes_control_fails(pgcheck: Pgcheck, answer: Answer, tmp_path: Path) -> None:
    answer.result = result(monitor="fails")
    path = tmp_path / "lim.s"
    path.write_text(".org 2\nli a1, 3\nlim a1\n")
    ran = pgcheck("run", SMALL / "shrink.yaml", path, "--vmm", "type1", "--force", "--memory", 512)
    assert ran.code == 1 and "then stopped: R.b changed while a guest ran" in ran.err


@pytest.mark.parametrize("count", [1, 3])
def test_a_guest_that_loops_ends_at_the_limit(pgcheck: Pgcheck, answer: Answer, tmp_path: Path, count: int) -> None:
    answer.result = result()
    path = tmp_path / "loop.s"
    path.write_text(LOOP)
    ran = pgcheck("run", "pg74", path, "--vmm", "type1", "--guests", count, "--memory", 64, "--max-instructions", 500)
    assert ran.code == 3 and ran.err.count("500 steps, then the limit") == count


def test_a_specification_with_errors_has_no_monitor(pgcheck: Pgcheck, answer: Answer, image: Path) -> None:
    answer.result = result(findings=(Finding("access", "error", "svc", "svc is never allowed"),))
    ran = pgcheck("run", "pg74", image, "--vmm", "type1")
    assert ran.code == 2 and "svc is never allowed" in ran.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--guests", "2"], "need --vmm"),
        (["--force"], "need --vmm"),
        (["--deployment", "default"], "need --vmm"),
        (["--vmm", "type1", "--guests", "0"], "0 is not in the range"),
        (["--vmm", "type1", "--guests", "40"], "40 guests of"),
        (["--vmm", "type1", "--guests", "2", "--memory", "1K"], "at most 0x1e0 each"),
        (["--vmm", "type1", "--memory", "100"], "a multiple of 0x20 units"),
        (["--vmm", "type1", "--guests", "2", "--memory", "64", "--input", "x"], "--input is for one guest"),
        (["--vmm", "type1", "--memory", "32"], "guest.s"),
        (["--vmm", "type3"], "'type3' is not one of"),
    ],
)
def test_what_cannot_be_is_refused(
    pgcheck: Pgcheck, answer: Answer, tmp_path: Path, options: list[str], said: str
) -> None:
    answer.result = result()
    path = tmp_path / "guest.s"
    path.write_text(f"{STOP}.org 48\n.word 1\n")
    ran = pgcheck("run", "pg74", path, *options)
    assert (ran.code, ran.out) == (2, "") and said in ran.err


def test_a_deployment_that_is_not_there(pgcheck: Pgcheck, image: Path) -> None:
    ran = pgcheck("run", "pg74", image, "--vmm", "type1", "--deployment", "defualt")
    assert ran.code == 2 and "did you mean 'default'" in ran.err


ODD = """include: [pg74]
name: odd
state:
  T: {type: Bits<1>, size: 2, role: relocation}
override:
  functions: |
    function translate {
      returns Bits<10>
      arguments Bits<32> a, Access op, Bits<1> mode
      description { decides by an element of an array }
      body {
        if (a >= {21'd0, R.b}) { trap(Cause::Memory); }
        Bits<11> sum = {1'b0, a[9:0]} + {1'b0, R.l} + {10'd0, T[0]};
        if (a[31:10] != 0 || sum >= Q) { trap(Cause::Memory); }
        return sum[9:0];
      }
    }
"""


def test_a_machine_whose_memory_no_scheme_manages_is_told(pgcheck: Pgcheck, tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text(ODD)
    (tmp_path / "a.s").write_text("halt\n")
    ran = pgcheck("run", tmp_path / "odd.yaml", tmp_path / "a.s", "--vmm", "type1", "--force")
    assert ran.code == 2 and "guest 1 cannot be made: translate depends on" in ran.err
