"""What a guest reaches the monitor can map, or it is named; tables that it cannot fill leave the theorems open."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.example import MACHINE, PAGED, Edit, Example
from pgcheck.checker.premises.monitor_can_map import PREMISE
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.build import load
from tests.checker.premises.asking import said
from tests.specifications import SMALL

pytestmark = pytest.mark.slow

MAPPED = "every address that a guest reaches can be mapped for it"
REFUSED = "never run directly: what a guest reaches where {}; user mode refuses that however the monitor maps it"
BODY = "if (a == 8'd255) { trap(Cause::Memory); }\n      return a + BASE;"
INDEX = "({ROOT, a[7:4]});"


def answers(folder: Path, evidence: Evidence, *edits: Edit, base: tuple[Edit, ...] = ()) -> list[tuple[str, str]]:
    path = folder / "toy.yaml"
    path.write_text(Example(edits, (), base).broken, "utf-8")
    return list(said(PREMISE, load(path), evidence))


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (BODY, "ok", MAPPED),
        ("return a + BASE;", "ok", MAPPED),
        (
            "if (a[7] == 1 && mode == 1) { trap(Cause::Memory); } return a + BASE;",
            "warning",
            REFUSED.format("a[7] == 1"),
        ),
        (
            "if (a[7:6] == 2 && mode == 1) { trap(Cause::Memory); } return a + BASE;",
            "warning",
            REFUSED.format("a[7:6] == 2"),
        ),
        (
            "if (a[7] == 1 && op == Op::Write && mode == 1) { trap(Cause::Memory); } return a;",
            "warning",
            "never run directly",
        ),
        (
            "if (a[7] == 1 && mode == 1) { trap(Cause::Memory); } if (a[7] == 1) { trap(Cause::Memory); } return a;",
            "ok",
            MAPPED,
        ),
        (
            "return (mode == 1) ? a & 8'h0f : a;",
            "fails",
            "one address for two that the guest's own translation tells apart",
        ),
        ("return a & 8'h0f;", "ok", MAPPED),  # what neither machine tells apart need not be
        (
            "if (a >= BASE) { trap(Cause::Memory); } return a;",
            "warning",
            "never run directly",
        ),  # at the base 0 of `replay`
    ],
)
def test_a_unit_outside_does_what_the_processor_lets_it(
    body: str, status: str, words: str, tmp_path: Path, evidence: Evidence
) -> None:
    ((found, message),) = answers(tmp_path, evidence, (BODY, body))
    assert found == status and words in message


def test_without_a_word_on_mapping_nothing_is_decided(tmp_path: Path, evidence: Evidence) -> None:
    ((status, message),) = answers(tmp_path, evidence, ("  realise: external_mmu\n", ""))
    assert status == "unknown" and "`translate.realise` is missing" in message


@pytest.mark.parametrize(
    ("edits", "status", "words"),
    [
        ((), "ok", MAPPED),
        (
            (("shift: 4, address: a}", 'shift: 4, address: a}\n    addresses: "a[7:6] != 1"'),),
            "warning",
            "where a[7:6] == 1;",
        ),
        (
            (
                ("shift: 4, address: a}", 'shift: 4, address: a}\n    addresses: "a[7] == 0"'),
                (
                    "if (PAGING == 0 || mode == 0)",
                    "if (a[7] == 1) { trap(Cause::Memory); }\n      if (PAGING == 0 || mode == 0)",
                ),
            ),
            "ok",
            MAPPED,
        ),
        (((INDEX, "({ROOT, 1'b0, a[6:4]});"),), "fails", "does not look at bit 7 of a"),
        (
            ((INDEX, "(({ROOT, 4'd0} ^ 8'h50) + {4'd0, a[7:4]});"),),
            "unknown",
            "cannot fill the page tables",
        ),  # another root
    ],
)
def test_tables_are_filled_and_addresses_mapped(
    edits: tuple[Edit, ...], status: str, words: str, tmp_path: Path, evidence: Evidence
) -> None:
    ((found, message),) = answers(tmp_path, evidence, *edits, base=PAGED)
    assert found == status and words in message


@pytest.mark.parametrize(
    ("index", "width"), [("{ROOT, a[5:4]}", 6), ("{ROOT, 1'b0, a[5:4]}", 5), ("{ROOT, a[7:4]}", 4)]
)
def test_a_root_may_be_aligned_as_its_table_is(index: str, width: int, tmp_path: Path, evidence: Evidence) -> None:
    """A table of four entries needs no page of its own."""
    edits = [(INDEX, f"({index});"), ("ROOT: {type: Bits<4>", f"ROOT: {{type: Bits<{width}>")]
    if width > 4:
        edits.append(
            (
                "if (PAGING == 0 || mode == 0)",
                "if (a[7:6] != 0) { trap(Cause::Memory); }\n      if (PAGING == 0 || mode == 0)",
            )
        )
        edits.append(("shift: 4, address: a}", 'shift: 4, address: a}\n    addresses: "a[7:6] == 0"'))
    assert [status for status, _ in answers(tmp_path, evidence, *edits, base=PAGED)] == ["ok"]


def test_the_highest_address_lies_beyond_every_limit(evidence: Evidence) -> None:
    demo = load(SMALL / "language" / "demo.yaml")
    assert list(said(PREMISE, demo, evidence)) == [("warning", REFUSED.format("a == 0xff"))]


def test_the_largest_limit_is_a_legal_one(tmp_path: Path, evidence: Evidence) -> None:
    text = (SMALL / "language" / "demo.yaml").read_text("utf-8")
    path = tmp_path / "demo.yaml"
    path.write_text(text.replace("memory: {state: E", 'legal: ["LIMIT <= 128"]\nmemory: {state: E'), "utf-8")
    ((status, message),) = said(PREMISE, load(path), evidence)
    assert status == "warning" and "where a[7] == 1;" in message


def test_a_machine_that_translates_nothing_maps_nothing(tmp_path: Path, evidence: Evidence) -> None:
    start, end = MACHINE.index("translate:"), MACHINE.index("functions:")
    fetch = "read_physical_memory<8>(translate(address, Op::Fetch, M))"
    functions = MACHINE[MACHINE.index("  function translate") : MACHINE.index("  function trap")]
    edits = ((MACHINE[start:end], ""), (functions, ""), (fetch, "read_physical_memory<8>(address)"))
    assert answers(tmp_path, evidence, *edits) == []


@pytest.mark.parametrize("partial", [True, False])
def test_where_bounds_have_to_fit_no_state_runs_that_reaches_further(
    partial: bool, tmp_path: Path, evidence: Evidence
) -> None:
    text = (SMALL / "soundness" / "partial_moves_within_bounds.yaml").read_text("utf-8")
    text = text.replace("if (a >= B)", "if (mode == 1 && a[3] == 1) { trap(Cause::Memory); }\n      if (a >= B)")
    path = tmp_path / "fits.yaml"
    path.write_text(text if partial else text.replace("    restart: partial\n", ""), "utf-8")
    ((status, message),) = said(PREMISE, load(path), evidence)
    assert status == "warning" and "where a[3] == 1" in message
    assert ("no state runs whose bounds admit such an address" in message) == partial
