"""The law cuts_change_no_control_state: what obeys it passes, and the smallest thing that does not is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.laws.cuts_change_no_control_state import cuts_change_no_control_state
from pgcheck.checker.solving.evidence import Evidence
from tests.checker.variants import edited

TRANSLATE = "      if (a >= {21'd0, R.b}) { trap(Cause::Memory); }\n"
PROBE = "body { return translate(a, op, mode); }"
TABLE = "body { return read_physical_memory<32>(10'd1); }"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (TRANSLATE, TRANSLATE, set()),
        (TRANSLATE, "      R.l = 10'd0;\n" + TRANSLATE, {"translate", "load_real_address"}),
        (TRANSLATE, "      if (a == 32'd7) { R.b = 11'd5; }\n" + TRANSLATE, {"translate", "load_real_address"}),
        (TRANSLATE, "      DEVICE[0] = 32'd1;\n" + TRANSLATE, {"translate", "load_real_address"}),
        # a fault enters the monitor, and memory is where accessed and dirty bits are
        (TRANSLATE, "      if (a == 32'd7) { R.b = 11'd5; trap(Cause::Memory); }\n" + TRANSLATE, set()),
        (TRANSLATE, "      write_physical_memory<32>(10'd9, a);\n" + TRANSLATE, set()),
        (PROBE, "body { M = 1'b0; return translate(a, op, mode); }", {"load_real_address"}),
        (TABLE, "body { R.l = 10'd0; return read_physical_memory<32>(10'd1); }", {"new_psw"}),
    ],
)
def test_cuts_change_no_control_state(
    old: str, new: str, expected: set[str], tmp_path: Path, evidence: Evidence
) -> None:
    found = list(cuts_change_no_control_state(edited(tmp_path, (old, new)), evidence))
    assert {f.subject for f in found} == expected and {f.status for f in found} <= {"error"}
