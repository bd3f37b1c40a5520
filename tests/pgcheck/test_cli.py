"""The command line: what runs, what is refused, and with which exit code."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import click
import pytest

from pgcheck import __version__
from pgcheck.checker.result import ExitCode, Finding, Status
from pgcheck.cli import command
from tests.pgcheck.conftest import Answer, Pgcheck
from tests.pgcheck.factory import HOLE, PLAIN, result
from tests.specifications import ROOT, SMALL

POPF = SMALL / "popf.yaml"
SMALL = ROOT / "specs" / "pg74.yaml"


pytestmark = pytest.mark.usefixtures("own_cache")


# ---- what the first word means


def test_a_specification_alone_is_checked(pgcheck: Pgcheck, answer: Answer) -> None:
    answer.result = result()
    assert pgcheck("pg74").out == pgcheck("check", "pg74").out == pgcheck(SMALL).out
    assert "Theorem 1  the premise holds" in pgcheck("pg74").out


def test_options_may_stand_before_the_specification(pgcheck: Pgcheck, answer: Answer) -> None:
    answer.result = result()
    assert json.loads(pgcheck("--format", "json", "pg74").out)["spec"]["name"] == "toy"


def test_a_commands_name_wins_over_a_files(
    pgcheck: Pgcheck, answer: Answer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer.result = result()
    (tmp_path / "list").write_bytes(SMALL.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert "pg74" in pgcheck("list").out
    assert "Theorem 1" in pgcheck("./list").out


@pytest.mark.parametrize(
    "words, said",
    [
        (["chek", "pg74"], "no command, specification or file 'chek'; did you mean 'check'?"),
        (["pg75"], "did you mean 'pg74'?"),
        (["check", "chek"], "no specification or file 'chek'"),
        (["pg74", "nowhere.yaml"], "no specification or file 'nowhere.yaml'"),
        (["specs"], "specs is a folder"),
        (["pg74", "--only", "lodd"], "pg74 has no instruction 'lodd'; did you mean 'load'?"),
        (["pg74", "--deployment", "x"], "pg74 has no deployment 'x'; it has default"),
        (["explain", "pg74", "lodd"], "did you mean 'load'?"),
        (["replay", "nowhere.yaml"], "cannot read nowhere.yaml: No such file"),
        (["pg74", "--formt", "json"], "Did you mean '--format'?"),
        (["pg74", "--require", "theorem2"], "'theorem2' is not one of"),
        (["check"], "Missing argument"),
    ],
)
def test_a_wrong_command_line_is_a_message_and_exit_2(
    pgcheck: Pgcheck, answer: Answer, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(ROOT)
    answer.result = result()
    ran = pgcheck(*words)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err and "Traceback" not in ran.err


def test_an_unknown_word_stops_the_run_before_anything_is_checked(pgcheck: Pgcheck, answer: Answer) -> None:
    assert pgcheck("pg74", "nowhere.yaml").code == 2
    assert answer.asked == []
    pgcheck("pg74")
    assert answer.asked is not None and [machine.identity.name for machine, _ in answer.asked] == ["pg74"]


# ---- exit codes


@pytest.mark.parametrize(
    "status, code, with_exit_zero",
    [("holds", 0, 0), ("conditional", 0, 0), ("fails", 1, 0), ("unknown", 3, 0)],
)
@pytest.mark.parametrize("required", ["theorem1", "theorem3", "monitor"])
def test_the_exit_code_is_that_of_the_required_property(
    pgcheck: Pgcheck, answer: Answer, required: str, status: Status, code: int, with_exit_zero: int
) -> None:
    statuses: dict[str, Status] = {required: status}
    answer.result = result(**statuses)  # type: ignore[arg-type]  # findings are not among the keywords
    assert pgcheck("pg74", "--require", required).code == code
    assert pgcheck("pg74", "--require", required, "--exit-zero").code == with_exit_zero
    assert pgcheck("pg74", "--require", "monitor" if required != "monitor" else "theorem3").code == 0


@pytest.mark.parametrize("status, code", [("ok", 0), ("warning", 0), ("unknown", 3), ("error", 2)])
def test_findings_about_the_specification_count(pgcheck: Pgcheck, answer: Answer, status: str, code: int) -> None:
    answer.result = result(findings=(Finding("law", status, "x", "said"),))  # type: ignore[arg-type]  # from the table
    assert pgcheck("pg74").code == code


def test_exit_zero_does_not_hide_a_wrong_specification(pgcheck: Pgcheck, answer: Answer, tmp_path: Path) -> None:
    answer.result = result(findings=(Finding("law", "error", "x", "said"),))
    assert pgcheck("pg74", "--exit-zero").code == 2
    empty = tmp_path / "empty.yaml"
    empty.write_text("")
    assert pgcheck(empty, "--exit-zero").code == 2


def test_several_specifications_end_with_the_worst_code(pgcheck: Pgcheck, answer: Answer, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("kind: machine\n")
    answer.result = result(HOLE, theorem1="fails")
    ran = pgcheck("pg74", wrong, POPF)
    assert ran.code == 2
    assert ran.out.count("Theorem 1  ") == 2
    assert f"{wrong}:1:1" in ran.err


def test_the_order_of_codes() -> None:
    assert ExitCode.worst([ExitCode.PROVED, ExitCode.UNKNOWN, ExitCode.REFUTED]) == 1
    assert ExitCode.worst([ExitCode.REFUTED, ExitCode.USAGE]) == 2
    assert ExitCode.worst([ExitCode.USAGE, ExitCode.INTERNAL]) == 4
    assert ExitCode.worst([]) == 0


# ---- what is asked of the checker


def test_options_reach_the_checker(pgcheck: Pgcheck, answer: Answer, tmp_path: Path) -> None:
    answer.result = result()
    pgcheck(
        "pg74",
        "--jobs",
        "3",
        "--budget",
        "77",
        "--no-cache",
        "--no-second",
        "--only",
        "l*",
        "--dump-smt",
        tmp_path / "d",
    )
    assert answer.asked is not None
    options = answer.asked[0][1]
    assert (options.jobs, options.rlimit, options.cache, options.second) == (3, 77, False, False)
    assert options.only == ("load", "li", "lih", "la", "lpsw", "lrr", "lra")
    assert options.dump == tmp_path / "d" and (tmp_path / "d").is_dir()


def test_without_options_the_checker_decides(pgcheck: Pgcheck, answer: Answer) -> None:
    answer.result = result()
    pgcheck("pg74")
    assert answer.asked is not None
    options = answer.asked[0][1]
    assert options == replace(type(options)(), jobs=options.jobs) and options.jobs >= 1


def test_one_deployment_can_be_asked_for(pgcheck: Pgcheck, answer: Answer) -> None:
    answer.result = result()
    pgcheck("riscv64")
    pgcheck("riscv64", "--deployment", "vmm_in_m")
    assert answer.asked is not None
    assert [[d.name for d in machine.deployments] for machine, _ in answer.asked] == [
        ["s_in_u", "vmm_in_m"],
        ["vmm_in_m"],
    ]


# ---- output


def test_several_specifications_are_one_json_document(pgcheck: Pgcheck, answer: Answer) -> None:
    answer.result = result(HOLE)
    assert len(json.loads(pgcheck("pg74", POPF, "--format", "json").out)["results"]) == 2


def test_no_timing_leaves_timing_out_of_both_formats(pgcheck: Pgcheck, answer: Answer) -> None:
    answer.result = result(HOLE)
    for options, said in ((["--format", "json"], "1.25"), (["--format", "text"], "1.2 s")):
        assert said in pgcheck("pg74", *options).out
        assert said not in pgcheck("pg74", "--no-timing", *options).out


def test_workers_and_cache_change_no_byte(spawn: Pgcheck) -> None:
    asked = (POPF, "--format", "json", "--no-timing")
    first = spawn(*asked, "-j1", "--no-cache")
    assert json.loads(first.out)["monitor"]["status"] == "fails"
    assert [spawn(*asked, "-j2").out for _ in range(2)] == [first.out, first.out]


def test_a_witness_is_written_and_replayed(spawn: Pgcheck, tmp_path: Path) -> None:
    ran = spawn(POPF, "--witnesses", tmp_path, "--only", "popf", "--exit-zero", "--no-timing")
    (file,) = tmp_path.glob("*.yaml")
    assert file.name == "popf-default-popf.yaml"
    assert "Holes (1)" in ran.out
    again = spawn("replay", file, "--spec", POPF)
    assert again.code == 0 and "Reproduced without a solver." in again.out
    changed = tmp_path / "changed.yaml"
    kept = [line for line in file.read_text().splitlines() if not line.startswith(("virtual:", "virtual_mode:"))]
    changed.write_text("\n".join([*kept, "virtual_mode: 0"]) + "\n")
    assert spawn("replay", changed, "--spec", POPF).code == 1


def test_a_file_that_is_no_witness_is_refused(pgcheck: Pgcheck) -> None:
    ran = pgcheck("replay", SMALL)
    assert ran.code == 2 and "pg74.yaml" in ran.err and "Traceback" not in ran.err


def test_an_explanation_comes_from_a_real_check(spawn: Pgcheck) -> None:
    ran = spawn("explain", POPF, "popf")
    assert ran.code == 0
    assert "Verdict     hole" in ran.out and "if (M == 0) { IE = A[r][1]; }" in ran.out


def test_validate_shows_every_error_and_goes_on(pgcheck: Pgcheck, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(
        SMALL.read_text(encoding="utf-8").replace("A[r] = A[s];", "A[q] = B[s];").replace("C = sum[32];", "C = summ;")
    )
    ran = pgcheck("validate", wrong, "pg74")
    assert ran.code == 2
    assert "pg74.yaml: 30 instructions" in ran.out
    assert ran.err.count(f"{wrong}:") >= 2 and "^" in ran.err
    assert pgcheck("validate", "pg74").code == 0


def test_schemas_are_printed(pgcheck: Pgcheck) -> None:
    assert "instructions" in json.loads(pgcheck("schema").out)["properties"]
    assert json.loads(pgcheck("schema", "result").out)["title"] == "pgcheck results"


def test_the_version_is_printed(pgcheck: Pgcheck) -> None:
    assert pgcheck("--version").out == f"pgcheck {__version__}\n"


def test_every_command_has_help_of_80_columns(pgcheck: Pgcheck) -> None:
    assert isinstance(command, click.Group)
    for arguments in ([], *([name] for name in command.commands)):
        ran = pgcheck(*arguments, "--help")
        assert ran.code == 0 and max(map(len, ran.out.splitlines())) <= 80
    assert all(f"  {code.value}  " in pgcheck("--help").out for code in ExitCode)


# ---- trouble


def test_an_internal_error_is_a_line_and_exit_4(
    pgcheck: Pgcheck, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer.result = ZeroDivisionError("by zero")
    monkeypatch.delenv("PGCHECK_DEBUG", raising=False)
    ran = pgcheck("pg74")
    assert ran.code == 4 and ran.out == ""
    assert ran.err.startswith("Internal error: ZeroDivisionError: by zero; please report") and ran.err.count("\n") == 1
    monkeypatch.setenv("PGCHECK_DEBUG", "1")
    assert "Traceback" in pgcheck("pg74").err


def test_a_library_that_is_missing_is_no_answer() -> None:
    code = "import sys; sys.modules['pydantic'] = None; from pgcheck.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "pg74"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 4 and done.stderr.startswith("Internal error: ") and done.stderr.count("\n") == 1


def test_an_interrupt_is_a_line_and_exit_130(pgcheck: Pgcheck, answer: Answer) -> None:
    answer.result = KeyboardInterrupt()
    ran = pgcheck("pg74")
    assert (ran.code, ran.out, ran.err) == (130, "", "Interrupted.\n")


@pytest.mark.usefixtures("interruptible")
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    "number, code, said", [(signal.SIGINT, 130, "Interrupted.\n"), (signal.SIGTERM, 143, "")], ids=["INT", "TERM"]
)
def test_a_signal_ends_a_run_with_its_workers(tmp_path: Path, number: signal.Signals, code: int, said: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "pgcheck", "specs/i386.yaml", "--no-cache", "-j2", "--witnesses", str(tmp_path / "w")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    workers = children(process.pid)
    while len(workers) < 2:
        assert process.poll() is None
        time.sleep(0.2)
        workers = children(process.pid)
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (code, said)
    assert out == "" or out.startswith("specs/i386.yaml: broken off; ")
    assert not (tmp_path / "w").exists()
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_a_line(spawn: Pgcheck) -> None:
    with open("/dev/full", "w") as full:
        ran = spawn("schema", stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert ran.code == 2
    assert ran.err == "Error: cannot write to standard output: No space left on device\n"


def test_a_closed_standard_output_is_a_line() -> None:
    line = f"{sys.executable} -m pgcheck list >&-"
    done = subprocess.run(["sh", "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (2, "Error: standard output is closed\n")


def test_a_reader_that_goes_away_is_no_news(spawn: Pgcheck) -> None:
    ends = os.pipe()
    os.close(ends[0])
    ran = spawn("schema", stdout=ends[1], stderr=subprocess.PIPE, capture_output=False)
    os.close(ends[1])
    assert (ran.code, ran.err) == (141, "")


def test_witnesses_that_cannot_be_written_are_a_line(pgcheck: Pgcheck, answer: Answer, tmp_path: Path) -> None:
    answer.result = result(HOLE)
    (tmp_path / "file").write_text("")
    ran = pgcheck("pg74", "--witnesses", tmp_path / "file")
    assert ran.code == 2 and ran.err.startswith("Error: cannot make the folder") and ran.err.count("\n") == 1


def test_a_terminal_gets_question_marks_for_what_it_lacks(spawn: Pgcheck, tmp_path: Path) -> None:
    accented = tmp_path / "accented.yaml"
    accented.write_text(SMALL.read_text(encoding="utf-8").replace("The third", "\u4e09rd"), encoding="utf-8")
    ran = spawn(accented, "--only", "halt", env={**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"})
    assert "pg74: ?rd generation" in ran.out and ran.err == ""


# ---- a light start


@pytest.mark.parametrize("arguments", [[], ["--help"], ["check", "--help"], ["--version"]])
def test_help_loads_no_heavy_library(arguments: list[str]) -> None:
    heavy = {
        "z3",
        "bitwuzla",
        "cvc5",
        "llvmlite",
        "pydantic",
        "rich",
        "lark",
        "yaml",
        "networkx",
        "hypothesis",
        "pytest",
    }
    heavy |= {
        "pgcheck.isa.files.tree",
        "tempfile",
        "pgcheck.isa.terms",
        "pgcheck.checker.result",
        "pgcheck.running",
        "dataclasses",
    }
    heavy -= {"tempfile"} if arguments == ["--version"] else set()  # Python's own reader of what is installed needs it
    code = f"import sys; from pgcheck import cli; cli.run({arguments!r}); print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_check_of_that_list_can_fail() -> None:
    code = (
        "import sys; from pgcheck import cli; cli.run(['validate', 'pg74']); print('pgcheck.isa.files' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "True"


def test_rows_of_a_plain_result_are_grouped_unless_asked(pgcheck: Pgcheck, answer: Answer) -> None:
    answer.result = result(*PLAIN)
    assert "add (2)" in pgcheck("pg74").out
    assert "add.r32" in pgcheck("pg74", "--rows").out
