"""Conditions as people read them: in the specification's own names of leaves, fields, operands and functions."""

from __future__ import annotations

from typing import Final

from pgcheck.checker.traps.condition import ALWAYS, NEVER, Condition, Literal
from pgcheck.isa.idl.types import Bitfield, Enum, Type
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import Term
from pgcheck.isa.terms.names import CHOICE, PROBE, READ, TABLE
from pgcheck.models.symbolic import ADDRESS, FAULT

INFIX: Final = {
    "add": "+", "sub": "-", "mul": "*", "and": "&", "or": "|", "xor": "^", "shl": "<<", "lshr": ">>", "ashr": ">>>",
    "ult": "<", "ule": "<=", "slt": "<", "sle": "<=", "eq": "==", "land": "&&", "lor": "||",
}  # fmt: skip
OPPOSITE: Final = {"eq": "!=", "ult": ">=", "ule": ">", "slt": ">=", "sle": ">"}
WORDS: Final = 12  # decimal numbers below it
LONG: Final = 24  # characters of an argument
MOST: Final = 40  # characters of another part
WHOLE: Final = 400  # characters of a part where nothing is left out but that


class Reading:
    """Writes terms of one machine's conditions as IDL, of states in a mode; what IDL has no word for reads as a call.

    A `brief` one leaves long arguments of cuts out.
    """

    def __init__(self, machine: Machine, mode: int, *, brief: bool = False) -> None:
        self.machine, self.mode, self.brief = machine, mode, brief
        self.known: dict[Term, str] = {}
        self.enums = {
            name: entry.type
            for entry in machine.state.entries.values()
            for name in entry.leaves
            if isinstance(entry.type, Enum)
        }

    def condition(self, found: Condition) -> str:
        """A condition: one of the alternatives, or that none of them holds."""
        if found in (ALWAYS, NEVER):
            return "true" if found == ALWAYS else "false"
        inner, outer = (" || ", " && ") if found.opposite else (" && ", " || ")
        parts = [
            [self.literal(Literal(x.atom, x.holds is not found.opposite)) for x in one] for one in found.alternatives
        ]
        return outer.join(f"({inner.join(p)})" if len(p) > 1 and len(parts) > 1 else inner.join(p) for p in parts)

    def literal(self, one: Literal) -> str:
        """A comparison, or its opposite."""
        atom = one.atom
        if not one.holds and atom.op in OPPOSITE:
            left, right = atom.args
            if atom.op in ("slt", "sle"):
                return f"$signed({self.term(left)}) {OPPOSITE[atom.op]} $signed({self.term(right)})"
            if atom.op == "eq" and left.width == 1 and right.is_constant:
                return f"{self.inner(left)} == {1 - right.value}"
            return f"{self.inner(left)} {OPPOSITE[atom.op]} {self.value(right, left)}"
        text = self.term(atom)
        return text if one.holds else f"!({text})" if atom.op in INFIX else f"!{text}"

    def value(self, term: Term, beside: Term) -> str:
        """A side of a comparison; a constant by the name that it has beside a leaf of an enum."""
        enum = self.enums.get(beside.leaf or "")
        if enum is not None and term.is_constant:
            named = [n for n, v in enum.members.items() if v == term.value]
            if named:
                return f"{enum}::{named[0]}"
        return self.inner(term)

    def term(self, term: Term) -> str:
        """A term as an expression; a part that is too long for anybody is left out, for shared parts would be written again and again."""
        if term not in self.known:
            text = self.written(term)
            self.known[term] = text if len(text) <= WHOLE else ".."
        return self.known[term]

    def written(self, term: Term) -> str:
        match term.op:
            case "const" if not term.width:
                return "true" if term.value else "false"
            case "const":
                return str(term.value) if term.value < WORDS else hex(term.value)
            case "var" | "array":
                return self.name(term)
            case "extract":
                return self.extract(term)
            case "select":
                return self.element(term)
            case "zext" | "sext":
                return self.term(term.args[0]) if term.op == "zext" else f"$signed({self.term(term.args[0])})"
            case "concat":
                loaded = self.loaded(term)
                return loaded or "{" + ", ".join(map(self.term, _flat(term))) + "}"
            case "lnot":
                return self.literal(Literal(term.args[0], False))
            case "not":
                return f"~{self.inner(term.args[0])}"
            case "ite":
                return " ".join(
                    (self.inner(term.args[0]), "?", self.inner(term.args[1]), ":", self.inner(term.args[2]))
                )
            case "uf":
                return self.applied(term)
            case "slt" | "sle":
                left, right = term.args
                return f"$signed({self.term(left)}) {INFIX[term.op]} $signed({self.term(right)})"
            case op if op in INFIX:
                left, right = term.args
                return f"{self.value(left, right)} {INFIX[op]} {self.value(right, left)}"
            case op:
                return f"{op}({', '.join(map(self.term, term.args))})"

    def inner(self, term: Term) -> str:
        """A part of an expression, in parentheses where it is one itself."""
        if term.op == "zext":
            return self.inner(term.args[0])
        text = self.term(term)
        if self.brief and len(text) > MOST:
            return ".."
        return f"({text})" if term.op in INFIX or term.op == "ite" else text

    def name(self, term: Term) -> str:
        name = term.name
        if name.space in (CHOICE, READ):
            again = f"#{name.instance}" if name.instance else ""
            return f'choice("{name.text}"){again}' if name.space == CHOICE else f"{name.text}{again}"
        return name.text

    def extract(self, term: Term) -> str:
        """Some bits: a field where the value is an entry of a table."""
        high, low = term.bounds
        of = term.args[0]
        field = self.field(of, high, low)
        if field:
            return f"{self.inner(of)}.{field}"
        return f"{self.inner(of)}[{high}]" if high == low else f"{self.inner(of)}[{high}:{low}]"

    def field(self, of: Term, high: int, low: int) -> str:
        type_: Type | None = None
        if of.op == "uf" and of.name.space == TABLE:
            type_ = self.machine.code.tables[of.name.text].type
        elif of.op == "select" and of.args[0].leaf in self.machine.state.entries:
            type_ = self.machine.state.entries[of.args[0].leaf or ""].type
        if isinstance(type_, Bitfield):
            return next((n for n, bounds in type_.ranges.items() if bounds == (high, low)), "")
        return ""

    def element(self, term: Term) -> str:
        """An element of an array; memory that the step itself has written before reads as such."""
        array, index = term.args
        while array.op == "store":
            array = array.args[0]
        name = self.name(array) if array.op == "array" else array.op
        return f"{name}[{self.argument(index)}]"

    def loaded(self, term: Term) -> str:
        """Several units of memory as one access."""
        parts = _flat(term)
        memory = self.machine.state.memory
        if not all(p.op == "select" and p.args[0].leaf == memory for p in parts):
            return ""
        first = min((p.args[1] for p in parts), key=lambda t: t.height)
        return f"{memory}[{self.argument(first)}, {len(parts)} units]"

    def applied(self, term: Term) -> str:
        """The answer of a cut."""
        name, args = term.name, ", ".join(map(self.argument, term.args))
        translation = self.machine.code.translation
        if translation is not None and name in (FAULT, ADDRESS):
            given = self.asked(term.args)
            return f"{translation.function}({given})" + (" faults" if name == FAULT else "")
        return f"{name.text}({args})" if name.space in (TABLE, PROBE) else f"{name}({args})"

    def asked(self, args: tuple[Term, ...]) -> str:
        """The arguments of a translation, members of enums by name, and the current mode by that of its leaf."""
        translation = self.machine.code.translation
        assert translation is not None
        shown: list[str] = []
        for place, ((_, type_), arg) in enumerate(zip(translation.parameters, args, strict=True)):
            if place == translation.mode and arg.is_constant and arg.value == self.mode:
                shown.append(self.machine.modes.leaf)
                continue
            named = type_.members.items() if isinstance(type_, Enum) and arg.is_constant else ()
            names = [n for n, v in named if v == arg.value]
            shown.append(f"{type_}::{names[0]}" if names else self.argument(arg))
        return ", ".join(shown)

    def argument(self, term: Term) -> str:
        """An argument of a cut."""
        text = self.term(term)
        return ".." if self.brief and len(text) > LONG else text


def mode_name(machine: Machine, value: int) -> str:
    """A value of the mode leaf: `S` by its enum, or `CPL=0`."""
    return named_mode(machine, value) or f"{machine.modes.leaf}={value}"


def named_mode(machine: Machine, value: int) -> str:
    """What the specification's enum calls a value of the mode leaf; "" where it has no name for it."""
    leaf = machine.modes.leaf
    for entry in machine.state.entries.values():
        if leaf in entry.leaves and isinstance(entry.type, Enum):
            named = [n for n, v in entry.type.members.items() if v == value]
            if named:
                return named[0]
    return ""


def _flat(term: Term) -> list[Term]:
    return [p for a in term.args for p in _flat(a)] if term.op == "concat" else [term]
