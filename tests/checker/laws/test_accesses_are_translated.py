"""The law accesses_are_translated: what obeys it passes, and the smallest thing that does not is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.example import PAGED, Edit, Example, operation
from pgcheck.checker.lint import examine
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.build import load
from tests.checker.variants import laws_broken, with_instruction

READ = "A = read_physical_memory<{width}>({address})[7:0];"
WORD = "translate({A[7:1], 1'b0}, Op::Read, M)"
HERE = "translate(A, Op::Read, M)"
NEXT = "translate(A + 8'd1, Op::Read, M)"


def broken(folder: Path, evidence: Evidence, body: str, base: tuple[Edit, ...] = ()) -> dict[str, str]:
    """What the laws say of an instruction with this body."""
    path = folder / "toy.yaml"
    path.write_text(Example((operation(body),), (), base).broken, "utf-8")
    return {f.law: f.message for f in examine(load(path), load(path).instructions[0], evidence)}


@pytest.mark.parametrize(
    ("address", "width", "strays"),
    [
        (HERE, 8, False),
        (f"{HERE} ^ 8'd1", 8, False),  # in the page that was translated
        (f"{HERE} ^ 8'd16", 8, True),  # in another
        (f"{HERE} + 8'd1", 8, True),
        (f"(A[3:0] == 4'd15) ? {HERE} : {HERE} + 8'd1", 8, False),
        (f"(A[3:0] == 4'd14) ? {HERE} : {HERE} + 8'd1", 8, True),
        (f"(A[3:0] == 4'd15) ? {NEXT} : {HERE} + 8'd1", 8, False),
        (f"{{{HERE}[7:4], 4'd3}}", 8, False),
        (f"{{4'd3, {HERE}[3:0]}}", 8, True),
        (f"{HERE} ^ {{4'd0, {HERE}[7:4]}}", 8, True),  # which word of a page depends on where the page lies
        ("A", 8, True),
        ("8'd7", 8, True),
        ("real_address", 8, True),
        (WORD, 16, False),
    ],
)
def test_an_access_is_in_the_page_that_was_translated(
    address: str, width: int, strays: bool, tmp_path: Path, evidence: Evidence
) -> None:
    if address == "real_address":
        address = "{ROOT, A[3:0]}"
    found = broken(tmp_path, evidence, READ.format(width=width, address=address), PAGED)
    assert ("accesses_are_translated" in found) == strays


@pytest.mark.parametrize(
    ("address", "width", "strays"),
    [
        (HERE, 8, False),
        (f"{HERE} ^ 8'd1", 8, True),
        ("real_address(A, Op::Read, M)", 8, True),
        (HERE, 16, True),  # not aligned: its second unit may be mapped elsewhere
        (WORD, 16, False),
        (WORD, 32, True),
        ("(A == 8'd3) ? translate(8'd3, Op::Read, M) : " + HERE, 8, False),
    ],
)
def test_outside_the_processor_an_access_is_where_translation_led(
    address: str, width: int, strays: bool, tmp_path: Path, evidence: Evidence
) -> None:
    found = broken(tmp_path, evidence, READ.format(width=width, address=address))
    assert ("accesses_are_translated" in found) == strays


@pytest.mark.parametrize(
    ("body", "strays"),
    [
        ("A[r] = read_physical_memory<32>(translate(A[r], Access::Read, M) + 10'd1);", True),
        ("A[r] = read_physical_memory<64>(translate(A[r], Access::Read, M))[31:0];", True),
        (
            "if (A[r] < 32'd1023) { translate(A[r] + 32'd1, Access::Read, M);\n"
            "  A[r] = read_physical_memory<64>(translate(A[r], Access::Read, M))[31:0]; }",
            False,
        ),
        (
            "if (A[r] < 32'd1023) { Bits<10> last = translate(A[r] + 32'd1, Access::Read, M);\n"
            "  A[r] = read_physical_memory<32>(last - 10'd1); }",
            False,
        ),
        ("A[r] = read_physical_memory<32>(translate(A[r], Access::Read, M) ^ 10'd1);", True),
        ("A[r] = E[translate(A[r], Access::Read, M)];", False),
        ("A[r] = E[A[r][9:0]];", True),
        ("E[A[r][9:0]] = A[r];", True),
        ("E[translate(A[r], Access::Write, M)] = A[r];", False),
        ("E[translate(A[r], Access::Read, M)] = A[r];", True),
        ("write_physical_memory<32>(translate(A[r], Access::Fetch, M), A[r]);", True),
        ("write_physical_memory<32>(translate(A[r], (C == 1) ? Access::Write : Access::Read, M), A[r]);", True),
        ("A[r] = read_physical_memory<32>(translate(A[r], Access::Write, M));", False),
        ("A[r] = DEVICE[A[r][3:0]];", False),
        ("A[A[r][3:0]] = 32'd1;", False),
    ],
)
def test_with_a_base_and_a_limit_an_access_is_within_them(
    body: str, strays: bool, tmp_path: Path, evidence: Evidence
) -> None:
    found = laws_broken(with_instruction(tmp_path, body), evidence)
    assert (("accesses_are_translated", "error") in found) == strays


def test_the_message_tells_a_wrong_place_from_a_wrong_kind(tmp_path: Path, evidence: Evidence) -> None:
    place = broken(tmp_path, evidence, "write_physical_memory<8>(A, A);")
    kind = broken(tmp_path, evidence, f"write_physical_memory<8>({HERE}, A);")
    assert "did not give" in place["accesses_are_translated"] and "another kind" in kind["accesses_are_translated"]
