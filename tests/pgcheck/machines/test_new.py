"""`pgcheck new isa`: what it writes is valid, has one hole, and none once it is mended as it says."""

import os
from pathlib import Path

import pytest

from pgcheck import console
from pgcheck.checker.check import Options, check
from pgcheck.checker.result import MachineResult
from pgcheck.isa.machine.build import load
from pgcheck.machines import new
from tests.pgcheck.conftest import Pgcheck

pytestmark = pytest.mark.usefixtures("own_cache")


def judged(path: Path) -> MachineResult:
    return check(load(path), Options(jobs=1, second=False))


def mended(text: str) -> str:
    """The text with the operation that its last comment gives in the place of the last instruction's."""
    lines = text.splitlines()
    where = next(n for n, line in enumerate(lines) if line.startswith("# The mend"))
    last = max(n for n in range(where) if lines[n].startswith("    operation()"))
    operation = [line.removeprefix("#").strip() for line in lines[where + 1 :] if line.strip("# ")][-2:]
    assert operation[0] == "privileged();"
    return "\n".join([*lines[: last + 1], *("      " + line for line in operation), ""])


# No limit admits address 255, which a guest's supervisor reaches: it is interpreted there, and the report says so.
LAST_ADDRESS = [("monitor_can_map", "warning")]


def said(result: MachineResult) -> list[tuple[str, str]]:
    return [(f.law, f.status) for f in result.findings if f.status not in ("ok", "assumed")]


def test_it_has_exactly_the_hole_that_it_tells_of_and_the_mend_closes_it(pgcheck: Pgcheck, tmp_path: Path) -> None:
    written = pgcheck("new", "isa", "tiny", "--folder", tmp_path)
    path = tmp_path / "tiny.yaml"
    assert written.code == 0 and str(path) in written.out and "pgcheck " in written.out
    assert pgcheck("validate", path).out.endswith("10 instructions, 10 leaves: valid\n")
    text = path.read_text()
    broken = judged(path)
    assert [r.id for r in broken.main.instructions if r.verdict == "hole"] == ["setie"]
    assert broken.main.theorems["theorem1"].failing == ("setie",) and broken.main.theorems["monitor"].status == "fails"
    assert "# The hole is `setie`." in text
    assert said(broken) == LAST_ADDRESS
    path.write_text(mended(text))
    sound = judged(path)
    assert {t.status for t in sound.main.theorems.values()} == {"holds"}
    assert said(sound) == LAST_ADDRESS


def test_it_goes_by_its_name(tmp_path: Path) -> None:
    text = new.isa("my-isa_2", tmp_path).read_text()
    assert "\nname: my-isa_2\n" in text and "NAME" not in text and "pgcheck my-isa_2.yaml" in text
    assert max(map(len, text.splitlines())) <= 140


def test_it_assembles(pgcheck: Pgcheck, tmp_path: Path) -> None:
    path = new.isa("tiny", tmp_path)
    (tmp_path / "a.s").write_text("li r1, 5\nmts base, r1\nsetie 1\n")
    assert pgcheck("assemble", path, tmp_path / "a.s").out.split()[1:] == "14 05 84 00 a0 01".split()


def test_nothing_is_overwritten(pgcheck: Pgcheck, tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text("mine")
    refused = pgcheck("new", "isa", "tiny", "--folder", tmp_path)
    assert refused.code == 2 and "exists already" in refused.err and path.read_text() == "mine"
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    assert pgcheck("new", "isa", "tiny", "--folder", tmp_path).code == 2 and not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("name", ["", "Big", "1st", "a b", "../up", "a/b", "a.yaml", "é", "-", "x" * 41, "a\n", "pg74"])
def test_bad_names_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(console.Failure):
        new.isa(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_none_or_takes_nothing_is_refused(pgcheck: Pgcheck, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "none", tmp_path / "file"):
        refused = pgcheck("new", "isa", "tiny", "--folder", folder)
        assert refused.code == 2 and "there is no folder" in refused.err and not refused.out


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="needs a folder that even the superuser cannot write to")
def test_a_folder_that_cannot_be_written_to_is_refused(pgcheck: Pgcheck) -> None:
    refused = pgcheck("new", "isa", "tiny", "--folder", "/proc")
    assert refused.code == 2 and "cannot write /proc/tiny.yaml" in refused.err


def test_new_alone_says_what_there_is(pgcheck: Pgcheck) -> None:
    assert "isa" in pgcheck("new", "--help").out
    assert pgcheck("new", "vmm").code == 2
