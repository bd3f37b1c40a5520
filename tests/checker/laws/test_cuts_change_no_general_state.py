"""The law cuts_change_no_general_state: what obeys it passes, and the smallest thing that does not is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.laws.cuts_change_no_general_state import cuts_change_no_general_state
from pgcheck.checker.solving.evidence import Evidence
from tests.checker.variants import edited

TRANSLATE = "      if (a >= {21'd0, R.b}) { trap(Cause::Memory); }\n"
PROBE = "body { return translate(a, op, mode); }"
TABLE = "body { return read_physical_memory<32>(10'd1); }"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (TRANSLATE, "      C = 1'b1;\n" + TRANSLATE, {"translate", "load_real_address"}),
        (
            TRANSLATE,
            "      if (a == 32'd5) { A[3] = a; trap(Cause::Memory); }\n" + TRANSLATE,
            {"translate", "load_real_address"},
        ),
        (TRANSLATE, "      R.l = 10'd0; write_physical_memory<32>(10'd9, a);\n" + TRANSLATE, set()),
        (PROBE, "body { A[0] = a; return translate(a, op, mode); }", {"load_real_address"}),
        (TABLE, "body { C = 1'b1; return read_physical_memory<32>(10'd1); }", {"new_psw"}),
        (TABLE, TABLE, set()),
    ],
)
def test_cuts_change_no_general_state(
    old: str, new: str, expected: set[str], tmp_path: Path, evidence: Evidence
) -> None:
    found = list(cuts_change_no_general_state(edited(tmp_path, (old, new)), evidence))
    assert {f.subject for f in found} == expected and {f.status for f in found} <= {"error"}
