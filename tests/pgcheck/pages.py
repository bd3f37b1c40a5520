"""Pages read as a strict parser reads them, and a specification with markup in every text."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from xml.etree.ElementTree import Element

import html5lib

from pgcheck.checker.check import Options, check
from pgcheck.checker.result import ExitCode
from pgcheck.isa.machine.build import load
from pgcheck.running.events import Checked
from pgcheck.shipped import shipped

MARKUP = """<script>document.title='owned'</script><img src=x onerror='owned=1'>"</title></style></pre><!--&amp;"""
SOME = {
    "pg74": ("load", "add", "jump", "svc", "lpsw", "lrr", "srr", "tio", "rtm", "halt"),
    "m68000": ("move.from_sr", "move.to_sr", "moveq", "rte", "trap"),
}


def parsed(page: str) -> Element:
    """The page as a tree; raises ParseError for anything that the HTML standard calls an error."""
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)
    assert isinstance(tree, Element)
    return tree


def text_of(element: Element) -> str:
    """All text in an element, with single spaces."""
    return " ".join(" ".join(element.itertext()).split())


def found(tree: Element, path: str) -> Element:
    element = tree.find(path)
    assert element is not None, path
    return element


@cache
def real(name: str) -> Checked:
    """A shipped specification, checked for some of its instructions."""
    path = shipped(name)
    assert path is not None
    machine = load(path, shipped=shipped)
    result = check(machine, Options(jobs=1, second=False, only=SOME[name]))
    return Checked(name, machine, result, ExitCode.PROVED)


def poisoned(folder: Path) -> Path:
    """The machine of the paper with markup in every text that its format leaves free."""
    path = shipped("pg74")
    assert path is not None
    text = path.read_text(encoding="utf-8")
    quoted = "'" + MARKUP.replace("'", "''") + "'"
    text = re.sub(r"^title: .*$", lambda _: f"title: {quoted}", text, flags=re.M)
    text = re.sub(r"^description: \|\n(  .*\n)+", lambda _: f"description: {quoted}\n", text, flags=re.M)
    text = re.sub(r"^(source|unmodelled):\n  - .*$", lambda m: f"{m[1]}:\n  - {quoted}", text, flags=re.M)
    text = re.sub(r"long_name: .*$", lambda _: f"long_name: {quoted}", text, flags=re.M)
    text = re.sub(r'assembly: "(.*)"$', lambda m: f"assembly: '{m[1]} <b>&\"'''", text, flags=re.M)
    text = text.replace('"trap(Cause::Service);"', '"trap(Cause::Service); # </pre><script>owned=1</script>"')
    file = folder / "poisoned.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def poisoned_run(folder: Path) -> Checked:
    """The check of that machine, in which a witness's text is hostile too."""
    machine = load(poisoned(folder), shipped=shipped)
    result = check(machine, Options(jobs=1, second=False, cache=False, only=("svc", "lpsw")))
    rows = tuple(replace(row, reason=MARKUP) for row in result.main.instructions)
    return Checked(
        MARKUP, machine, replace(result, deployments=(replace(result.main, instructions=rows),)), ExitCode.PROVED
    )
