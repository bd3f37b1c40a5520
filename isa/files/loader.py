"""Reads a specification: its file and the files that it includes, merged as `_RULES` says, and `override` applied."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from pgcheck.isa.files.errors import Position, Problems, Text, did_you_mean
from pgcheck.isa.files.foreign import HINT, foreign
from pgcheck.isa.files.sources import Digest, Shipped, by_name, target, without_collector
from pgcheck.isa.files.tree import Mapping, Node, Sequence, as_list, compose, content_of, text_of

INCLUDE_LIMIT: Final = 8

# What happens to a key that two files define. "each": the mappings are merged key by key by the rest of the rule;
# "chain": the lists one after the other; "last": the including file wins; "clash": an error.
Rule: TypeAlias = tuple[str, ...]
_CLASH: Final[Rule] = ("clash",)
_RULES: Final[dict[str, Rule]] = {
    **dict.fromkeys(("spec_version", "kind", "name", "title", "description"), ("last",)),
    **dict.fromkeys(("source", "unmodelled", "legal", "verdicts"), ("last",)),
    **dict.fromkeys(("types", "functions", "instructions"), ("chain",)),
    **dict.fromkeys(("params", "state", "exits", "tables", "nondeterminism"), ("each", "clash")),
    **dict.fromkeys(("configurations", "deployments"), ("each", "clash")),
    **dict.fromkeys(("decode", "syntax", "csrs"), ("each", "each", "clash")),
    "override": ("each", "chain"),
}
# Files included side by side: nobody wins.
_SIDE_BY_SIDE: Final[dict[str, Rule]] = {
    **_RULES,
    **dict.fromkeys(("name", "title", "description"), _CLASH),
    **dict.fromkeys(("source", "unmodelled", "legal"), ("chain",)),
    "verdicts": ("each", "clash"),
}
_IDL_KEYS: Final = ("types", "functions")
_INCLUDE, _OVERRIDE, _INSTRUCTIONS, _REMOVE, _NAME, _VARIANT = map(
    Text, ("include", "override", "instructions", "remove_instructions", "name", "variant")
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A specification with its included files merged; `digest` is that of `sources`, in that order, which are included by `names`.

    In `root`, `types` and `functions` are lists of texts, and `override`, if there, holds only those two keys: the
    texts whose definitions replace the ones of the same name.
    """

    root: Mapping
    sources: tuple[Path, ...]
    names: tuple[str, ...]
    digest: str


def load(path: Path, shipped: Shipped = lambda _name: None) -> Loaded:
    """The file and all that it includes; `shipped` finds a shipped specification by name. Raises SpecificationError."""
    reader = _Reader(shipped)
    with without_collector():
        root = reader.read(path, Text("", Position(str(path), 1, 1)), ())
    reader.problems.raise_if_any()
    return Loaded(root, tuple(reader.sources), tuple(reader.names), reader.digest.hexdigest())


@dataclass(slots=True)
class _Reader:
    """What reading one specification gathers: the files read so far, their digest and the problems."""

    shipped: Shipped
    problems: Problems = field(default_factory=Problems)
    sources: list[Path] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    known: set[Path] = field(default_factory=set)
    digest: Digest = field(default_factory=Digest)

    def read(self, path: Path, name: Text, including: tuple[Path, ...]) -> Mapping:
        """The merged tree of a file (empty after a problem) that is included by `name`; `including` is the chain of files that led to it."""
        nothing = Mapping(Position(str(path), 1, 1))
        content = content_of(path, name.position, self.problems)
        if content is None:
            return nothing
        self.sources.append(path)
        self.names.append(str(name))
        self.digest.add(name, content)
        text = text_of(content, str(path), self.problems)
        if text is not None and (format_ := foreign(text)):
            message = f"this is {format_}, not a machine as pgcheck reads it"
            self.problems.report(nothing.position, message, hint=HINT)
            return nothing
        own = compose(text, str(path), self.problems) if text is not None else None
        if own is None:
            return nothing
        base = self._included(own.pop(_INCLUDE, None), path, (*including, path))
        override = own.pop(_OVERRIDE, None)
        own = Mapping(own.position, {key: as_list(own[key]) if key in _IDL_KEYS else own[key] for key in own})
        if override is not None:
            base = _overridden(base, override, self.problems)
        return own if base is None else _joined(base, own, _RULES, self.problems)

    def _included(self, items: Node | None, path: Path, including: tuple[Path, ...]) -> Mapping | None:
        """The files that `path` includes, merged side by side; None if it includes none."""
        if items is None:
            return None
        if not isinstance(items, Sequence):
            self.problems.report(items.position, "include is a list of files", hint="write include: [file.yaml]")
            return None
        base: Mapping | None = None
        for item in items:
            if not isinstance(item, Text):
                self.problems.report(item.position, "an included file is a text")
            elif target := self._target(item, path, including):
                part = self.read(target, item, including)
                base = part if base is None else _joined(base, part, _SIDE_BY_SIDE, self.problems)
        return base

    def _target(self, item: Text, path: Path, including: tuple[Path, ...]) -> Path | None:
        """The file that an item of `include` names, or None after a problem."""
        found = target(str(item), path, self.shipped)
        if found is None:
            hint = "a file of your own is included as NAME.yaml"
            self.problems.report(item.position, f"no specification is shipped as '{item}'", hint=hint)
            return None
        try:
            real, folder = found.resolve(), path.parent.resolve()
            chain = [file.resolve() for file in including]
        except (OSError, RuntimeError, ValueError) as error:
            self.problems.report(item.position, f"cannot find '{item}': {error}")
            return None
        if not by_name(item) and (".." in Path(item).parts or not real.is_relative_to(folder)):
            message = "an included file must be inside the folder of the file that includes it"
            self.problems.report(item.position, message, found=item, expected="a relative path without '..'")
        elif real in chain:
            names = " -> ".join(file.name for file in (*including[chain.index(real) :], found))
            self.problems.report(item.position, "the file includes itself", found=names)
        elif real in self.known:
            self.problems.report(item.position, f"'{item}' is included twice", hint="remove one of the two")
        elif len(including) > INCLUDE_LIMIT:
            self.problems.report(item.position, f"files include files more than {INCLUDE_LIMIT} deep")
        else:
            self.known.add(real)
            return found
        return None


