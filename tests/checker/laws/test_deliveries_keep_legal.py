"""The law deliveries_keep_legal: what obeys it passes, and the smallest thing that does not is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.laws.deliveries_keep_legal import deliveries_keep_legal
from pgcheck.checker.solving.evidence import Evidence
from tests.checker.variants import FLAG, variant


@pytest.mark.parametrize(
    ("body", "legal"),
    [
        ("", True),
        ("F = 1'b0;", True),
        ("F = value;", False),
        ("if (value == 1) { F = 1'b1; over(); }", False),
        ("if (F == 1) { F = 1'b1; over(); }", True),
    ],
)
def test_deliveries_keep_legal_states_legal(body: str, legal: bool, tmp_path: Path, evidence: Evidence) -> None:
    exits = "exits:\n  own: {kind: other, nested: over}\n  over: {kind: other}\nfunctions: |\n"
    exits += f"  function own {{ arguments Bits<1> value description {{ . }} body {{ {body} }} }}\n"
    exits += "  function over { description { . } body { M = 0; } }\n"
    found = list(deliveries_keep_legal(variant(tmp_path, FLAG + exits), evidence))
    assert [(f.subject, f.status) for f in found] == ([] if legal else [("own", "error")])


@pytest.mark.parametrize(
    ("taken", "awaited", "served", "said"),
    [
        ("", "", "", []),
        ("F = C;", "", "", []),
        ("F = ~C;", "", "", ["taken"]),
        ("", "F = C;", "", ["awaited"]),
        ("", "", "F = M;", []),
        ("", "", "F = 1'b1;", ["trap", "taken"]),
    ],
)
def test_interrupts_and_firmware_keep_legal_states_legal(
    taken: str, awaited: str, served: str, said: list[str], tmp_path: Path, evidence: Evidence
) -> None:
    """An interrupt is pending where C is 0; firmware serves what ends in supervisor mode."""
    text = f"""{FLAG}override:
  interrupt: {{pending: pending, deliver: taken, waiting: awaited}}
  platform: {{firmware: {{when: "M == 0", call: served}}}}
functions: |
  function pending {{ returns Boolean description {{ . }} body {{ return C == 0; }} }}
  function awaited {{ returns Boolean description {{ . }} body {{ {awaited} return false; }} }}
  function taken {{ description {{ . }} body {{ {taken} }} }}
  function served {{ description {{ . }} body {{ {served} }} }}
"""
    found = list(deliveries_keep_legal(variant(tmp_path, text), evidence))
    assert [(f.subject, f.status) for f in found] == [(name, "error") for name in said]
