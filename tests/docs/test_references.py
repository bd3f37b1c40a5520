"""What the code says of documents: they are in the repository, and so are the sections that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.specifications import ROOT

# `docs/NAME.md`, perhaps with the section that is meant, as in "docs/definitions.md, The relation" or "docs/language.md section 6".
_NAMED = re.compile(r"docs/([\w/-]+\.md)(?:, ([A-Z][a-z]+(?: [a-z]+)*)| section (\d+))?")
# Names of working papers that only their authors have.
_ELSEWHERE = re.compile(
    r"\bdecisions? [A-Z]\d|\bdefinitions \d|\bcontract C\d|^\W*P[0-6]( to P\d)?( and P\d)?\b:|\bdesign\.md\b",
    re.MULTILINE,
)


def sources() -> Iterator[Path]:
    for room in ("isa", "models", "vmm", "checker", "pgcheck", "specs", "tests", "bench"):
        for pattern in ("*.py", "*.yaml"):
            yield from (p for p in sorted((ROOT / room).rglob(pattern)) if "data" not in p.parts)


def missing(text: str) -> list[str]:
    """The references to documents or sections that are not there."""
    wrong = [found[0] for found in _ELSEWHERE.finditer(text)]
    for found in _NAMED.finditer(text):
        path = ROOT / "docs" / found[1]
        headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE) if path.exists() else []
        there = not found[2] or found[2] in headings
        if not path.exists() or not there or (found[3] and not any(h.startswith(f"{found[3]}.") for h in headings)):
            wrong.append(found[0])
    return wrong


def test_what_the_code_refers_to_is_in_the_repository() -> None:
    named = 0
    for path in sources():
        if path != Path(__file__):
            text = path.read_text(encoding="utf-8")
            named += len(_NAMED.findall(text))
            assert missing(text) == [], path
    assert named > 10


@pytest.mark.parametrize(
    "text",
    [
        "see docs/nothing.md",
        "docs/definitions.md, The weather",
        "docs/language.md section 99",
        '"""P0: laws',
        "decisions D7",
        "contract C1",
    ],
)
def test_what_is_not_there_is_seen(text: str) -> None:
    assert len(missing(text)) == 1


def test_what_is_there_is_none() -> None:
    assert missing("docs/definitions.md, The relation; docs/theorem.md") == []
