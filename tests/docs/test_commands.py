"""Every command that the documentation shows is run, and prints what it says; those not run can at least be read."""

from __future__ import annotations

import difflib
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from pgcheck.cli import command
from tests.docs import console
from tests.specifications import ROOT

pytestmark = pytest.mark.slow

PAGES = sorted(str(p.relative_to(ROOT)) for p in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
SHOWN = [p for p in PAGES if "```console" in (ROOT / p).read_text(encoding="utf-8")]
COPIED = ("checker", "docs", "isa", "models", "pgcheck", "specs", "vmm", "tests/guests")
LIMIT = 300
BROKEN = frozenset({4, 126, 127})


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the checkout, for a page to write to."""
    for name in COPIED:
        shutil.copytree(ROOT / name, tmp_path / "pgcheck" / name, symlinks=True)
    return tmp_path / "pgcheck"


@pytest.mark.parametrize("page", SHOWN)
def test_commands_print_what_the_page_says(page: str, copy: Path, kept: Path) -> None:
    environment = _environment(copy, kept)
    wrong, run = [], 0
    for block in console.blocks((ROOT / page).read_text(encoding="utf-8")):
        if console.place(block, copy) or block.language != "console":
            continue
        for one in console.commands(block):
            wrong += _differences(f"{page}:{one.line}", one, copy, environment)
            run += 1
    assert run and not wrong, "\n".join(wrong)


def _environment(copy: Path, kept: Path) -> dict[str, str]:
    programs = copy.parent / "bin"
    programs.mkdir()
    for name, words in (("pgcheck", "-m pgcheck"), ("python", "")):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n', encoding="utf-8")
        (programs / name).chmod(0o755)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "PGCHECK", "GITHUB", "COV"))}
    return inherited | {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(copy),
        "PGCHECK_CACHE": str(kept),
        "NO_COLOR": "1",
        "TERM": "dumb",
        "COLUMNS": "80",
        "LC_ALL": "C.UTF-8",
    }


def _differences(place: str, one: console.Command, folder: Path, environment: dict[str, str]) -> list[str]:
    ran = subprocess.run(
        ["bash", "-c", one.text],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    if ran.returncode in BROKEN or ran.returncode < 0:
        return [f"{place}: `{one.text}` ended with {ran.returncode}", ran.stdout]
    printed = ran.stdout.splitlines()
    if console.agrees(one.expected, printed):
        return []
    return [f"{place}: `{one.text}`", *difflib.unified_diff(one.expected, printed, "the page", "printed", lineterm="")]


# ---- commands that are shown and not run


def _unrun(page: str) -> list[str]:
    """The pgcheck command lines in a page's other code: shell and YAML blocks, indented code."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found: list[str] = []
    for block in console.blocks(text):
        if block.language in ("sh", "yaml", "toml") and "title=" not in block.options:
            found += block.lines
    found += re.findall(r"^    (\S.*)$", console.FENCE.sub("", text), re.MULTILINE)
    lines = (re.sub(r"^\s*(?:- )?(?:run: |\$ )?", "", line) for line in found)
    return [line for line in lines if line.startswith("pgcheck ")]


UNRUN = [(p, line) for p in PAGES if "reference" not in Path(p).parts for line in _unrun(p)]


@pytest.mark.parametrize(("page", "line"), UNRUN)
def test_a_command_that_is_not_run_is_well_formed(page: str, line: str) -> None:
    _read(line)


def _read(line: str) -> None:
    """Parse a command line as pgcheck does. Raises click's errors."""
    words = shlex.split(re.split(r"\s(?:>|\||&&|;)\s?", line)[0], comments=True)[1:]
    group: click.Command = command
    assert isinstance(group, click.Group)
    name, rest = (words[0], words[1:]) if words[0] in group.commands else ("check", words)
    if words[0].startswith("--"):
        return
    inner = group.commands[name]
    inner.make_context(name, list(rest))


def test_commands_that_cannot_be_read_are_noticed() -> None:
    assert UNRUN
    _read("pgcheck pg74 --require monitor > /dev/null   # a comment")
    for wrong in ("pgcheck pg74 --requires monitor", "pgcheck pg74 --require theorem9", "pgcheck explain pg74"):
        with pytest.raises(click.UsageError):
            _read(wrong)


# ---- the runner itself


def test_output_must_agree_to_the_line() -> None:
    assert console.agrees(["a", "b"], ["a ", "b", ""])
    assert console.agrees(["a", "...", "d"], ["a", "b", "c", "d"]) and console.agrees(["a", "  ..."], ["a"])
    for printed in (["a"], ["a", "b", "c"], ["a", "c"], ["x", "a", "b"], []):
        assert not console.agrees(["a", "b"], printed)
    assert not console.agrees(["a", "...", "d"], ["a", "b", "c"])
    assert not console.agrees([], ["something"])
    assert not console.agrees(["a.c"], ["abc"])
    assert console.agrees(["1 passed in ...s"], ["1 passed in 0.3s"])
    assert not console.agrees(["1 passed in ...s"], ["2 passed in 0.3s"])
    assert not console.agrees(["a ... c"], ["a b", "c"])


def test_a_page_is_taken_apart() -> None:
    text = 'x\n```console\n$ one \\\n  two\nout\n$ three\n```\n\n```yaml title="a/b.yaml"\nk: 1\n```\n'
    first, second = console.blocks(text)
    assert [(c.text, c.expected, c.line) for c in console.commands(first)] == [
        ("one \\\n  two", ("out",), 3),
        ("three", (), 6),
    ]
    assert (second.language, second.lines, second.line) == ("yaml", ("k: 1",), 9)
    with pytest.raises(console.BadBlock, match="line 2: output without a command"):
        list(console.commands(console.Block("console", "", ("out", "$ late"), 1)))


def test_files_are_written_continued_and_edited(tmp_path: Path) -> None:
    def block(language: str, title: str, *lines: str) -> console.Block:
        return console.Block(language, f'title="{title}"', lines, 1)

    assert console.place(block("yaml", "a/b.yaml", "k: 1"), tmp_path)
    assert console.place(block("yaml", "a/b.yaml (continued)", "l: 2"), tmp_path)
    assert console.place(block("diff", "a/b.yaml", " k: 1", "-l: 2", "+l: 3"), tmp_path)
    assert (tmp_path / "a/b.yaml").read_text() == "k: 1\nl: 3\n"
    with pytest.raises(console.BadBlock, match="occur 0 times"):
        console.place(block("diff", "a/b.yaml", "-l: 2", "+l: 3"), tmp_path)
    assert not console.place(console.Block("console", "", ("$ true",), 1), tmp_path)


def test_what_differs_and_what_breaks_is_told(tmp_path: Path) -> None:
    environment = dict(os.environ)
    assert not _differences("p:1", console.Command("echo a", ("a",), 1), tmp_path, environment)
    assert not _differences("p:1", console.Command("echo a >&2; exit 1", ("a",), 1), tmp_path, environment)
    assert "+b" in _differences("p:1", console.Command("echo b", ("a",), 1), tmp_path, environment)
    assert _differences("p:1", console.Command("exit 4", (), 1), tmp_path, environment)
    assert _differences("p:1", console.Command("no_such_program_", ("...",), 1), tmp_path, environment)
