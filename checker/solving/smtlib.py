"""Terms as SMT-LIB 2 text, the one form in which an obligation reaches any solver."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Final

from pgcheck.isa.terms import ARRAY, OPERATORS, Name, Term, apply, digest, rewrite, walk
from pgcheck.isa.terms.names import FREE

SYMBOLS: Final = frozenset({"var", "array", "uf"})
ABSTRACTED: Final = frozenset({"mul", "udiv", "urem", "sdiv", "srem"})
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:_<>[](){}!?@#$&*+-=/^~' ")
_INLINE: Final = 160


@dataclass(frozen=True, slots=True)
class Script:
    """A complete SMT-LIB script that ends in `(check-sat)`.

    `symbols` gives for each declared symbol, without its bars, the kind (`var`, `array` or `uf`) and what it stands for. They begin with
    `$` and the names of shared nodes with `~`, so that neither is the other, or what some solver reserves: bars protect no name from that.
    """

    text: str
    symbols: Mapping[str, tuple[str, Name]]
    _texts: Mapping[Term, str]

    def name(self, term: Term) -> str:
        """The text that denotes `term` inside the script; KeyError unless it is a part of what was asserted or asked for."""
        return self._texts[term]

    @property
    def read(self) -> list[Term]:
        """The terms whose values make a model: every variable, and of each read and each call where it goes and what it gives."""
        found: dict[Term, None] = {}
        for term in self._texts:
            match term.op:
                case "var":
                    found[term] = None
                case "select" | "store":
                    found[term.args[1]] = None
                case "uf":
                    found |= dict.fromkeys(term.args)
                case "ite" if term.width == ARRAY:
                    found[term.args[0]] = None
                case _:
                    continue
            if term.op in ("select", "uf"):
                found[term] = None
        return [t for t in found if not t.is_constant]


def script(assertions: Sequence[Term], named: Sequence[Term] = ()) -> Script:
    """The script that asserts `assertions` in order and defines every shared node, and every node of `named`, once.

    The text is linear in the number of distinct nodes. ValueError if a name stands for two sorts or a sort has no bits.
    """
    roots = [*assertions, *named]
    nodes = list(walk(roots))
    uses = Counter(chain(roots, chain.from_iterable([t.args for t in nodes])))
    asked = frozenset(named)
    declarations, symbols = _declare(t for t in nodes if t.op in SYMBOLS)
    texts: dict[Term, str] = {}
    definitions: list[str] = []
    for term in nodes:
        text = _head(term)
        if term.args:
            text = f"({text} {' '.join([texts[a] for a in term.args])})"
            if uses[term] > 1 or len(text) > _INLINE or term in asked:
                name = f"~{len(definitions)}"
                definitions.append(f"(define-fun {name} () {_sort(term)} {text})")
                text = name
        texts[term] = text
    kinds = {kind for kind, _ in symbols.values()} | {t.op for t in nodes if t.op == "karray"}
    logic = f"QF_{'A' if kinds & {'array', 'karray'} else ''}{'UF' if 'uf' in kinds else ''}BV"
    asserted = [f"(assert {texts[term]})" for term in assertions]
    lines = [f"(set-logic {logic})", *declarations, *definitions, *asserted, "(check-sat)"]
    return Script("\n".join(lines) + "\n", symbols, texts)


def abstract(assertions: Sequence[Term]) -> Sequence[Term]:
    """`assertions` with products, quotients and remainders of two unknowns as uninterpreted functions.

    There is one function for each operator and width; a product's arguments are sorted, so that it commutes.
    Every model of `assertions` is one of the result, so only its unsatisfiability carries over.
    """
    nodes = list(walk(assertions))
    if not any(t.op in ABSTRACTED for t in nodes):
        return assertions
    taken = {t.name for t in nodes if t.op in SYMBOLS}

    def fresh(op: str, width: int) -> Name:
        text = f"{op}:{width}"
        while Name(FREE, text) in taken:
            text += "'"
        return Name(FREE, text)

    def replace(term: Term, args: tuple[Term, ...]) -> Term | None:
        if term.op not in ABSTRACTED or any(a.is_constant for a in args):
            return None
        if term.op == "mul":
            args = tuple(sorted(args, key=lambda a: digest([a])))
        return apply(term.width, fresh(term.op, term.width), *args)

    return rewrite(assertions, replace)


def gates(assertions: Sequence[Term]) -> int:
    """About how many gates the products, quotients and remainders in `assertions` take: the sum of the squares of their widths."""
    multiplying = [a for a in assertions if _multiplies(a)]
    return sum(t.width * t.width for t in walk(multiplying) if t.op in ABSTRACTED)


def _multiplies(root: Term) -> bool:
    """Whether a product, quotient or remainder is in a term; kept, for terms live as long as the process and share their parts."""
    stack = [root]
    while stack:
        term = stack[-1]
        below = [a for a in term.args if a not in _MULTIPLIES] if term not in _MULTIPLIES else ()
        if below:
            stack += below
        else:
            stack.pop()
            _MULTIPLIES[term] = term.op in ABSTRACTED or any([_MULTIPLIES[a] for a in term.args])
    return _MULTIPLIES[root]


_MULTIPLIES: Final[dict[Term, bool]] = {}


def _declare(free: Iterable[Term]) -> tuple[list[str], dict[str, tuple[str, Name]]]:
    """The declarations sorted by name, and what each symbol stands for."""
    found: dict[str, tuple[str, Name]] = {}
    sorts: dict[str, str] = {}
    for term in free:
        symbol, sort = _declared(term)
        if sorts.setdefault(symbol, sort) != sort or found.setdefault(symbol, (term.op, term.name))[0] != term.op:
            raise ValueError(f"the name {str(term.name)!r} stands for two sorts: {sorts[symbol]} and {sort}")
    return [f"(declare-fun |{s}| {sorts[s]})" for s in sorted(sorts)], found


@cache
def _declared(term: Term) -> tuple[str, str]:
    """The symbol of a free variable, array or function, and its sort."""
    return _symbol(term.name), f"({' '.join(map(_sort, term.args))}) {_sort(term)}"


@cache
def _symbol(name: Name) -> str:
    """`name` as it is printed, after a `$`, with percent escapes for `%` and what a quoted symbol cannot hold."""
    return "$" + "".join(c if c in _PLAIN else "".join(f"%{b:02x}" for b in c.encode()) for c in str(name))


def _sort(term: Term) -> str:
    if term.width == ARRAY:
        return f"(Array {' '.join(map(_bits, term.array_sort))})"
    return _bits(term.width) if term.width else "Bool"


def _bits(width: int) -> str:
    if width < 1:
        raise ValueError("a bit vector of no bits has no sort in SMT-LIB")
    return f"(_ BitVec {width})"


@cache
def _head(term: Term) -> str:
    """What a node is written with before its arguments."""
    match term.op:
        case "const":
            return _value(term.width, term.value) if term.width else ("true" if term.value else "false")
        case "karray":
            return f"((as const {_sort(term)}) {_value(term.array_sort[1], term.value)})"
        case "var" | "array" | "uf":
            return f"|{_symbol(term.name)}|"
        case "select" | "store" | "ite":
            return term.op
        case "extract":
            return OPERATORS["extract"].smtlib.format(*term.bounds)
        case "zext" | "sext":
            return OPERATORS[term.op].smtlib.format(term.width - term.args[0].width)
        case op:
            return OPERATORS[op].smtlib


def _value(width: int, value: int) -> str:
    return f"#x{value:0{width // 4}x}" if width % 4 == 0 else f"#b{value:0{width}b}"
