"""Positions in specification files, and the errors that name them."""

import difflib
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Final, Self

from pgcheck.isa.files import door

_WINDOW: Final = 100
_LONGEST_DETAIL: Final = 260
_RENDERED_PROBLEMS: Final = 50
_LONGEST_GUESSED_WORD: Final = 80


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a file; `line` and `column` count characters from 1."""

    path: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


NOWHERE: Final = Position("<text>", 1, 1)

Anchor = tuple[int, int, int]


class Text(str):
    """A scalar of a file that knows where each of its characters stands.

    `anchors` are (offset, line, column), rising: the characters from `offset` on stand side by side from there.
    Without anchors the text stands in the file as it is; with no anchor at all only its start is known.
    """

    __slots__ = ("anchors", "position")
    position: Position
    anchors: tuple[Anchor, ...] | None

    def __new__(cls, value: str = "", position: Position = NOWHERE, anchors: tuple[Anchor, ...] | None = None) -> Self:
        text = str.__new__(cls, value)
        text.position = position
        text.anchors = anchors
        return text

    def __reduce__(self) -> tuple[type["Text"], tuple[str, Position, tuple[Anchor, ...] | None]]:
        return Text, (str(self), self.position, self.anchors)

    def locate(self, offset: int) -> Position:
        """The place of the character at `offset` (clamped to the text), or the start where that is not known."""
        offset = min(max(offset, 0), len(self))
        start = self.position
        if self.anchors is None:
            newline = self.rfind("\n", 0, offset)
            if newline < 0:
                return Position(start.path, start.line, start.column + offset)
            return Position(start.path, start.line + self.count("\n", 0, offset), offset - newline)
        if not self.anchors:
            return start
        first, line, column = self.anchors[max(bisect_right(self.anchors, offset, key=lambda anchor: anchor[0]) - 1, 0)]
        return Position(start.path, line, column + max(offset - first, 0))


@dataclass(frozen=True, slots=True)
class Problem:
    """One error in a specification: where and what; as it helps also what was found, what was expected, what to do."""

    position: Position
    message: str
    found: str = field(default="", kw_only=True)
    expected: str = field(default="", kw_only=True)
    hint: str = field(default="", kw_only=True)

    def render(self, source_line: str | None) -> str:
        """The problem in lines of text, with `source_line` (None: not available) and a caret under the place."""
        lines = [_printable(str(self.position)) + ": " + _printable(self.message)]
        if source_line is not None:
            lines += _excerpt(source_line, self.position.column - 1)
        details = (("found", self.found), ("expected", self.expected), ("hint", self.hint))
        lines += [f"  {name}: {_printable(text)}" for name, text in details if text]
        return "\n".join(lines)


def _excerpt(line: str, column: int) -> list[str]:
    """At most `_WINDOW` characters of the line around the 0-based column, and the caret line."""
    column = min(max(column, 0), len(line))
    start = max(0, min(column - _WINDOW // 2, len(line) - _WINDOW))
    shown = "".join(c if c.isprintable() else " " for c in line[start : start + _WINDOW])
    before = "..." if start else ""
    after = "..." if start + _WINDOW < len(line) else ""
    return [f"    {before}{shown}{after}".rstrip(), " " * (4 + len(before) + column - start) + "^"]


def _printable(text: str) -> str:
    """The text on one line, without terminal control characters, shortened in the middle when very long."""
    if len(text) > _LONGEST_DETAIL:
        text = f"{text[: _LONGEST_DETAIL // 2]} ... {text[-_LONGEST_DETAIL // 2 :]}"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class SpecificationError(Exception):
    """A specification is wrong: its `problems`, each once, sorted by file (in order of appearance), line and column.

    `subject` says what is wrong; another kind of file has a class of its own.
    """

    subject: ClassVar[str] = "the specification"
    problems: tuple[Problem, ...]

    def __init__(self, problems: Iterable[Problem]) -> None:
        unique = tuple(dict.fromkeys(problems))
        files = {path: i for i, path in enumerate(dict.fromkeys(p.position.path for p in unique))}
        self.problems = tuple(sorted(unique, key=lambda p: (files[p.position.path], p.position)))
        super().__init__(self.problems)

    def __str__(self) -> str:
        shown = self.problems[:_RENDERED_PROBLEMS]
        sources = {path: _source_lines(path) for path in {p.position.path for p in shown}}
        rendered = [p.render(_line(sources[p.position.path], p.position.line)) for p in shown]
        if len(self.problems) > len(shown):
            rendered.append(f"and {len(self.problems) - len(shown)} more")
        return "\n".join(rendered)


def _source_lines(path: str) -> list[str]:
    """The lines of a file, or none when it cannot be read as a plain file of bounded size."""
    try:
        content = door.content(path)
    except OSError:
        return []
    return content.decode("utf-8-sig", errors="replace").replace("\r\n", "\n").split("\n")


def _line(lines: list[str], number: int) -> str | None:
    return lines[number - 1] if 1 <= number <= len(lines) else None


class Problems:
    """Collects problems, so that all of them are reported at once."""

    __slots__ = ("_problems",)

    def __init__(self) -> None:
        self._problems: list[Problem] = []

    def __len__(self) -> int:
        return len(self._problems)

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._problems)

    def add(self, problem: Problem) -> None:
        """Collect a problem."""
        self._problems.append(problem)

    def report(self, position: Position, message: str, *, found: str = "", expected: str = "", hint: str = "") -> None:
        """Note one problem."""
        self.add(Problem(position, message, found=found, expected=expected, hint=hint))

    def raise_if_any(self) -> None:
        """Raise SpecificationError with all problems noted so far, if there are any."""
        if self._problems:
            raise SpecificationError(self._problems)


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """The hint "did you mean 'x'?" with the candidate nearest to the word, or "" when none is near."""
    if len(word) > _LONGEST_GUESSED_WORD:
        return ""
    by_folded = {candidate.casefold(): str(candidate) for candidate in candidates}
    close = difflib.get_close_matches(word.casefold(), by_folded, n=1)
    return f"did you mean '{by_folded[close[0]]}'?" if close else ""
