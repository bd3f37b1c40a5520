"""The law encodings_are_disjoint: what obeys it passes, and the smallest thing that does not is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.laws.encodings_are_disjoint import encodings_are_disjoint
from pgcheck.checker.solving.evidence import Evidence
from tests.checker.variants import variant


@pytest.mark.parametrize(("cube", "disjoint"), [("v * v * v == 28'd8", True), ("v * v == 28'hafaaf71", False)])
def test_encodings_that_enumeration_leaves_open_go_to_the_solver(
    cube: str, disjoint: bool, tmp_path: Path, evidence: Evidence
) -> None:
    """The second pair has 28'h1234567 in common."""
    wide = 'encoding: {match: "1000----------------------------", variables: ["v 27-0"], when: "WHEN"}\n    operation(): ""\n'
    text = "instructions:\n  - name: one\n    " + wide.replace("WHEN", "v * v * v == 28'h9990b77")
    machine = variant(tmp_path, text + "  - name: two\n    " + wide.replace("WHEN", cube))
    assert [(p.a, p.b) for p in machine.decoding.undecided] == [("one", "two")]
    assert [f.subject for f in encodings_are_disjoint(machine, evidence)] == ([] if disjoint else ["one"])
