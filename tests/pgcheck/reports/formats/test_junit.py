"""JUnit: counts that fit, what a CI server shows of a hole, and well-formed XML whatever a specification says."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from pgcheck.checker.result import ExitCode, Judged
from pgcheck.reports.formats.junit import render
from pgcheck.running.events import Manner, Underway
from tests.pgcheck.conftest import Pgcheck
from tests.pgcheck.factory import HOLE, ODD, PLAIN, result
from tests.pgcheck.stories import BROKEN, HOSTILE, LONG, RICH, TIMELESS, WRONG, checked, hostile, story


def read(*events: Any, manner: Manner = TIMELESS, **more: Any) -> ElementTree.Element:
    whole = ElementTree.fromstring(render(story(*events, **more), manner))
    balanced(whole)
    return whole


def balanced(whole: ElementTree.Element) -> None:
    """The counts are those of the elements."""
    for element in (whole, *whole.iter("testsuite")):
        assert int(element.get("tests", "")) == len(list(element.iter("testcase")))
        assert int(element.get("failures", "")) == len(list(element.iter("failure")))
        assert int(element.get("errors", "")) == len(list(element.iter("error")))
    for suite in whole:
        assert suite.tag == "testsuite" and int(suite.get("skipped", "")) == len(list(suite.iter("skipped")))


def ends(whole: ElementTree.Element) -> dict[tuple[str, str], str]:
    """How each case ended, by (suite, case)."""
    return {
        (case.get("classname", ""), case.get("name", "")): " ".join(outcome.tag for outcome in case)
        for case in whole.iter("testcase")
    }


def test_rows_theorem_and_findings_are_cases() -> None:
    assert ends(read(checked(RICH))) == {
        ("toy.default", "theorem1"): "failure",
        ("toy.default", "general_or_mirror IF"): "system-out",
        ("toy.default", "traps_are_precise popf"): "error",
        ("toy.default", "legal_is_inductive popf"): "error",
        ("toy.default", "popf"): "failure",
        ("toy.default", "lgdt"): "",
        ("toy.default", "cli"): "",
        ("toy.default", "odd"): "error",
        ("toy.default", "add.r8"): "",
        ("toy.default", "add.r32"): "",
        ("toy.default", "nop"): "",
        ("toy.elsewhere", "popf"): "failure",
    }


@pytest.mark.parametrize(
    "status, end, row",
    [
        ("holds", "", ""),
        ("conditional", "", ""),
        ("fails", "failure", ""),
        ("unknown", "error", ""),
        ("void", "error", "skipped"),
    ],
)
@pytest.mark.parametrize("required", ["theorem1", "theorem3", "monitor"])
def test_the_required_answer_is_a_case(required: str, status: Any, end: str, row: str) -> None:
    statuses: dict[str, Any] = {required: status}
    whole = read(checked(result(*PLAIN, **statuses)), require=required)
    assert ends(whole)["toy.default", required] == end
    assert ends(whole)["toy.default", "nop"] == row


def test_a_hole_shows_its_witness() -> None:
    whole = read(checked(result(HOLE)))
    (case,) = [c for c in whole.iter("testcase") if c.get("name") == "popf"]
    assert (case.get("file"), case.get("line")) == ("toy.yaml", "3")
    (failure,) = case
    assert failure.get("message") == "popf is a hole: changes the virtual machine's IF without a trap"
    assert failure.get("type") == "PG001 hole"
    assert (
        failure.text is not None and "Witness: popf 1 [9d 01]" in failure.text and "IF goes from 1 to 0" in failure.text
    )


def test_an_undecided_row_is_an_error_and_no_failure() -> None:
    (error,) = read(checked(result(ODD))).iter("error")
    assert error.get("type") == "PG002 undecided" and error.text == "odd is not decided: odd:hole@user: out of budget"


def test_a_waived_hole_is_skipped_with_its_reason() -> None:
    whole = read(checked(result(HOLE), waived={("default", "popf"): "no guest uses it"}))
    (skipped,) = whole.iter("skipped")
    assert skipped.get("message") == "waived: no guest uses it"
    assert whole.get("failures") == "0"


def test_what_has_no_answer_is_an_error() -> None:
    whole = read(WRONG, BROKEN, words=("late",), complete=False)
    texts = [(suite.get("name"), error.get("type"), error.text) for suite in whole for error in suite.iter("error")]
    assert texts == [
        (
            "wrong.yaml",
            "PG200 specification",
            "the specification has 2 errors\nwrong.yaml:3:9: no 'IF' here\nwrong.yaml:9:1: too wide",
        ),
        ("broken.yaml", "pgcheck", "ZeroDivisionError: by zero"),
        ("late", "pgcheck", "late: not checked, for the run was broken off"),
    ]


def test_times_are_those_of_the_row_under_the_deployment() -> None:
    judged = [
        Underway("toy", Judged(phase, "popf", "hole", seconds))
        for phase, seconds in (("rows", 1.0), ("configuration", 0.5), ("rows", 2.0))
    ]
    whole = read(*judged, checked(RICH), manner=Manner())
    times = [c.get("time") for c in whole.iter("testcase") if c.get("name") == "popf"]
    assert times == ["1.500", "2.000"]
    assert [suite.get("time") for suite in whole] == ["1.250", None]
    assert " time=" not in render(story(*judged, checked(RICH)), TIMELESS)


@pytest.mark.parametrize("text", [HOSTILE, LONG, ""], ids=["hostile", "long", "empty"])
def test_whatever_a_specification_says_the_xml_is_well_formed(text: str) -> None:
    made = render(hostile(text=text), TIMELESS)
    whole = ElementTree.fromstring(made.encode("utf-8"))  # raises where a character is not allowed
    balanced(whole)
    assert {e.tag for e in whole.iter()} <= {
        "testsuites",
        "testsuite",
        "testcase",
        "failure",
        "error",
        "skipped",
        "system-out",
    }
    assert all(len(value) < 300 for e in whole.iter() for value in e.attrib.values() if not value.startswith("x"))
    assert all(len(e.text or "") < 5000 for e in whole.iter())
    assert "\x1b" not in made and "]]>" not in made


def test_the_parser_refuses_what_we_escape() -> None:
    with pytest.raises(ElementTree.ParseError):
        ElementTree.fromstring("<testsuites name='\x1b'/>")


def test_a_real_check_is_read_by_name(spawn: Pgcheck, tmp_path: Path) -> None:
    ran = spawn("tests/specs/popf.yaml", "--only", "popf", "--only", "add", "--output", f"junit={tmp_path / 'x'}")
    assert ran.code == ExitCode.REFUTED
    whole = ElementTree.parse(tmp_path / "x").getroot()
    balanced(whole)
    assert ends(whole) == {
        ("popf.default", "theorem1"): "failure",
        ("popf.default", "add"): "",
        ("popf.default", "popf"): "failure",
    }
