"""Theorems from rows: each status both ways."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgcheck.checker.result import Finding, FindingStatus, InstructionResult, TheoremResult
from pgcheck.checker.values import NOTHING, Configuration
from pgcheck.checker.verdicts.theorems import theorems, untested, void
from pgcheck.isa.files.errors import Position

SHUT = Configuration({"IOPL": 0})

PLAIN = InstructionResult(
    id="add",
    name="add",
    variant="",
    row="",
    position=Position("x.yaml", 1, 1),
    sensitive=False,
    sensitivities=(),
    user_sensitive=False,
    timing=False,
    privileged=False,
    privileged_under_configuration=False,
    sensitive_under_configuration=False,
    user_sensitive_under_configuration=False,
    holed_user=False,
    verdict="innocuous",
    configuration=None,
    evidence="taint",
    reason="",
    witness=None,
)
PRIVILEGED = replace(
    PLAIN,
    id="lrr",
    sensitive=True,
    sensitive_under_configuration=True,
    privileged=True,
    privileged_under_configuration=True,
    verdict="privileged",
)
HOLE = replace(PLAIN, id="jrst1", sensitive=True, sensitive_under_configuration=True, verdict="hole")
USER_HOLE = replace(HOLE, id="sgdt", user_sensitive=True, user_sensitive_under_configuration=True, holed_user=True)
CLOSED = replace(
    PLAIN,
    id="cli",
    sensitive=True,
    user_sensitive=True,
    sensitive_under_configuration=True,
    user_sensitive_under_configuration=True,
    privileged_under_configuration=True,
    verdict="conditional",
)
GONE = replace(
    CLOSED,
    id="in",
    sensitive_under_configuration=False,
    user_sensitive_under_configuration=False,
    privileged_under_configuration=False,
)
CLOCK = replace(PLAIN, id="rdtsc", timing=True, verdict="timing")
SHUT_CLOCK = replace(CLOCK, id="rdtime", privileged_under_configuration=True, verdict="conditional")
MEDIATED = replace(PLAIN, id="int", sensitive=True, sensitive_under_configuration=True, verdict="trap-mediated")
UNKNOWN = replace(PLAIN, id="mul", verdict="unknown")
REFUSED = replace(UNKNOWN, id="mtsr", privileged=True, privileged_under_configuration=True)
SHUT_OUT = replace(REFUSED, id="mcr", privileged=False)
UNSEEN = replace(HOLE, id="swi", sensitive=False, sensitive_under_configuration=False)
UNSEEN_BY_USERS = replace(UNSEEN, id="srs", holed_user=True)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([PLAIN, PRIVILEGED], "holds holds holds holds"),
        ([PLAIN, HOLE], "fails fails holds fails"),
        ([PLAIN, USER_HOLE], "fails fails fails fails"),
        ([PRIVILEGED, CLOSED], "conditional conditional conditional conditional"),
        ([PRIVILEGED, GONE], "conditional conditional conditional conditional"),
        ([CLOSED, HOLE], "fails fails conditional fails"),
        ([CLOCK], "holds fails holds conditional"),
        ([SHUT_CLOCK], "holds conditional holds conditional"),
        ([MEDIATED], "fails fails holds holds"),
        ([PLAIN, UNKNOWN], "unknown unknown unknown unknown"),
        ([PLAIN, REFUSED], "holds holds holds unknown"),
        ([PLAIN, SHUT_OUT], "holds holds holds unknown"),
        ([PRIVILEGED, UNSEEN], "fails fails holds fails"),
        ([PRIVILEGED, UNSEEN_BY_USERS], "fails fails fails fails"),
        ([CLOSED, UNSEEN], "fails fails conditional fails"),
        ([UNKNOWN, UNSEEN_BY_USERS], "unknown unknown unknown fails"),
        ([HOLE, UNKNOWN], "fails fails unknown fails"),
        ([], "holds holds holds holds"),
    ],
)
def test_the_four_answers(rows: list[InstructionResult], expected: str) -> None:
    found = theorems(rows, SHUT)
    assert " ".join(found[n].status for n in ("theorem1", "theorem2", "theorem3", "monitor")) == expected


def test_failing_rows_are_named_in_order_and_the_configuration_is_shown() -> None:
    found = theorems([USER_HOLE, PLAIN, CLOSED, HOLE], SHUT)
    assert found["theorem1"].failing == ("sgdt", "jrst1")
    assert found["theorem3"].failing == ("sgdt",)
    closed = theorems([CLOSED], SHUT)["theorem1"]
    assert (closed.failing, closed.configuration) == (("cli",), SHUT)
    assert theorems([PRIVILEGED], SHUT)["theorem1"].configuration is None


def test_time_alone_is_no_matter_of_theorems_1_and_3() -> None:
    assert theorems([CLOCK], NOTHING)["theorem2"].failing == ("rdtsc",)
    assert theorems([CLOCK], NOTHING)["monitor"].timing == ("rdtsc",)
    assert theorems([SHUT_CLOCK], NOTHING)["monitor"].timing == ()
    assert {theorems([CLOCK], NOTHING)[n].status for n in ("theorem1", "theorem3")} == {"holds"}


def test_what_untested_checks_say_is_no_proof() -> None:
    for rows, expected in (([PLAIN], "unknown unknown unknown unknown"), ([CLOSED, HOLE], "fails fails unknown fails")):
        found = untested(theorems(rows, SHUT))
        assert " ".join(found[n].status for n in ("theorem1", "theorem2", "theorem3", "monitor")) == expected
        assert all(t.configuration is None for t in found.values())


def found(status: FindingStatus, law: str = "entry") -> Finding:
    return Finding(law, status, "default", "")


def test_what_the_machine_lacks_refutes_every_theorem() -> None:
    answers = theorems([PRIVILEGED], NOTHING, [found("ok", "fine"), found("unknown", "open"), found("fails")])
    assert {(t.status, t.failing, t.premises) for t in answers.values()} == {("fails", (), ("entry",))}


def test_what_is_open_of_the_machine_leaves_open_what_the_rows_do_not_refute() -> None:
    answers = theorems([HOLE], NOTHING, [found("unknown")])
    assert answers["monitor"] == TheoremResult("monitor", "fails", ("jrst1",))
    assert answers["theorem3"] == TheoremResult("theorem3", "unknown", (), premises=("entry",))


def test_what_the_machine_offers_changes_no_answer() -> None:
    given = [found("ok"), found("warning")]
    assert theorems([PRIVILEGED, CLOSED], SHUT, given) == theorems([PRIVILEGED, CLOSED], SHUT)


def test_of_a_specification_that_breaks_a_law_nothing_is_said() -> None:
    assert {(t.status, t.failing) for t in void(theorems([HOLE], NOTHING)).values()} == {("void", ())}
