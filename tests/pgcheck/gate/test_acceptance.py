"""`pgcheck waive`: writes what a check then accepts, keeps what people wrote, and refuses what is not to be waived."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from pgcheck.checker.solving.evidence import Undecided
from pgcheck.checker.verdicts.waiver import Property, Waiver
from pgcheck.console import Failure
from pgcheck.gate.acceptance import with_waivers
from pgcheck.options import WAIVERS_FILE
from pgcheck.waivers import waiver_file
from tests.pgcheck.conftest import Pgcheck

FAST = ("--no-second", "--jobs", "1")
OLD, NEW = "b" * 64, "a" * 64


# ---- whole runs


def test_what_it_writes_a_check_accepts(pgcheck: Pgcheck, project: Path) -> None:
    assert pgcheck("popf.yaml", *FAST).code == 1
    ran = pgcheck("waive", "popf.yaml", "popf", "--reason", "known: 'since' 1974 # really", *FAST)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"{WAIVERS_FILE}: popf, theorem1: ctl[interrupt@S]\n{WAIVERS_FILE}: popf, monitor: virtual:IE\n"
    theorem1, monitor = waiver_file.load(Path(WAIVERS_FILE))
    assert (theorem1.property, monitor.property, [*monitor.modes]) == ("theorem1", "monitor", ["supervisor"])
    assert theorem1.reason == monitor.reason == "known: 'since' 1974 # really"
    for required in ("theorem1", "monitor"):
        assert pgcheck("popf.yaml", "--require", required, *FAST).code == 0
    text = (project / "popf.yaml").read_text("utf-8")
    (project / "popf.yaml").write_text(text.replace("IE = A[r][1]", "IE = A[r][2]"))
    assert pgcheck("popf.yaml", *FAST).code == 1


def test_one_property_alone_with_its_last_day(pgcheck: Pgcheck, project: Path) -> None:
    ran = pgcheck(
        "waive", "popf.yaml", "popf", "--reason", "x", "--property", "monitor", "--expires", "2999-12-31", *FAST
    )
    assert ran.code == 0
    (waiver,) = waiver_file.load(Path(WAIVERS_FILE))
    assert (waiver.property, waiver.expires) == ("monitor", date(2999, 12, 31))


def test_again_replaces_the_entry(pgcheck: Pgcheck, project: Path) -> None:
    for reason in ("first", "second"):
        assert pgcheck("waive", "popf.yaml", "popf", "--reason", reason, "--file", "other.yaml", *FAST).code == 0
    assert [w.reason for w in waiver_file.load(Path("other.yaml"))] == ["second", "second"]
    assert not Path(WAIVERS_FILE).exists()
    assert pgcheck("popf.yaml", "--waivers", "other.yaml", *FAST).code == 0


def test_the_configured_file_is_the_one(pgcheck: Pgcheck, project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.pgcheck]\nwaivers = "accepted.yaml"\nsecond = false\njobs = 1\n')
    (project / "inner").mkdir()
    assert pgcheck("waive", "popf.yaml", "popf", "--reason", "x").out.startswith("accepted.yaml: ")
    assert pgcheck("popf.yaml").code == 0


@pytest.mark.parametrize(
    "words, said",
    [
        (["popf.yaml", "popf"], "Missing option '--reason'"),
        (["popf.yaml", "popf", "--reason", " \t "], "a waiver needs a reason"),
        (["popf.yaml", "popf", "--reason", "a\nb"], "one line of text"),
        (["popf.yaml", "popf", "--reason", "x", "--expires", "soon"], "a day as YYYY-MM-DD"),
        (["popf.yaml", "popf", "--reason", "x", "--expires", "2020-01-01"], "that day is over"),
        (["popf.yaml", "popf", "--reason", "x", "--property", "theorem2"], "is not one of"),
        (["popf.yaml", "popf", "--reason", "x", "--property", "theorem3"], "theorem3 does not fail on popf"),
        (["popf.yaml", "add", "--reason", "x"], "nothing fails on add of popf"),
        (["popf.yaml", "pop", "--reason", "x"], "popf has no instruction 'pop'; did you mean 'popf'?"),
        (["popf.yaml", "popf", "--reason", "x", "--deployment", "d"], "popf has no deployment 'd'"),
        (["pg74", "load", "--reason", "x"], "name a file of your own with --file"),
        (["nowhere.yaml", "popf", "--reason", "x"], "no specification or file 'nowhere.yaml'"),
    ],
)
def test_what_is_not_to_be_waived_is_refused(pgcheck: Pgcheck, project: Path, words: list[str], said: str) -> None:
    ran = pgcheck("waive", *words, *FAST)
    assert (ran.code, ran.out) == (2, "") and said in ran.err and "Traceback" not in ran.err
    assert not (project / WAIVERS_FILE).exists()


def test_a_wrong_file_stays_as_it_is(pgcheck: Pgcheck, project: Path) -> None:
    (project / WAIVERS_FILE).write_text("waivers:\n  - reason: x\n")
    ran = pgcheck("waive", "popf.yaml", "popf", "--reason", "x", *FAST)
    assert ran.code == 2 and f"{WAIVERS_FILE}:2:5: key 'machine' is missing" in ran.err
    assert (project / WAIVERS_FILE).read_text() == "waivers:\n  - reason: x\n"


def test_what_is_not_decided_is_not_waived(pgcheck: Pgcheck, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def undecided(*given: object) -> None:
        raise Undecided("popf:waive", "out of budget")

    monkeypatch.setattr("pgcheck.gate.acceptance.differences", undecided)
    ran = pgcheck("waive", "popf.yaml", "popf", "--reason", "x", *FAST)
    assert ran.code == 3 and "out of budget" in ran.err and not (project / WAIVERS_FILE).exists()


# ---- the text of the file

COMMENTED = f"""\
# ours
waivers:
  # about popf
  - machine: toy   # m
    deployment: default
    instruction: popf
    property: monitor
    # of May
    meaning: {OLD}
    reason: 'old'   # why
    differences:
      - "virtual:IE"

  # about x
  - instruction: x
    machine: toy
    deployment: default
    property: theorem1
    meaning: {OLD}
    differences: ["a"]
    reason: r
    expires: 2030-01-01

  # about y
  - {{machine: toy, deployment: default, instruction: y, property: theorem1, meaning: {OLD}, differences: [a], reason: r}}
