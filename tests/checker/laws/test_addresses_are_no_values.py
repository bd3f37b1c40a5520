"""The law addresses_are_no_values: what obeys it passes, and the smallest thing that does not is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.solving.evidence import Evidence
from tests.checker.variants import laws_broken, with_instruction


@pytest.mark.parametrize(
    ("body", "used"),
    [
        ("A[r] = read_memory(A[r]);", False),
        ("write_memory(A[r], read_memory(A[r]));", False),
        ("A[r] = {22'd0, load_real_address(A[r], Access::Read, M)};", False),
        ("A[r] = {22'd0, translate(A[r], Access::Read, M)};", True),
        ("if (translate(A[r], Access::Read, M) == 0) { C = 1'b1; }", True),
        ("write_memory(A[r], {22'd0, translate(A[r], Access::Read, M)});", True),
        ("A[r] = read_physical_memory<32>(translate(A[r], Access::Read, M) + 10'd1);", False),
        ("A[translate(A[r], Access::Read, M)[3:0]] = 32'd1;", True),
        ("A[r] = A[translate(A[r], Access::Read, M)[3:0]];", True),
        ("A[r] = E[translate(A[r], Access::Read, M)];", False),
        ("E[translate(A[r], Access::Write, M)] = A[r];", False),
        ("if (C == 1) { A[translate(A[r], Access::Read, M)[3:0]] = 32'd1; }", True),
        ("$pc = translate(A[r], Access::Fetch, M);", True),
    ],
)
def test_a_translated_address_is_no_value(body: str, used: bool, tmp_path: Path, evidence: Evidence) -> None:
    found = laws_broken(with_instruction(tmp_path, body), evidence)
    assert (("addresses_are_no_values", "error") in found) == used
