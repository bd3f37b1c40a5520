"""Witnesses as files: YAML that a person can read and `pgcheck replay` can run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Final

from pgcheck.checker.result import StateValue, Witness
from pgcheck.checker.values import NOTHING, Configuration, Mismatch, Payload, configuration, mismatch, payload
from pgcheck.isa.encoding.encoding import LENGTH
from pgcheck.isa.files.door import TEXT_LIMIT
from pgcheck.isa.files.errors import Problems, SpecificationError, Text, did_you_mean
from pgcheck.isa.files.tree import Node, compose, text_of
from pgcheck.isa.machine.choices import MIRROR

KIND: Final = "witness"
VERSION: Final = "1"


class BadWitnessFile(Exception):
    """A file is no witness; the message says where and why."""


def dump(witness: Witness) -> str:
    """The file of a witness: one key a line, values that are 0 or empty left out."""
    lines = [f"# {witness.assembly}: replay with `pgcheck replay FILE`", f"kind: {KIND}", 'witness_version: "1"']
    for field in fields(Witness):
        value = _plain(getattr(witness, field.name))
        if value not in ((), {}, "", False, None):
            lines.append(f"{field.name}: {_written(value)}")
    return "\n".join(lines) + "\n"


def _plain(value: object) -> object:
    """A field as a file has it."""
    match value:
        case Configuration():
            return value.shown()
        case (Mismatch() | Payload(), *_):
            return tuple(map(str, value))
    return value


def _written(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int():
            return hex(value) if value > 9 else str(value)
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case Mapping():
            return "{" + ", ".join(f"{_written(k)}: {_written(v)}" for k, v in value.items()) + "}"
        case Sequence():
            return "[" + ", ".join(_written(v) for v in value) + "]"
        case None:
            return '"none"'
    raise TypeError(f"{value!r} in a witness")


def load(text: str, path: str = "<witness>") -> Witness:
    """The witness of a file's text. Raises BadWitnessFile."""
    if len(text) > TEXT_LIMIT:
        raise BadWitnessFile(f"{path}: the file is too large for a witness")
    problems, tree = Problems(), None
    try:
        content = text_of(text.encode("utf-8", "surrogateescape"), path, problems)
        tree = None if content is None else compose(content, path, problems)
        problems.raise_if_any()
    except SpecificationError as error:
        raise BadWitnessFile(str(error)) from error
    if not isinstance(tree, Mapping) or tree.get(Text("kind")) != KIND:
        raise BadWitnessFile(f"{path}: this is no witness file (`kind: {KIND}` is missing)")
    if tree.get(Text("witness_version")) != VERSION:
        raise BadWitnessFile(f"{path}: unknown witness_version, expected {VERSION}")
    known = {*_READERS, "kind", "witness_version"}
    for key in tree:
        if key not in known:
            hint = did_you_mean(key, known)
            raise BadWitnessFile(f"{key.position}: a witness has no key '{key}'" + (f"; {hint}" if hint else ""))
    if missing := [name for name in _NEEDED if name not in tree]:
        raise BadWitnessFile(f"{path}: key '{missing[0]}' is missing")
    values: dict[str, object] = {}
    for key, node in tree.items():
        if read := _READERS.get(key):
            try:
                values[str(key)] = read(node)
            except ValueError as error:
                raise BadWitnessFile(f"{key.position}: {key}: {error}") from error
    return Witness(**{**_EMPTY, **values})  # type: ignore[arg-type]  # each reader gives its field's type


def _integer(node: Node) -> int:
    if not isinstance(node, str):
        raise ValueError("a number was expected")
    try:
        return int(node, 0)
    except ValueError:
        raise ValueError(f"a number was expected, found '{node[:40]}'") from None


def _number(node: Node) -> int:
    value = _integer(node)
    if value < 0:
        raise ValueError(f"a number is not negative, found '{node}'")
    return value


def _truth(node: Node) -> bool:
    if node not in ("true", "false"):
        raise ValueError("true or false was expected")
    return node == "true"


def _text(node: Node) -> str:
    if not isinstance(node, str):
        raise ValueError("a text was expected")
    return str(node)


def _list(node: Node) -> list[Node]:
    if isinstance(node, str | dict):
        raise ValueError("a list was expected")
    return list(node)


def _table(node: Node) -> list[tuple[str, Node]]:
    if not isinstance(node, dict):
        raise ValueError("a mapping was expected")
    return [(str(k), v) for k, v in node.items()]


def _index(node: Text) -> int:
    """An index of an array; -1 stands for all that are not named."""
    return -1 if node == "-1" else _number(node)


def _state(node: Node) -> dict[str, StateValue]:
    def value(held: Node) -> StateValue:
        if isinstance(held, dict):
            return {_index(i): _number(x) for i, x in held.items()}
        return _number(held)

    return {k: value(v) for k, v in _table(node)}


def _configuration(node: Node) -> Configuration:
    def value(chosen: Node) -> object:
        if isinstance(chosen, dict):
            return {k: _number(v) for k, v in _table(chosen)}
        return MIRROR if chosen == MIRROR else _number(chosen)

    return configuration({k: value(v) for k, v in _table(node)})


def _numbers(node: Node) -> tuple[int, ...]:
    return tuple(_number(n) for n in _list(node))


def _texts(node: Node) -> tuple[str, ...]:
    return tuple(_text(n) for n in _list(node))


def _mismatches(node: Node) -> tuple[Mismatch, ...]:
    return tuple(map(mismatch, _texts(node)))


def _traps(node: Node) -> tuple[Payload, ...]:
    return tuple(map(payload, _texts(node)))


def _named_numbers(node: Node) -> dict[str, int]:
    return {k: _number(v) for k, v in _table(node)}


def _operands(node: Node) -> dict[str, int]:
    """Operands by name; the length of the instruction, which older files name among them, is none."""
    return {k: v for k, v in _named_numbers(node).items() if k != LENGTH}


def _rows(*readers: Callable[[Node], object]) -> Callable[[Node], object]:
    """A reader of a list of rows, each with one value per reader."""

    def read(node: Node) -> object:
        rows = [_list(row) for row in _list(node)]
        if any(len(row) != len(readers) for row in rows):
            raise ValueError(f"a list of rows of {len(readers)} was expected")
        return tuple(tuple(r(c) for r, c in zip(readers, row, strict=True)) for row in rows)

    return read


_TEXT_FIELDS = ("specification", "digest", "deployment", "instruction", "row", "assembly", "virtual_exit", "real_exit")
_NEEDED = ("specification", "deployment", "instruction")
_READERS: Final[dict[str, Callable[[Node], object]]] = {
    **dict.fromkeys(_TEXT_FIELDS, _text),
    "virtual_mode": _number, "units": _numbers, "configuration": _configuration,
    "operands": _operands, "choices": _named_numbers,
    **dict.fromkeys(("virtual", "real", "virtual_after", "real_after"), _state),
    "translations": _rows(_numbers, _number, _number), "misses": _rows(_numbers, _number),
    "probes": _rows(_text, _numbers, _number), "tables": _rows(_text, _numbers, _number),
    "differs": _mismatches, "continued": _traps, "hard": _truth,
}  # fmt: skip
_EMPTY: Final[dict[str, object]] = {
    **dict.fromkeys(_TEXT_FIELDS, ""),
    "virtual_mode": 0,
    "hard": False,
    "configuration": NOTHING,
    **dict.fromkeys(("operands", "choices", "virtual", "real", "virtual_after", "real_after"), {}),
    **dict.fromkeys(("units", "translations", "misses", "probes", "tables", "differs", "continued"), ()),
}
