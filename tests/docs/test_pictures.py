"""The picture on the front page: the cells are those of today's encodings, the holes are among those that are published."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import yaml

from pgcheck.reports.html.opcodes import sheets
from tests.specifications import ROOT, machine

JUDGED = re.compile(r" \(([a-z -]+)\)")


def titles() -> list[str]:
    root = ElementTree.parse(ROOT / "docs" / "i386.svg").getroot()
    return [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}title")]


def test_the_cells_are_those_of_the_specification() -> None:
    today = [JUDGED.sub("", tile.title) for sheet in sheets(machine("i386"), {}, "") for tile in sheet.tiles]
    assert [JUDGED.sub("", title) for title in titles()] == today


def test_the_holes_are_those_that_are_known() -> None:
    """J. S. Robin and C. E. Irvine, USENIX Security 2000: the instructions in tests/data/verdict-map; CPUID is ours."""
    known = yaml.safe_load((ROOT / "tests" / "data" / "verdict-map" / "i386.yaml").read_text(encoding="utf-8"))["rows"]
    shown = {name for title in titles() for name in re.findall(r"(\S+) \(hole\)", title)}
    assert shown <= {name for names in known.values() for name in names}
    for published in (
        "SGDT",
        "SIDT",
        "SLDT",
        "SMSW",
        "PUSHF/PUSHFD",
        "POPF/POPFD",
        "LAR",
        "LSL",
        "VERR",
        "VERW",
        "STR",
    ):
        assert shown >= set(known[published])
