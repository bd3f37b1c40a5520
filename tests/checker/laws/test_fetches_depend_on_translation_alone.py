"""The law fetches_depend_on_translation_alone: what obeys it passes, and what does not is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.laws.fetches_depend_on_translation_alone import fetches_depend_on_translation_alone
from pgcheck.checker.solving.evidence import Evidence
from tests.checker.variants import edited

FETCH = "body { return read_physical_memory<32>(translate({22'd0, address}, Access::Fetch, M)); }"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (FETCH, ""),
        ("body { if (address < 10'd16) { return A[address[3:0]]; } " + FETCH[7:], ""),
        ("body { return read_physical_memory<32>(address); }", "did not give"),
        ("body { return E[address]; }", "did not give"),
        ("body { if (M == 1) { return 32'd0; } " + FETCH[7:], "depends on M "),
        ("body { if (R.l == 10'd5) { return 32'd0; } " + FETCH[7:], "depends on R.l "),
        ("body { if (M == 1) { trap(Cause::Service); } " + FETCH[7:], "depends on M "),
        ("body { return read_physical_memory<32>(translate({22'd0, R.l}, Access::Fetch, M)); }", "depends on R.l "),
        (FETCH.replace("M))", "1'b0))"), "another mode than the current one"),
        (FETCH.replace("M))", "~M))"), "another mode than the current one"),
        ("body { C = 1'b1; " + FETCH[7:], "a fetch changes C"),
        ("body { return TIMER; }", "depends on TIMER "),
    ],
)
def test_what_is_fetched_hangs_on_translation_alone(
    body: str, message: str, tmp_path: Path, evidence: Evidence
) -> None:
    found = [f.message for f in fetches_depend_on_translation_alone(edited(tmp_path, (FETCH, body)), evidence)]
    assert (not found) if not message else any(message in text for text in found)
