"""Documentation as a test: the files that its code blocks show, and the commands with what they print.

A fence ```` ```console ```` holds commands (`$ `, going on after a backslash) and their output, standard error included; a line
`...` stands for any lines, and `...` within a line for any text. A fence with `title="PATH"` is a file: written, or appended to if `title="PATH (continued)"`; as `diff`
it is an edit of that file, whose old lines must occur exactly once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^`\n]+)\n(?P<body>.*?)^(?P=indent)```\s*$", re.MULTILINE | re.DOTALL)
TITLE = re.compile(r'title="(?P<path>[^" ]+)(?P<more> \(continued\))?"')
ANYTHING = "..."


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: the word after the fence, the rest of that line, its lines, and the line it begins at (from 1)."""

    language: str
    options: str
    lines: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Command:
    """A command and the lines it should print."""

    text: str
    expected: tuple[str, ...]
    line: int


class BadBlock(Exception):
    """A block that is no files, edit or commands."""


def blocks(markdown: str) -> Iterator[Block]:
    """The fenced blocks that say what they are, in order."""
    for found in FENCE.finditer(markdown):
        language, _, options = found["info"].strip().partition(" ")
        width = len(found["indent"])
        lines = tuple(line[width:] for line in found["body"].splitlines())
        yield Block(language, options, lines, markdown.count("\n", 0, found.start()) + 1)


def commands(block: Block) -> Iterator[Command]:
    """The commands of a console block. Raises BadBlock for output without a command."""
    number = 0
    while number < len(block.lines):
        start, first = number, block.lines[number]
        if not first.startswith("$ "):
            raise BadBlock(f"line {block.line + 1 + number}: output without a command")
        text = first[2:]
        number += 1
        while text.endswith("\\") and number < len(block.lines):
            text += "\n" + block.lines[number]
            number += 1
        begin = number
        while number < len(block.lines) and not block.lines[number].startswith("$ "):
            number += 1
        yield Command(text, block.lines[begin:number], block.line + 1 + start)


def place(block: Block, folder: Path) -> bool:
    """Write the file that the block shows, or edit it; whether it shows one. Raises BadBlock for an edit that does not fit."""
    title = TITLE.search(block.options)
    if title is None:
        return False
    path = folder / title["path"]
    text = "".join(f"{line}\n" for line in block.lines)
    if block.language == "diff":
        path.write_text(_edited(path.read_text(encoding="utf-8"), block), encoding="utf-8")
    elif title["more"]:
        path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return True


def _edited(text: str, block: Block) -> str:
    old = "".join(f"{line[1:]}\n" for line in block.lines if not line.startswith("+"))
    new = "".join(f"{line[1:]}\n" for line in block.lines if not line.startswith("-"))
    if text.count(old) != 1:
        raise BadBlock(f"line {block.line}: the old lines occur {text.count(old)} times")
    return text.replace(old, new)


def agrees(expected: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether the lines printed are those expected; blanks at line ends and at the end do not count."""
    pattern = "".join(map(_pattern, _trimmed(expected)))
    return re.fullmatch(pattern, "".join(f"{line.rstrip()}\n" for line in _trimmed(printed))) is not None


def _pattern(line: str) -> str:
    if line.strip() == ANYTHING:
        return "(?:.*\n)*?"
    return ".*".join(map(re.escape, line.rstrip().split(ANYTHING))) + "\n"


def _trimmed(lines: Sequence[str]) -> Sequence[str]:
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    return lines[:end]
