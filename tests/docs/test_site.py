"""The documentation builds as a site, strictly and without a network, and nothing in it leads nowhere."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.specifications import ROOT

GENERATOR = "zensical"
INSTALLED = importlib.util.find_spec(GENERATOR) is not None
LOADED = re.compile(r"<(?:script|link|img|iframe)\b[^>]*?(?:src|href)=\"?(https?:)?//[^>]*>")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def _site(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", GENERATOR, "build", "--strict", "--clean"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    return tmp_path


@pytest.mark.skipif(not INSTALLED, reason="the site's generator is in the extra `docs`")
def test_the_site_builds_strictly(copy: Path) -> None:
    built = _site(copy)
    assert built.returncode == 0, built.stdout + built.stderr
    pages = sorted((copy / "site").rglob("*.html"))
    assert len(pages) > len(list(_named(yaml.safe_load((copy / "mkdocs.yml").read_text())["nav"])))
    for page in pages:
        loaded = LOADED.search(page.read_text(encoding="utf-8"))
        assert loaded is None, f"{page.name} loads {loaded[0] if loaded else ''}"
    assert not list((copy / "site").rglob("*.py"))


@pytest.mark.skipif(not INSTALLED, reason="the site's generator is in the extra `docs`")
@pytest.mark.parametrize("link", ["nowhere.md", "language.md#nowhere"])
def test_a_link_that_leads_nowhere_does_not_build(copy: Path, link: str) -> None:
    with (copy / "docs" / "index.md").open("a", encoding="utf-8") as page:
        page.write(f"\n[broken]({link})\n")
    assert _site(copy).returncode != 0


def test_the_generator_is_part_of_development() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(rf'^docs = \["{GENERATOR}\b', text, re.MULTILINE)
    assert re.search(r'^dev = \["pgcheck\[[a-z,]*docs', text, re.MULTILINE)


def test_every_page_is_in_the_navigation() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    pages = sorted(str(p.relative_to(ROOT / "docs")) for p in (ROOT / "docs").rglob("*.md"))
    assert sorted(_named(nav)) == pages


def _named(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    for part in nav if isinstance(nav, list) else nav.values() if isinstance(nav, dict) else ():
        yield from _named(part)


def _broken(page: Path) -> list[str]:
    """The relative links of a page to files that are not there."""
    links = LINK.findall(page.read_text(encoding="utf-8"))
    return [link for link in links if "://" not in link and not (page.parent / link).exists()]


def test_relative_links_lead_to_files(tmp_path: Path) -> None:
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
    assert {str(p): broken for p in pages if (broken := _broken(p))} == {}
    page = tmp_path / "a.md"
    page.write_text("[a](a.md#x) [b](b.md) [c](https://example.com/c.md)", encoding="utf-8")
    assert _broken(page) == ["b.md"]


def test_what_loads_from_elsewhere_is_noticed() -> None:
    for text in (
        '<script src="https://a.b/c.js"></script>',
        '<link rel="x" href="//a.b/c.css">',
        "<img src=http://a/b.png>",
    ):
        assert LOADED.search(text)
    assert not LOADED.search('<script src="../c.js"></script><a href="https://a.b">x</a>')
