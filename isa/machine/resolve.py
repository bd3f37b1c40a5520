"""What the texts of a specification's sections name: conditions, leaves, values of leaves and fields, functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from pgcheck.isa.files.errors import Position, Text, did_you_mean
from pgcheck.isa.idl import expressions
from pgcheck.isa.idl.expressions import expression_in
from pgcheck.isa.idl.program import Declaration, Program
from pgcheck.isa.idl.scopes import Value, operand_values
from pgcheck.isa.idl.state import Leaf, ScalarLeaf
from pgcheck.isa.idl.types import BOOLEAN, Bitfield, Bits, Boolean, Type, is_scalar
from pgcheck.isa.parsing.refusal import Elsewhere
from pgcheck.isa.terms import OPERATORS, TRUE, Term, operand, rewrite, substitute, variable, walk
from pgcheck.isa.terms.names import OPERAND

Widths = Mapping[str, int]


def truth(
    program: Program, text: Text, operands: Mapping[str, Bits] | None = None, named: Mapping[str, Value] | None = None
) -> Term | None:
    """A Boolean expression, in which operands and the values of `named` stand; its problems are reported and give None."""
    value = expression_in(program, text, operands={**operand_values(operands or {}), **(named or {})})
    if value is None:
        return None
    if not isinstance(value.type, Boolean):
        program.problems.report(text.position, "a condition must be Boolean", found=str(value.type))
        return None
    return value.term


def truth_or(program: Program, text: Text | None, default: Term) -> Term:
    """A Boolean expression, or `default` where there is none."""
    term = default if text is None else truth(program, text)
    return TRUE if term is None else term


def leaf_number(program: Program, leaf: Leaf, given: int | Text, at: Position) -> int:
    """A value of a leaf: a number or an enum value; `at` is the place of a number, which keeps none."""
    value = given
    if isinstance(value, Text):
        found = expression_in(program, value)
        at = value.position
        if found is None:
            return 0
        if not is_scalar(found.type) or not found.term.is_constant:
            program.problems.report(at, "a constant was expected", found=value)
            return 0
        value = found.term.value
    if value >> leaf.element_width:
        program.problems.report(at, f"{value} does not fit {leaf.name}", expected=f"{leaf.element_width} bits")
    return value


def leaves_of(program: Program, path: Text) -> tuple[str, ...]:
    """The leaves a path names: a leaf, or an entry with all of its leaves; () after a reported problem."""
    name = str(path)
    if name in program.leaves:
        return (name,)
    if name in program.entries:
        return program.entries[name].leaves
    hint = did_you_mean(name, [*program.entries, *program.leaves])
    program.problems.report(path.position, f"no state '{name}'", hint=hint)
    return ()


def one_leaf(program: Program, path: Text, what: str) -> ScalarLeaf | None:
    """The leaf that a path names, which is no array; None after a reported problem."""
    match [program.leaves[name] for name in leaves_of(program, path)]:
        case []:
            return None
        case [ScalarLeaf() as leaf]:
            return leaf
        case [_]:
            found = "an array"
        case several:
            found = ", ".join(leaf.name for leaf in several)
    program.problems.report(path.position, f"{what} is one leaf", found=found)
    return None


def assignment(program: Program, given: Mapping[Text, int | Text]) -> dict[str, int]:
    """Values for leaves by path."""
    return {
        leaf: leaf_number(program, program.leaves[leaf], value, path.position)
        for path, value in given.items()
        for leaf in leaves_of(program, path)
    }


def fields(program: Program, given: Mapping[Text, int], type_: Type) -> dict[str, int]:
    """Values for fields of a bitfield."""
    known = type_.ranges if isinstance(type_, Bitfield) else {}
    for name, value in given.items():
        if str(name) not in known:
            program.problems.report(name.position, f"{type_} has no field '{name}'", hint=did_you_mean(name, known))
        elif value >> (known[str(name)][0] - known[str(name)][1] + 1):
            program.problems.report(name.position, f"{value} does not fit field '{name}'")
    return {str(n): v for n, v in given.items()}


def declared(program: Program, name: Text, what: str) -> Declaration | None:
    """The function `name`, which takes no template values; None after a reported problem."""
    declaration = program.declarations.get(str(name))
    if declaration is None:
        hint = did_you_mean(name, program.declarations)
        program.problems.report(name.position, f"no function '{name}'", expected=what, hint=hint)
    elif declaration.template:
        program.problems.report(name.position, f"{name} takes template values", expected=what)
        return None
    return declaration


def signature(program: Program, name: str) -> tuple[tuple[Type, ...], Type] | None:
    """The types of a declared function; None after a problem in its declaration, which is reported."""
    try:
        return expressions.signature(program, name, ())
    except Elsewhere as elsewhere:
        program.problems.add(elsewhere.problem)
        return None


def one_of(program: Program, name: Text, known: Iterable[str], what: str) -> bool:
    """Whether a name is known; else it is reported."""
    names = list(known)
    if str(name) in names:
        return True
    program.problems.report(name.position, f"no {what} '{name}'", hint=did_you_mean(name, names))
    return False


class Conditions:
    """The conditions of one specification; those of `named` may be used in others by their names.

    `PREFIX_NAME` is a named one with its operands called `PREFIX_...`, as those of a tail with that prefix are. An operand hides a condition
    of its name.
    """

    def __init__(self, program: Program, named: Mapping[Text, Text]) -> None:
        self.program = program
        self.named = {str(name): (name, text) for name, text in named.items()}
        self.open: list[str] = []
        self.lowered: dict[tuple[object, ...], Term | None] = {}
        self.found: dict[tuple[object, ...], Term] = {}
        self.bare: dict[Term, Term] = {}
        for _, text in self.named.values():
            program.parsed(text, "expression")

    def of(self, text: str, widths: Widths) -> Term:
        """A condition over variables, for the encodings; problems are reported."""
        key = (text, *widths.items())
        if key not in self.found:
            located = text if isinstance(text, Text) else Text(text)
            term = self.over_operands(located, widths)
            if term is None or not self._is_of_operands(term, located):
                return TRUE
            self.found[key] = rewrite([term], _bare, self.bare)[0]
        return self.found[key]

    def over_operands(self, text: Text, widths: Widths) -> Term | None:
        """The same over operands, as bodies have them; None after a reported problem."""
        key = (text, *widths.items())
        if key not in self.lowered:
            values = dict(self._values(text, widths))
            self.lowered[key] = truth(self.program, text, {n: Bits(w) for n, w in widths.items()}, values)
        return self.lowered[key]

    def _values(self, text: str, widths: Widths) -> Iterator[tuple[str, Value]]:
        """What the names of conditions in a text mean."""
        for word in dict.fromkeys(re.findall(r"[A-Za-z_]\w*", text)):
            prefix = "" if word in self.named else next(_prefixes(word, self.named), "")
            name = word.removeprefix(prefix)
            if word in widths or name not in self.named:
                continue
            at, inner = self.named[name]
            if name in self.open:
                self.program.problems.report(at.position, f"the condition {name} is made of itself")
                continue
            self.open.append(name)
            shown = {n.removeprefix(prefix): w for n, w in widths.items() if n.startswith(prefix)}
            term = self.over_operands(inner, shown)
            self.open.pop()
            if term is not None:
                leaves = {operand(w, n): operand(w, prefix + n) for n, w in shown.items()}
                yield word, Value((substitute([term], leaves)[0],), BOOLEAN)

    def _is_of_operands(self, term: Term, text: Text) -> bool:
        for part in walk([term]):
            if (
                part.op not in OPERATORS
                and part.op != "const"
                and not (part.op == "var" and part.name.space == OPERAND)
            ):
                found = part.leaf or str(part.data)
                message = "a condition on an encoding is over its operands only"
                self.program.problems.report(text.position, message, found=found)
                return False
        return True


def _prefixes(word: str, named: Mapping[str, object]) -> Iterator[str]:
    """What stands before the name of a condition at the end of a word, the shortest first."""
    ends = (at.end() for at in re.finditer("_", word))
    return (word[:end] for end in ends if word[end:] in named)


def _bare(term: Term, args: tuple[Term, ...]) -> Term | None:
    """The operand of a body as the variable of an encoding."""
    return variable(term.width, term.name.text) if term.op == "var" else None
