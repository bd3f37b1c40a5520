"""Declarations of a specification, and each of its functions lowered once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from pgcheck.isa.files.errors import NOWHERE, Position, Problems, Text, did_you_mean
from pgcheck.isa.idl.refusal import Elsewhere, Refusal
from pgcheck.isa.idl.state import Entry, Leaf
from pgcheck.isa.idl.syntax import IdlSyntaxError, Item, Token, Tree, parse
from pgcheck.isa.idl.types import BOOLEAN, MAX_WIDTH, VOID, Bitfield, Bits, Enum, Struct, Tuple, Type, is_scalar
from pgcheck.isa.terms.ir import Function


def _type_name(item: Tree) -> str:
    """The name that a definition of a type gives."""
    return next((str(c) for c in item.children if isinstance(c, Token) and c.kind == "NAME"), "")


def subtrees(tree: Tree) -> list[Tree]:
    """The children of a tree that are trees."""
    return [c for c in tree.children if isinstance(c, Tree)]


@dataclass(frozen=True, slots=True)
class Declaration:
    """A function as declared: its text, and the parts of its tree."""

    name: str
    text: Text
    tree: Tree
    template: tuple[str, ...]
    parameters: tuple[tuple[Tree, str], ...]
    returns: tuple[Tree, ...]
    body: Tree


@dataclass(slots=True)
class Program:
    """What the names of a specification mean while its texts are lowered; `functions` fills with lowered functions."""

    problems: Problems
    origin: Position = NOWHERE
    params: dict[str, int] = field(default_factory=dict)
    types: dict[str, Type] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    leaves: dict[str, Leaf] = field(default_factory=dict)
    declarations: dict[str, Declaration] = field(default_factory=dict)
    terminators: frozenset[str] = frozenset()
    sites: dict[str, Type] = field(default_factory=dict)
    memory_unit: int = 8
    address_width: int = 0
    functions: dict[str, Function] = field(default_factory=dict)
    signatures: dict[str, tuple[tuple[Type, ...], Type]] = field(default_factory=dict)
    active: list[str] = field(default_factory=list)

    def declare_types(self, texts: Iterable[Text], overrides: Iterable[Text]) -> None:
        """Take the enums, bitfields and structs of `texts`; one in `overrides` takes the place of that of its name."""
        replaced = {_type_name(item): (text, item) for text in overrides for item in self._definitions(text)}
        unused = dict(replaced)
        for text in texts:
            for item in self._definitions(text):
                unused.pop(_type_name(item), None)
                self._declare_or_report(*replaced.get(_type_name(item), (text, item)))
        for name, (text, item) in unused.items():
            refusal = Refusal(item, f"no type '{name}' to override", hint=did_you_mean(name, self.types))
            self.problems.add(refusal.problem(text))

    def _definitions(self, text: Text) -> list[Tree]:
        tree = self.parsed(text, "definitions")
        return [] if tree is None else subtrees(tree)

    def _declare_or_report(self, text: Text, item: Tree) -> None:
        try:
            self._declare_type(item)
        except Refusal as refusal:
            self.problems.add(refusal.problem(text))

    def _declare_type(self, item: Tree) -> None:
        match item.data:
            case "enum":
                name, members, nxt = str(item.children[0]), dict[str, int](), 0
                for part in subtrees(item):
                    value = self._number(part.children[1]) if len(part.children) > 1 else nxt
                    self._unique(members, part, str(part.children[0]))
                    members[str(part.children[0])], nxt = value, value + 1
                self._add_type(item, name, Enum(name, self._enum_width(item, members), members))
            case "bitfield":
                name, width = str(item.children[1]), self._number(item.children[0])
                if not 0 < width <= MAX_WIDTH:
                    raise Refusal(item, "a bitfield is too wide", found=str(width), expected=f"1 to {MAX_WIDTH} bits")
                self._add_type(item, name, Bitfield(name, width, self._ranges(item, width)))
            case "struct":
                name, parts = str(item.children[0]), item.children[1:]
                struct: dict[str, Type] = {}
                for type_tree, member in zip(parts[::2], parts[1::2], strict=True):
                    assert isinstance(type_tree, Tree)
                    self._unique(struct, member, str(member))
                    struct[str(member)] = self.type_of(type_tree, {})
                    if not is_scalar(struct[str(member)]):
                        raise Refusal(type_tree, "a struct within a struct", found=str(struct[str(member)]))
                self._add_type(item, name, Struct(name, struct))
            case "function" | "builtin":
                raise Refusal(item, "a function among the types", hint="move it to `functions:`")
            case other:
                raise Refusal(item, f"{other.replace('_', ' ')} is not part of IDL-core")

    def _ranges(self, item: Tree, width: int) -> dict[str, tuple[int, int]]:
        ranges: dict[str, tuple[int, int]] = {}
        taken: dict[int, str] = {}
        for part in subtrees(item):
            name, high, low = str(part.children[0]), self._number(part.children[1]), self._number(part.children[-1])
            self._unique(ranges, part, name)
            if not low <= high < width:
                raise Refusal(part, f"{name} is not within {width} bits", found=f"{high}-{low}", expected="high-low")
            for bit in range(low, high + 1):
                if bit in taken:
                    raise Refusal(part, f"bit {bit} of {name} belongs to {taken[bit]} already")
                taken[bit] = name
            ranges[name] = (high, low)
        return ranges

    def _number(self, item: Item) -> int:
        """The value of a number in a definition."""
        from pgcheck.isa.idl.literals import literal

        return literal(str(item), self.params.get("MXLEN"), item).term.value

    def _enum_width(self, item: Tree, members: Mapping[str, int]) -> int:
        width = max(1, max(members.values()).bit_length())
        if width > MAX_WIDTH:
            raise Refusal(
                item, "an enum value is too wide", found=f"{width} bits", expected=f"at most {MAX_WIDTH} bits"
            )
        return width

    def _unique(self, taken: Mapping[str, object], item: Item, name: str) -> None:
        if name in taken:
            raise Refusal(item, f"'{name}' is declared twice")

    def _add_type(self, item: Tree, name: str, type_: Type) -> None:
        self._unique(self.types, item, name)
        self.types[name] = type_

    def declare_functions(self, text: Text, *, override: bool = False) -> None:
        """Take the functions of a text; with `override` each must exist and is replaced."""
        tree = self.parsed(text, "definitions")
        for item in [] if tree is None else subtrees(tree):
            try:
                self._declare_function(text, item, override)
            except Refusal as refusal:
                self.problems.add(refusal.problem(text))

    def _declare_function(self, text: Text, item: Tree, override: bool) -> None:
        if item.data != "function":
            raise Refusal(item, f"{item.data.replace('_', ' ')} among the functions", expected="function NAME {...}")
        name = next(str(c) for c in item.children if isinstance(c, Token) and c.kind in ("NAME", "PREDICATE"))
        parts = {t.data: t for t in subtrees(item)}
        if override and name not in self.declarations:
            hint = did_you_mean(name, self.declarations)
            raise Refusal(item, f"no function '{name}' to override", hint=hint)
        if not override:
            self._unique(self.declarations, item, name)
        template = tuple(str(p.children[1]) for p in subtrees(parts["template"])) if "template" in parts else ()
        parameters = []
        for p in subtrees(parts["arguments"]) if "arguments" in parts else []:
            if len(p.children) > 2:
                raise Refusal(p, "an array cannot be an argument")
            assert isinstance(p.children[0], Tree)
            parameters.append((p.children[0], str(p.children[1])))
        returns = tuple(subtrees(parts["returns"])) if "returns" in parts else ()
        self.declarations[name] = Declaration(name, text, item, template, tuple(parameters), returns, parts["block"])

    def declare_body(self, signature: Text, body: Text) -> None:
        """Take a function whose body stands elsewhere in the file than its (generated) signature."""
        head, tree = self.parsed(signature, "definitions"), self.parsed(body, "body")
        if head is None or tree is None:
            return
        try:
            self._declare_function(signature, subtrees(head)[0], False)
        except Refusal as refusal:
            self.problems.add(refusal.problem(signature))
            return
        name = signature.split()[1]
        self.declarations[name] = replace(self.declarations[name], text=body, body=tree)

    def parsed(self, text: Text, start: str) -> Tree | None:
        """The tree of a text; a syntax error is reported and gives None."""
        try:
            return parse(text, start)
        except IdlSyntaxError as error:
            self.problems.add(error.problem)
            return None

    def type_of(self, tree: Tree, constants: Mapping[str, int]) -> Type:
        """The type a tree names. Raises Refusal."""
        from pgcheck.isa.idl.expressions import constant_value

        if tree.data == "bits_type":
            width = constant_value(self, tree.children[-1], constants)
            if not 0 < width <= MAX_WIDTH:
                raise Refusal(tree, "this width cannot be", found=str(width), expected=f"1 to {MAX_WIDTH} bits")
            return Bits(width)
        name = str(tree.children[0])
        builtin: dict[str, Type] = {"Boolean": BOOLEAN, "U32": Bits(32), "U64": Bits(64)}
        known = builtin | self.types
        if name not in known:
            raise Refusal(tree, f"no type '{name}'", hint=did_you_mean(name, known))
        return known[name]

    def signature(self, name: str, values: tuple[int, ...]) -> tuple[tuple[Type, ...], Type]:
        """Parameter types and result type of a function for template `values`."""
        key = instance_name(name, values)
        if key not in self.signatures:
            declaration = self.declarations[name]
            constants = dict(zip(declaration.template, values, strict=True))
            try:
                parameters = tuple(self.type_of(t, constants) for t, _ in declaration.parameters)
                results = tuple(self.type_of(t, constants) for t in declaration.returns)
            except Refusal as refusal:
                raise Elsewhere(refusal.problem(declaration.text)) from refusal
            self.signatures[key] = parameters, results[0] if len(results) == 1 else Tuple(results) if results else VOID
        return self.signatures[key]

    def lower(self, name: str, values: tuple[int, ...]) -> str:
        """Lower a function for template `values` if it is not yet; the name of the lowered function."""
        from pgcheck.isa.idl.statements import lower_function

        key = instance_name(name, values)
        if key not in self.functions and name not in self.active:
            self.active.append(name)
            try:
                self.functions[key] = lower_function(self, self.declarations[name], values)
            finally:
                self.active.pop()
        return key


def instance_name(name: str, values: Iterable[int]) -> str:
    """The name of a function for given template values, `read_memory<32>`."""
    listed = ", ".join(map(str, values))
    return f"{name}<{listed}>" if listed else name
