"""The opcode map as pictures: each cell where it belongs, in the colour of its worst verdict, with its row behind it."""

from __future__ import annotations

from xml.etree import ElementTree

from pgcheck.checker.result import InstructionResult
from pgcheck.reports.formats.html import render as page
from pgcheck.reports.formats.map import render
from pgcheck.reports.html.opcodes import Sheet, Tile, judged, sheets
from tests.pgcheck.factory import instruction, result
from tests.pgcheck.pages import real
from tests.pgcheck.stories import TIMELESS, story
from tests.specifications import machine

SVG = "{http://www.w3.org/2000/svg}"


def sheets_of(name: str, *rows: InstructionResult) -> tuple[Sheet, ...]:
    found = result(*rows, theorem1="fails")
    return sheets(machine(name), judged(found.main, {row.id: f"row-{row.id}" for row in rows}), "m0-map")


def tile(sheet: Sheet, start: str) -> Tile:
    (found,) = (t for t in sheet.tiles if t.title.startswith(f"{start}: "))
    return found


def test_a_cell_has_its_worst_verdict_and_leads_to_that_row() -> None:
    rows = (instruction("popf.32", "innocuous"), instruction("popf.16", "hole"), instruction("nop", "innocuous"))
    first, second, *_ = sheets_of("i386", *rows)
    popf = tile(first, "9d")
    assert (popf.kind, popf.link, popf.label) == ("hole", "row-popf.16", "popf")
    assert "popf.32 (innocuous), popf.16 (hole)" in popf.title
    assert tile(first, "9c").kind == "open" and "not judged" in tile(first, "9c").title
    assert tile(first, "66").kind == "prefix" and tile(first, "82").kind == "nothing"
    assert tile(first, "0f").link == second.key and second.caption == "0f"
    assert first.notable and not second.notable


def test_tiles_fill_a_sheet_and_do_not_overlap() -> None:
    for name in ("i386", "m68000", "riscv64", "pg74"):
        for sheet in sheets_of(name):
            boxes = [t.box for t in sheet.tiles if t.kind == "group" or t.box.height == 34]
            corners = {(round(b.x, 2), round(b.y, 2)) for b in boxes}
            assert len(corners) == len(boxes)
            assert max(b.x + b.width for b in boxes) <= sheet.width
            assert max(b.y + b.height for b in boxes) <= sheet.height


def test_small_groups_are_drawn_inside_their_cell() -> None:
    first, *rest = sheets_of("i386", instruction("sgdt", "hole"))
    assert [t.kind for t in rest[0].tiles].count("hole") == 1
    assert tile(rest[0], "0f 01").kind == "group"
    inner = tile(rest[0], "0f 01 --000---")
    outer = tile(rest[0], "0f 01").box
    assert inner.kind == "hole" and outer.x <= inner.box.x < outer.x + outer.width and inner.box.y > outer.y


def test_the_picture_is_a_file_of_its_own() -> None:
    root = ElementTree.fromstring(render(story(real("m68000"), real("pg74")), TIMELESS))
    assert root.tag == f"{SVG}svg" and not list(root.iter(f"{SVG}a"))
    titles = [t.text or "" for t in root.iter(f"{SVG}title")]
    assert any("move.from_sr (hole)" in title for title in titles) and any("lpsw" in title for title in titles)
    assert ElementTree.fromstring(render(story(), TIMELESS)).tag == f"{SVG}svg"


def test_the_page_has_the_map_and_its_links_lead_to_rows() -> None:
    text = page(story(real("m68000")), TIMELESS)
    assert 'href="#m0-d0-i0"><g class="tile hole">' in text