# the end
"""


def waiver(instruction: str, property_: Property = "monitor", expires: date | None = None) -> Waiver:
    return Waiver("toy", "default", instruction, property_, NEW, frozenset({"virtual:IE"}), "because", expires=expires)


def test_an_entry_that_is_there_keeps_its_order_and_comments() -> None:
    text = with_waivers(COMMENTED, [waiver("popf", expires=date(2031, 1, 1))], Path("w.yaml"))
    expected = COMMENTED.replace(OLD, NEW, 1).replace("'old'   #", "'because' #")
    expected = expected.replace('- "virtual:IE"\n', '- "virtual:IE"\n    expires: 2031-01-01\n', 1)
    assert text == expected
    assert waiver_file.parsed(text, Path("w.yaml"))[0].expires == date(2031, 1, 1)


def test_what_is_said_no_more_goes_and_comments_behind_it_stay() -> None:
    text = with_waivers(COMMENTED, [waiver("x", "theorem1"), waiver("y", "theorem1"), waiver("z")], Path("w.yaml"))
    found = waiver_file.parsed(text, Path("w.yaml"))
    assert [(w.instruction, w.meaning, w.expires) for w in found] == [
        ("popf", OLD, None),
        ("x", NEW, None),
        ("y", NEW, None),
        ("z", NEW, None),
    ]
    comments = [line for line in COMMENTED.splitlines() if "#" in line]
    assert [line for line in text.splitlines() if "#" in line] == comments
    assert text.startswith(COMMENTED[: COMMENTED.index("  # about x")])


@pytest.mark.parametrize("before", ["", "# ours\n", "waivers: []\n", "waivers: [ ] # none\n", "\n"])
def test_a_file_without_entries_gets_them(before: str) -> None:
    text = with_waivers(before, [waiver("a"), waiver("b")], Path("w.yaml"))
    assert [w.instruction for w in waiver_file.parsed(text, Path("w.yaml"))] == ["a", "b"]
    assert before.strip().partition("#")[2] in text


def test_entries_without_indentation_stay_so() -> None:
    text = with_waivers("", [waiver("a")], Path("w.yaml")).replace("\n  ", "\n")
    text = with_waivers(text, [waiver("a"), waiver("b")], Path("w.yaml"))
    assert [w.instruction for w in waiver_file.parsed(text, Path("w.yaml"))] == ["a", "b"]
    assert text.count("\n- machine") == 2


def test_entries_side_by_side_on_a_line_are_not_touched() -> None:
    entry = COMMENTED.splitlines()[-2].removeprefix("  - ")
    with pytest.raises(Failure, match="w.yaml:1: to change this file"):
        with_waivers(f"waivers: [{entry}]\n", [waiver("a")], Path("w.yaml"))


def test_a_digest_that_looks_like_a_number_stays_a_text() -> None:
    odd = Waiver("toy", "default", "1e5", "monitor", "1" * 64, frozenset({"yes", "0x10"}), "null")
    text = with_waivers("", [odd], Path("w.yaml"))
    (read,) = waiver_file.parsed(text, Path("w.yaml"))
    assert (read.instruction, read.meaning, sorted(read.differences)) == ("1e5", "1" * 64, ["0x10", "yes"])
    assert json.dumps(read.reason) == '"null"'


INSIDE = f"""\
# top
waivers:
  - machine: toy  # whose
    deployment: default
    instruction: popf
    property: monitor
    meaning: {OLD}
    differences:  # of which
      # the old ones
      - 'old # thing'  # as it was
    modes: [user]  # once
    # why
    reason: "before # then"  # really
# tail
"""


def test_comments_inside_what_is_replaced_stay() -> None:
    text = with_waivers(INSIDE, [waiver("popf")], Path("w.yaml"))
    for comment in (
        "# top",
        "# whose",
        "# of which",
        "# the old ones",
        "# as it was",
        "# once",
        "# why",
        "# really",
        "# tail",
    ):
        assert text.count(comment) == 1, comment
    (found,) = waiver_file.parsed(text, Path("w.yaml"))
    assert found.meaning == NEW


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("before", [INSIDE, "", "# mine\n", "waivers: []\n"])
def test_line_endings_stay(before: str, end: str) -> None:
    before = before.replace("\n", end)
    text = with_waivers(before, [waiver("popf"), waiver("other")], Path("w.yaml"))
    expected = end if before else "\n"
    assert text.count("\n") == text.count(expected) and "\r\r" not in text
    assert len(waiver_file.parsed(text, Path("w.yaml"))) == 2


def test_a_file_with_foreign_line_endings_is_kept_by_the_command(pgcheck: Pgcheck, project: Path) -> None:
    Path("w.yaml").write_bytes(b"\xef\xbb\xbf# mine\r\nwaivers: []\r\n")
    assert pgcheck("waive", "popf.yaml", "popf", "--reason", "x", "--file", "w.yaml", *FAST).code == 0
    content = Path("w.yaml").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf# mine\r\n") and content.count(b"\n") == content.count(b"\r\n")