def _joined(base: Mapping, own: Mapping, rules: dict[str, Rule], problems: Problems) -> Mapping:
    """The keys of both; where both have a key, its rule says what becomes of the two values."""
    result = Mapping(own.position, base)
    for key, value in own.items():
        if key in base:
            value = _merged(base.key(key), base[key], key, value, rules.get(key, _CLASH), problems)
        result[key] = value
    return result


def _merged(base_key: Text, base: Node, own_key: Text, own: Node, rule: Rule, problems: Problems) -> Node:
    match rule[0], base, own:
        case "last", _, _:
            pass
        case "chain", Sequence(), Sequence():
            return Sequence(own.position, [*base, *own])
        case "each", Mapping(), Mapping():
            return _joined(base, own, dict.fromkeys(own, rule[1:]), problems)
        case _:
            hint = "to replace what an included file defines, put it under override"
            found = f"also at {base_key.position}"
            problems.report(own_key.position, f"'{own_key}' is defined by two files", found=found, hint=hint)
    return own


def _overridden(base: Mapping | None, override: Node, problems: Problems) -> Mapping | None:
    """The included specification with what `override` names replaced or removed."""
    if base is None:
        problems.report(override.position, "override without include", hint="include the file that is changed")
        return None
    if not isinstance(override, Mapping):
        problems.report(override.position, "override is a mapping", expected="the keys of a specification")
        return base
    rest = {key: value for key, value in override.items() if key not in (*_IDL_KEYS, "instructions", _REMOVE)}
    texts = Mapping(override.position, {key: as_list(override[key]) for key in override if key in _IDL_KEYS})
    earlier = base.pop(_OVERRIDE, None)
    result = _replaced(base, rest, _RULES, problems)
    if texts:
        result[_OVERRIDE] = texts
    if earlier is not None:
        result = _joined(Mapping(earlier.position, {_OVERRIDE: earlier}), result, _RULES, problems)
    instructions = result.get(_INSTRUCTIONS, Sequence(override.position))
    changed = _changed_instructions(as_list(instructions), override, problems)
    return Mapping(result.position, result | {_INSTRUCTIONS: changed}) if _INSTRUCTIONS in result else result


def _replaced(base: Mapping, override: dict[Text, Node], rules: dict[str, Rule], problems: Problems) -> Mapping:
    """The base with the entries of `override` in the place of its own, at the depth at which files are merged."""
    result = Mapping(base.position, base)
    for key, value in override.items():
        rule = rules.get(key, _CLASH)
        old = base.get(key)
        if old is None:
            hint = did_you_mean(key, base)
            problems.report(key.position, f"override of '{key}', which no included file defines", hint=hint)
        elif rule[0] == "each" and isinstance(old, Mapping) and isinstance(value, Mapping):
            result[key] = _replaced(old, value, dict.fromkeys(value, rule[1:]), problems)
        else:
            result[key] = value
    return result


def _changed_instructions(instructions: Sequence, override: Mapping, problems: Problems) -> Sequence:
    """The list with the instructions of `override` in the place of those with their id, without the removed ones."""
    places = {
        identity: place for place, node in enumerate(instructions) if (identity := instruction_id(node)) is not None
    }
    result: list[Node | None] = [*instructions]
    for key, replaces in ((_INSTRUCTIONS, True), (_REMOVE, False)):
        nodes = override.get(key, Sequence(override.position))
        if not isinstance(nodes, Sequence):
            problems.report(nodes.position, f"{key} is a list")
            continue
        for node in nodes:
            identity = instruction_id(node) if replaces else node if isinstance(node, Text) else None
            if identity is None:
                problems.report(
                    node.position, "an instruction without a name" if replaces else "not an instruction's id"
                )
            elif (place := places.pop(identity, None)) is None:
                hint = did_you_mean(identity, places)
                message = f"override of instruction '{identity}', which no included file defines (or overridden twice)"
                problems.report(identity.position, message, hint=hint)
            else:
                result[place] = node if replaces else None
    return Sequence(instructions.position, [node for node in result if node is not None])


def instruction_id(node: Node) -> Text | None:
    """`name` or `name.variant` of an instruction, standing where the name stands; None if the node has no name."""
    if not isinstance(node, Mapping) or not isinstance(name := node.get(_NAME), Text):
        return None
    variant = node.get(_VARIANT)
    return Text(f"{name}.{variant}", name.position) if isinstance(variant, Text) else name
