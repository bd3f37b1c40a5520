"""What the names of a specification mean, and each of its functions lowered once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pgcheck.isa.files.errors import NOWHERE, Position, Problems, Text
from pgcheck.isa.idl.state import Entry, Leaf
from pgcheck.isa.idl.types import Type
from pgcheck.isa.parsing.syntax import IdlSyntaxError, Tree, parse
from pgcheck.isa.terms.ir import Function

Signature = tuple[tuple[Type, ...], Type]
Lowering = Callable[["Program", "Declaration", tuple[int, ...]], Function]


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
    """What the names of a specification mean while its texts are lowered; `functions` fills with lowered functions, and
    `sizes` with how many statements each runs, those that it calls included.

    `lowering` gives the body of a declared function for template values.
    """

    problems: Problems
    lowering: Lowering
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
    sizes: dict[str, int] = field(default_factory=dict)
    signatures: dict[str, Signature] = field(default_factory=dict)
    active: list[str] = field(default_factory=list)

    def parsed(self, text: Text, start: str) -> Tree | None:
        """The tree of a text; a syntax error is reported and gives None."""
        try:
            return parse(text, start)
        except IdlSyntaxError as error:
            self.problems.add(error.problem)
            return None

    def lower(self, name: str, values: tuple[int, ...]) -> str:
        """Lower a function for template `values` if it is not yet; the name of the lowered function."""
        key = instance_name(name, values)
        if key not in self.functions and name not in self.active:
            self.active.append(name)
            try:
                self.functions[key] = self.lowering(self, self.declarations[name], values)
            finally:
                self.active.pop()
        return key


def instance_name(name: str, values: Iterable[int]) -> str:
    """The name of a function for given template values, `read_memory<32>`."""
    listed = ", ".join(map(str, values))
    return f"{name}<{listed}>" if listed else name
