"""Strict YAML: one file as a tree of `Mapping`, `Sequence` and `Text` that know where they stand."""

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

from pgcheck.isa.files import door
from pgcheck.isa.files.errors import Anchor, Position, Problems, Text

LINE_LIMIT: Final = 64 << 10
DEPTH_LIMIT: Final = 32
NODE_LIMIT: Final = 500_000
PROBLEM_LIMIT: Final = 100


class Mapping(dict[Text, "Node"]):
    """A YAML mapping in the order of the file; look up by plain text, iterate for keys with positions."""

    __slots__ = ("position",)
    position: Position

    def __init__(self, position: Position, items: "dict[Text, Node] | None" = None) -> None:
        super().__init__(items or {})
        self.position = position

    def key(self, name: str) -> Text:
        """The key equal to `name` that stands in the file."""
        return next(key for key in self if key == name)


class Sequence(list["Node"]):
    """A YAML sequence."""

    __slots__ = ("position",)
    position: Position

    def __init__(self, position: Position, items: "list[Node] | None" = None) -> None:
        super().__init__(items or [])
        self.position = position


Node: TypeAlias = Text | Mapping | Sequence


def as_list(node: Node) -> Sequence:
    """The node if it is a list, else the list of just this node."""
    return node if isinstance(node, Sequence) else Sequence(node.position, [node])


_FORBIDDEN: Final = re.compile("[^\t\n -~\xa0-\u2027\u202a-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_WORD: Final = re.compile(r"[^ \t\n]+")
_SYNTAX_HINTS: Final = {
    "mapping values are not allowed": "quote text that contains ': '",
    "cannot start any token": "indent with spaces, and quote text that starts with @, ` or %",
    "did not find expected": "check indentation and brackets; quote text that starts with a bracket or quotation mark",
    "could not find expected ':'": "each line of a mapping is 'key: value'",
}


def content_of(path: Path, at: Position, problems: Problems) -> bytes | None:
    """The bytes of a plain file of bounded size; reports at `at` when that fails."""
    try:
        return door.content(path)
    except OSError as error:
        expected = "a YAML file" if error.errno is None else ""
        problems.report(at, f"cannot read '{path}': {error.strerror}", expected=expected)
    return None


def text_of(content: bytes, path: str, problems: Problems) -> str | None:
    """The content as text with line ends LF, without byte order mark; reports what is not text of bounded lines."""
    start = Position(path, 1, 1)
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig")
        hint = "save it as UTF-8" if b"\0" not in content else "is this a binary or a UTF-16 file?"
        found = f"byte 0x{content[error.start]:02x}"
        problems.report(_position(path, before, len(before)), "the file is not UTF-8 text", found=found, hint=hint)
        return None
    if not text.strip():
        problems.report(start, "the file is empty", expected="a specification")
        return None
    if forbidden := _FORBIDDEN.search(text):
        message = "a specification is text without control characters"
        found = f"character U+{ord(forbidden[0]):04X}"
        problems.report(_position(path, text, forbidden.start()), message, found=found)
        return None
    lengths = [len(line) for line in text.split("\n")]
    if (longest := max(lengths)) > LINE_LIMIT:
        position = Position(path, lengths.index(longest) + 1, LINE_LIMIT + 1)
        problems.report(position, f"the line is longer than {LINE_LIMIT} characters")
        return None
    return text


def _position(path: str, text: str, offset: int) -> Position:
    return Position(path, text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))


@dataclass(slots=True)
class _Open:
    """A collection that is being read; `key` waits for its value."""

    node: Any
    key: Text | None = None


