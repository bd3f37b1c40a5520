"""Formats: a module each, named on the command line without being loaded, and complete by that one file."""

import subprocess
import sys
from pathlib import Path

import pytest

from pgcheck.options import FORMATS
from pgcheck.reports.writing import Format, format_of, names
from tests.pgcheck.stories import RICH, TIMELESS, checked, story
from tests.specifications import ROOT


def test_the_command_line_offers_the_formats_that_there_are() -> None:
    assert FORMATS[0] == "text" and sorted(FORMATS) == list(names())


@pytest.mark.parametrize("name", names())
def test_a_format_says_all_of_it(name: str) -> None:
    found = format_of(name)
    assert isinstance(found, Format) and found.audience and found.written
    assert "toy" in found.render(story(checked(RICH)), TIMELESS)


NEW = """
from pgcheck.reports.writing import Format

def render(story, manner):
    return f"{len(story.checked)} checked"

FORMAT = Format(audience="who counts", written="at the end", render=render)
"""
SEEN = """
import sys, pgcheck.reports.formats
pgcheck.reports.formats.__path__.append(sys.argv[1])
sys.path.insert(0, sys.argv[2])
from pgcheck import cli
assert cli.run(["check", "--help"]) == 0
assert cli.run(["pg74", "--only", "li", "--format", "counted", "--output", "counted=" + sys.argv[3]]) == 0
from docs.generate import DOCS, everything
print(everything()[DOCS / "outputs.md"])
"""


def test_a_format_is_one_file(tmp_path: Path) -> None:
    """Nothing else is edited: it is offered, written, and documented."""
    (tmp_path / "counted.py").write_text(NEW)
    words = [sys.executable, "-c", SEEN, str(tmp_path), str(ROOT), str(tmp_path / "file")]
    seen = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "What standard output is: text (default), counted, github, html," in " ".join(seen.split())
    assert "\n1 checked\n" in seen and (tmp_path / "file").read_text() == "1 checked\n"
    assert "| `counted` | who counts | at the end |" in seen
