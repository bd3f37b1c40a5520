"""Where the instruction was, when a trap hands over an address and its delivery saves that alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.premises.entry_is_recoverable import PREMISE
from pgcheck.checker.solving.evidence import Evidence, Undecided
from tests.checker.premises.asking import ENTRY, entry, said

BODY = ENTRY.replace("$pc;", "back;", 1)
VECTORS = "(cause == Cause::Service) ? 4'd2 : ((cause == Cause::Privileged) ? 4'd3 : ((cause == Cause::Undefined) ? 4'd4 : 4'd5))"
TOLD = BODY.replace("4'd1", VECTORS)
HEAD = "function trap { arguments Cause cause description"


def handing(folder: Path, memory: str, privileged: str, service: str, evidence: Evidence, body: str = BODY) -> str:
    """What is said of a machine whose traps hand over addresses: of an access, of a refused instruction, of a call."""
    changed = [
        ("{ trap(Cause::Memory); }\n      Bits<5>", f"{{ fault({memory}); }}\n      Bits<5>"),
        ("if (sum[4] == 1) { trap(Cause::Memory); }", f"if (sum[4] == 1) {{ fault({memory}); }}"),
        ("{ trap(Cause::Privileged); }", f"{{ trap(Cause::Privileged, {privileged}); }}"),
        ("trap(Cause::Service);", f"trap(Cause::Service, {service});"),
        ('"trap(Cause::Undefined);"', '"trap(Cause::Undefined, $pc);"'),
        (HEAD, HEAD.replace("cause d", "cause, Bits<4> back d")),
        ("exits: {", "exits: {fault: {kind: memory}, "),
        ("functions: |\n", f"functions: |\n  function fault {{ arguments Bits<4> why description {{ x }} body {{ {ENTRY} }} }}\n"),
    ]  # fmt: skip
    ((status, _),) = said(PREMISE, entry(folder, body, *changed), evidence)
    return status


@pytest.mark.parametrize(
    ("privileged", "service"),
    [
        ("$pc", "$pc"),
        ("$pc", "$pc + 4'd1"),
        ("$pc + 4'd1", "$pc + 4'd1"),
        ("$pc", "(A[0] == 0) ? $pc : $pc + 4'd1"),
    ],
)
def test_an_address_at_one_distance_says_where(
    privileged: str, service: str, tmp_path: Path, evidence: Evidence
) -> None:
    """Each cause has its distance, and a handler; of a call, which the virtual machine makes alike, it need not be known."""
    assert handing(tmp_path, "0", privileged, service, evidence, TOLD) == "ok"


def test_an_address_at_one_distance_for_all_says_where(tmp_path: Path, evidence: Evidence) -> None:
    """Then all may have one handler."""
    assert handing(tmp_path, "0", "$pc", "$pc", evidence) == "ok"


def test_distances_that_nothing_tells_apart_say_nothing_sure(tmp_path: Path, evidence: Evidence) -> None:
    with pytest.raises(Undecided, match="by no constant distance"):
        handing(tmp_path, "0", "$pc", "$pc + 4'd1", evidence)


def test_an_address_at_some_distance_says_nothing_sure(tmp_path: Path, evidence: Evidence) -> None:
    """A refused instruction is the monitor's to carry out, and so it must know which."""
    with pytest.raises(Undecided, match="by no constant distance"):
        handing(tmp_path, "0", "(A[0] == 0) ? $pc : $pc + 4'd1", "$pc", evidence)


def test_what_is_not_handed_over_is_lost(tmp_path: Path, evidence: Evidence) -> None:
    assert handing(tmp_path, "0", "4'd3", "$pc", evidence) == "fails"


def test_what_is_handed_over_but_not_saved_is_lost(tmp_path: Path, evidence: Evidence) -> None:
    with pytest.raises(Undecided):
        handing(tmp_path, "0", "$pc", "$pc", evidence, body=ENTRY.replace("SP = $pc; ", ""))