@dataclass(slots=True)
class _Composer:
    """Builds the tree of one file from YAML events, reporting everything that strict YAML leaves out."""

    text: str
    path: str
    problems: Problems
    root: Node | None = None
    open: list[_Open] = field(default_factory=list)
    documents: int = 0
    lines: list[str] = field(init=False)
    starts: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.lines = self.text.split("\n")
        self.starts = list(accumulate((len(line) + 1 for line in self.lines), initial=0))

    def compose(self) -> Mapping | None:
        """The mapping that the file is, or None after reporting why it is not one."""
        try:
            for nodes, event in enumerate(yaml.parse(self.text, Loader=yaml.CSafeLoader)):
                if not self._accept(event):
                    return None
                if nodes > NODE_LIMIT or len(self.problems) > PROBLEM_LIMIT:
                    self.problems.report(self._at(event), "too many values or errors: the rest of the file is not read")
                    return None
        except yaml.MarkedYAMLError as error:
            self._syntax_error(error)
            return None
        start = Position(self.path, 1, 1)
        match self.root:
            case Mapping():
                return self.root
            case None:
                self.problems.report(start, "the file has no content", expected="a specification")
            case _:
                self.problems.report(self.root.position, "a specification is a mapping", expected="'key: value' lines")
        return None

    def _at(self, event: Any) -> Position:
        return Position(self.path, event.start_mark.line + 1, event.start_mark.column + 1)

    def _accept(self, event: Any) -> bool:
        """Take one event; False ends the reading."""
        kind = type(event)
        if kind is yaml.ScalarEvent:
            text = self._text(event)
            if event.anchor is not None or event.tag is not None:
                self._decorations(event)
            if text == "<<" and not event.style:
                self.problems.report(text.position, "merge keys are not allowed", hint="use include and override")
            self._place(text)
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            return self._start(event)
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self.open.pop()
        elif kind is yaml.AliasEvent:
            hint = "write the value out, or quote text that starts with *"
            self.problems.report(self._at(event), f"alias '*{event.anchor}' is not allowed", hint=hint)
            self._place(Text("", self._at(event), ()))
        elif kind is yaml.DocumentStartEvent:
            return self._document(event)
        return True

    def _document(self, event: Any) -> bool:
        if event.version or event.tags:
            self.problems.report(self._at(event), "YAML directives are not allowed", hint="remove the lines with %")
        self.documents += 1
        if self.documents == 1:
            return True
        self.problems.report(self._at(event), "a specification is one document", hint="remove '---', or use include")
        return False

    def _start(self, event: Any) -> bool:
        self._decorations(event)
        position = self._at(event)
        if len(self.open) >= DEPTH_LIMIT:
            self.problems.report(position, f"nesting is deeper than {DEPTH_LIMIT}")
            return False
        node = Mapping(position) if isinstance(event, yaml.MappingStartEvent) else Sequence(position)
        self._place(node)
        self.open.append(_Open(node))
        return True

    def _decorations(self, event: Any) -> None:
        if event.anchor is not None:
            hint = "write the value where it is needed, or quote text that starts with &"
            self.problems.report(self._at(event), f"anchor '&{event.anchor}' is not allowed", hint=hint)
        if event.tag is not None:
            hint = "remove it, or quote text that starts with !"
            self.problems.report(self._at(event), f"tag '{event.tag}' is not allowed", hint=hint)

    def _place(self, node: Node) -> None:
        """Put a node where it belongs: the root, an element, a key or a value."""
        if not self.open:
            self.root = node
            return
        top = self.open[-1]
        key, parent = top.key, top.node
        if key is not None:
            parent.setdefault(key, node)
            top.key = None
        elif isinstance(parent, Mapping):
            top.key = self._key(parent, node)
        else:
            parent.append(node)

    def _key(self, mapping: Mapping, node: Node) -> Text:
        if not isinstance(node, Text):
            self.problems.report(node.position, "a key must be text", hint="quote text that starts with a bracket")
            return Text("", node.position, ())
        if node in mapping:
            first = mapping.key(node).position
            message = f"key '{node}' occurs twice in one mapping"
            self.problems.report(node.position, message, found=f"first at line {first.line}, column {first.column}")
        return node

    def _text(self, event: Any) -> Text:
        """The scalar with its place, and one anchor for each line if it has several."""
        start, end, value, style = event.start_mark, event.end_mark, event.value, event.style
        line, column = start.line + 1, start.column + 1
        anchors: tuple[Anchor, ...] | None = None
        if style == "|":
            anchors = self._literal_anchors(value, line)
        elif line <= end.line:
            anchors = self._word_anchors(value, start.index, end.index, style)
        elif style and end.index - start.index != len(value) + 2:
            anchors = ()
        if not style:
            return Text(value, Position(self.path, line, column), anchors)
        if style in "|>":
            line, column = anchors[0][1:] if anchors else (line, column)
        else:
            column += 1
        return Text(value, Position(self.path, line, column), anchors)

    def _literal_anchors(self, value: str, first: int) -> tuple[Anchor, ...]:
        """Each line of a literal block is the rest of a line of the file after the indentation; `first` is 0-based."""
        lines = value.split("\n")
        indentation = next((len(self.lines[first + i]) - len(line) for i, line in enumerate(lines) if line), None)
        if indentation is None:
            return ()
        anchors: list[Anchor] = []
        offset = 0
        for number, line in enumerate(lines, first + 1):
            anchors.append((offset, number, indentation + 1))
            offset += len(line) + 1
        return tuple(anchors)

    def _word_anchors(self, value: str, start: int, end: int, style: str) -> tuple[Anchor, ...]:
        """A text whose lines are joined has the words of the file, each at its place; no anchors if it has escapes."""
        if style == ">":
            start = self.starts[bisect_right(self.starts, start)]
        elif style:
            start, end = start + 1, end - 1
            if ("\\" if style == '"' else "''") in self.text[start:end]:
                return ()
        anchors: list[Anchor] = []
        for word, source in zip(_WORD.finditer(value), _WORD.finditer(self.text, start, end), strict=False):
            line = bisect_right(self.starts, source.start())
            anchors.append((word.start(), line, source.start() - self.starts[line - 1] + 1))
        return tuple(anchors)

    def _syntax_error(self, error: Any) -> None:
        mark = error.problem_mark or error.context_mark
        position = Position(self.path, mark.line + 1, mark.column + 1) if mark else Position(self.path, 1, 1)
        hint = next((hint for part, hint in _SYNTAX_HINTS.items() if part in error.problem), "")
        found = f"{error.context} that starts at line {error.context_mark.line + 1}" if error.context_mark else ""
        self.problems.report(position, f"this is not YAML: {error.problem}", found=found, hint=hint)


def compose(text: str, path: str, problems: Problems) -> Mapping | None:
    """The tree of one file's text, without its includes; None after reporting why there is none."""
    return _Composer(text, path, problems).compose()
