"""Opcode maps: whatever the decoder finds, the map has in the cell of its units, and nothing else is there."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgcheck.isa.encoding import opcodes
from pgcheck.isa.encoding.codec import Decoder
from pgcheck.isa.encoding.fields import Encoding
from pgcheck.isa.encoding.opcodes import Cell, Page, opcode_map
from tests.specifications import machine

NAMES = ("pg74", "riscv64", "i386", "m68000", "pdp10-ka10")


@cache
def encodings_of(name: str) -> dict[str, Encoding]:
    return {i.id: i.encoding for i in machine(name).instructions if i.encoding is not None}


@cache
def map_of(name: str) -> Page:
    page = opcode_map(encodings_of(name))
    assert page is not None
    return page


@cache
def decoder_of(name: str) -> Decoder:
    return Decoder(encodings_of(name), machine(name).decoding.decode)


def cell_of(page: Page, units: tuple[int, ...]) -> Cell:
    """The last cell that units lead to, as a reader of the map goes."""
    (cell,) = (c for c in page.cells if units[page.unit] & c.pattern.mask == c.pattern.value)
    below = cell.page
    return cell if below is None or below.unit >= len(units) else cell_of(below, units)


def leaves(page: Page) -> Iterator[Cell]:
    for cell in page.cells:
        if cell.page is None:
            yield cell
        else:
            yield from leaves(cell.page)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_what_is_decoded_stands_in_its_cell(name: str, data: st.DataObject) -> None:
    decode = machine(name).decoding.decode
    prefixes = {unit for row in decode.prefixes.values() for unit in row}
    tried = data.draw(st.lists(st.integers(0, (1 << decode.unit) - 1), min_size=16, max_size=16))
    found = decoder_of(name).decode(tried.__getitem__)
    start = next((i for i, unit in enumerate(tried) if unit not in prefixes), 0)
    cell = cell_of(map_of(name), tuple(tried[start:]))
    assert found is None or found.id in cell.names


@pytest.mark.parametrize("name", NAMES)
def test_every_encoding_is_in_the_map_and_no_cell_is_crowded(name: str) -> None:
    encodings = encodings_of(name)
    cells = list(leaves(map_of(name)))
    assert {n for cell in cells for n in cell.names} == set(encodings)
    apart = max(len({encodings[n].steps[0] for n in cell.names}) for cell in cells)
    assert apart <= 2, "what prefixes or conditions tell apart stays together, nothing else"


def test_pages_of_a_byte_machine_are_those_of_its_manual() -> None:
    """Intel SDM volume 2D, appendix A: the one-byte map, the two-byte map after 0F, groups by bits 5-3 of ModR/M."""
    first = map_of("i386")
    assert (first.unit, first.bits, first.split) == (0, (7, 6, 5, 4, 3, 2, 1, 0), 4)
    second = first.cells[0x0F].page
    assert second is not None and (second.unit, second.bits) == (1, (7, 6, 5, 4, 3, 2, 1, 0))
    group = first.cells[0x80].page
    assert group is not None and (group.unit, group.bits) == (1, (5, 4, 3))
    assert [cell.names[0].partition(".")[0] for cell in group.cells] == "add or adc sbb and sub xor cmp".split()
    assert first.cells[0x9D].names == ("popf.32", "popf.16")
    assert first.cells[0x66].names == ()


def test_fields_are_not_torn_apart() -> None:
    """RISC-V's major opcode and funct3 (unprivileged manual, section 2.2)."""
    first = map_of("riscv64")
    assert first.bits == (14, 13, 12, 6, 5, 4, 3, 2) and first.split == 3


def test_one_encoding_has_no_map() -> None:
    encodings = encodings_of("pg74")
    assert opcode_map({"add": encodings["add"]}) is None and opcode_map({}) is None


def test_maps_do_not_grow_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opcodes, "MOST_PAGES", 3)
    page = opcode_map(encodings_of("i386"))
    assert page is not None and len(list(page.pages())) == 3
