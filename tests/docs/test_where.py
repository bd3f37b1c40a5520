"""The page that says where what is added names every folder that is a table, and nothing that is none."""

from __future__ import annotations

import re
from collections.abc import Iterator

from docs.rooms import ROOMS, sources
from tests.specifications import ROOT

PAGE = (ROOT / "docs" / "howto" / "where.md").read_text(encoding="utf-8")
# A package whose modules carry rows, as isa/rows.py is asked for it: by a text or by a constant that holds one.
_PACKAGE = re.compile(r'"(pgcheck(?:\.\w+)+)"')
_GATHERS = re.compile(r"\b(?:rows|modules)\(")


def tables() -> Iterator[str]:
    """The folders that are gathered."""
    for room in ROOMS:
        for path in sources(ROOT / room):
            text = path.read_text(encoding="utf-8")
            if path.name != "rows.py" and "pgcheck.isa.rows import" in text and _GATHERS.search(text):
                for package in _PACKAGE.findall(text):
                    parts = package.split(".")[1:]
                    folder = "/".join(parts if parts[0] in ROOMS else ("pgcheck", *parts))
                    if (ROOT / folder).is_dir():
                        yield folder


def test_every_folder_that_is_a_table_is_on_the_page() -> None:
    found = {*tables()}
    assert len(found) >= 6
    assert {f for f in found if f"`{f}/`" not in PAGE} == set()


def test_every_folder_on_the_page_is_there() -> None:
    named = re.findall(r"^\| [^|]+ \| `([\w/]+)/` \|", PAGE, re.MULTILINE)
    assert len(named) >= 7
    assert [n for n in named if not (ROOT / n).is_dir()] == []


def test_the_kind_that_is_shown_is_the_one_that_runs() -> None:
    (shown,) = re.findall(r'```python title="([\w/.]+)"\n(.*?)```', PAGE, re.DOTALL)
    assert (ROOT / shown[0]).read_text(encoding="utf-8") == shown[1]
