"""The law deliveries_keep_guest: what obeys it passes, and the smallest thing that does not is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.laws.deliveries_keep_guest import deliveries_keep_guest
from pgcheck.checker.solving.evidence import Evidence
from tests.checker.variants import variant

GUEST = """state:
  F: {type: Bits<1>, role: configuration}
deployments:
  mine: {guest: "F == 0", real_mode: 1}
exits:
  own: {kind: other, nested: over}
  over: {kind: other}
override:
  interrupt: {pending: pending, deliver: taken}
  platform: {firmware: {when: "M == 0 && A[0] == 32'd7", call: served}}
"""


@pytest.mark.parametrize(
    ("own", "taken", "served", "said"),
    [
        ("", "", "", []),
        ("F = value;", "", "", ["own"]),
        ("F = value;", "", "F = 1'b0;", ["own"]),
        ("if (value == 1) { F = 1'b1; over(); }", "", "", ["own"]),
        ("", "F = C;", "", []),
        ("", "F = ~C;", "", ["taken"]),
        ("F = 1'b1; M = 0; A[0] = 32'd7;", "", "F = 1'b0;", []),
        ("", "F = 1'b1; M = 0; A[0] = 32'd7;", "F = 1'b0;", []),
        ("M = 0; A[0] = 32'd7;", "", "F = 1'b1;", ["trap", "own", "over", "taken"]),
    ],
)
def test_what_happens_between_steps_keeps_the_guest(
    own: str, taken: str, served: str, said: list[str], tmp_path: Path, evidence: Evidence
) -> None:
    """An interrupt is pending where C is 0; what firmware does at its entry is part of the delivery."""
    text = f"""{GUEST}functions: |
  function own {{ arguments Bits<1> value description {{ . }} body {{ {own} }} }}
  function over {{ description {{ . }} body {{ M = 0; }} }}
  function pending {{ returns Boolean description {{ . }} body {{ return C == 0; }} }}
  function taken {{ description {{ . }} body {{ {taken} }} }}
  function served {{ description {{ . }} body {{ {served} }} }}
"""
    found = list(deliveries_keep_guest(variant(tmp_path, text), evidence))
    assert [(f.subject, f.status) for f in found] == [(name, "error") for name in said]
