"""Expressions of the intermediate form as calls of a builder, guarded where back ends and SMT-LIB differ."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from pgcheck.isa.terms import ARRAY, Name, Term, constant, mask, substitute
from pgcheck.isa.terms.ir import UNPREDICTABLE
from pgcheck.isa.terms.names import STATE
from pgcheck.models.generated.expressions import shared
from pgcheck.models.native.lowering.builder import Builder, Value
from pgcheck.models.native.lowering.fields import Fields
from pgcheck.models.native.lowering.layout import WIDEST, Place
from pgcheck.models.native.lowering.parity import parity
from pgcheck.models.native.lowering.plan import Plan, Request, Unsupported

_PLAIN = frozenset(("add", "sub", "mul", "and", "or", "xor"))
_TESTS = frozenset(("ult", "ule", "slt", "sle"))
_ASKING: Final = frozenset(("call", "load", "undefined", "choice", "volatile", "select", "array"))


@dataclass(slots=True)
class Frame:
    """The locals of a body: the builder's variables of them, and of those that keep one value what that is.

    `fixed` is what hangs on operands and PC alone, `steady` on leaves of the context alone.
    """

    variables: dict[str, tuple[int, Value]] = field(default_factory=dict)
    fixed: dict[Term, Term] = field(default_factory=dict)
    steady: dict[Term, Term] = field(default_factory=dict)
    found: dict[Term, Term | None] = field(default_factory=dict)


class Values(ABC):
    """Writes expressions, in the order in which they are evaluated.

    `names` has the values of operands, `frame` the locals, `here` is PC where it is known, `fields` what the record of the instruction holds. With `tracked`, physical
    reads are logged and whatever else touches memory is noted: what is found so holds only as long as that stays.
    """

    def __init__(self, plan: Plan, builder: Builder, tracked: bool) -> None:
        self.plan, self.b, self.tracked = plan, builder, tracked
        self.machine, self.layout = plan.machine, plan.layout
        self.names: dict[Name, Value] = {}
        self.frame = Frame()
        self.fields: Fields | None = None
        self.length: Value = ""
        self.here: Value = ""
        self.encoding: Term | None = None
        self.memo: dict[Term, Value] = {}
        self.shared: frozenset[Term] = frozenset()

    @abstractmethod
    def invoke(self, name: str, args: Sequence[Term], evaluate: Callable[[Term], Value]) -> list[Value]:
        """The results of a function of the specification."""

    @abstractmethod
    def native(self, name: str, args: Sequence[tuple[int, Value]], results: Sequence[int], of: str = "") -> list[Value]:
        """The results of a native function, which may ask the host; `of` is the function of the specification that it is."""

    @abstractmethod
    def fail(self) -> None:
        """End with the exit that the exit record tells."""

    @abstractmethod
    def gave_up(self) -> bool:
        """Whether this path is left to code that can do all, for it is rare or takes a call."""

    @abstractmethod
    def sync(self) -> None:
        """Before the host may be asked: have it know how far the machine has come."""

    @abstractmethod
    def asked(self) -> None:
        """The host may have been asked: what decides on the next instruction may have changed."""

    @abstractmethod
    def load(self, address: Value, width: int) -> Value:
        """What physical memory holds."""

    @abstractmethod
    def end(self, function: str, args: Sequence[tuple[int, Value]], note: str = "") -> None:
        """End with an exit."""

    def root(self, term: Term) -> Value:
        """The value of a term that no other contains."""
        self.memo, self.shared = {}, shared(term)
        return self.value(term)

    def value(self, term: Term) -> Value:
        known = self.memo.get(term)
        if known is None:
            known = self._recorded(term) or self._value(term)
            if term in self.shared:
                self.memo[term] = known
        return known

    # ---- what hangs on the operands alone

    def fixed(self, term: Term) -> Term | None:
        """The same over operands and PC alone, if it is that."""
        found = self.frame.found
        if term not in found:
            found[term] = self._fixed(term)
        return found[term]

    def _fixed(self, term: Term) -> Term | None:
        if term.op == "var":
            name = term.name
            if name.space == STATE:
                return term if self.here and name.text == self.machine.state.pc else None
            return term if name in self.names else self.frame.fixed.get(term)
        if term.op == "encoding":
            return constant(term.width, 0) if self.encoding is None else self.fixed(self.encoding)
        if term.op in _ASKING or any(self.fixed(a) is None for a in term.args):
            return None
        return substitute([term], self.frame.fixed)[0]

    def _recorded(self, term: Term) -> Value | None:
        """The field of the record that holds a term, where one is worth it."""
        if self.fields is None or term.op in ("const", "length") or not 0 <= term.width <= 64:
            return None
        fixed = self.fixed(term)
        if fixed is None:
            return None
        if fixed.op == "const":
            return self.b.constant(fixed.width, fixed.value)
        plain = fixed.args[0] if fixed.op == "zext" else fixed
        if not fixed.width and fixed.height <= 2:
            return None
        if plain.op in ("var", "length"):
            return None if fixed is term else self.value(fixed)
        place = self.fields.place(fixed)
        return None if place is None else self.b.field(*place)

    def _cell(self, leaf: str, index: Term, written: bool) -> Value | None:
        """Where an element of an array leaf lies, where the record tells."""
        fixed = None if self.fields is None else self.fixed(index)
        if self.fields is None or fixed is None or fixed.op == "const" or self.plan.beyond(leaf):
            return None
        place = self.fields.place(fixed, leaf, written)
        return None if place is None else self.b.resize("zext", place[1], 64, self.b.field(*place))

    def cell(self, leaf: str, index: Value, written: bool) -> Value:
        """Where an element of an array leaf lies; one that is hardwired, to be written, lies nowhere that is read."""
        b, region = self.b, self.layout.arrays[leaf]
        inside = b.op("and", 64, index, self.number(mask(region.bits)))
        place = b.op("add", 64, b.op("mul", 64, inside, self.number(region.size)), self.number(region.at))
        for fixed, _ in self.machine.state.arrays[leaf].hardwired if written else ():
            away = b.compare("eq", 64, index, self.number(fixed))
            place = b.select(64, away, self.number(self.layout.sink.at), place)
        return place

    def whole(self, width: int, value: Value) -> Value:
        """A number of at most 64 bits with 64."""
        if width > 64:
            raise Unsupported
        return self.b.resize("zext", width or 1, 64, value)

    def number(self, value: int) -> Value:
        return self.b.constant(64, value)

    def _value(self, term: Term) -> Value:
        if term.width == ARRAY or term.width > WIDEST:
            raise Unsupported
        b, width = self.b, term.width
        match term.op:
            case "const":
                return b.constant(width, term.value)
            case "var":
                return self._variable(term)
            case "select":
                return self._element(term.args[0].name.text, term.args[1])
            case "call":
                return (self.invoke(term.about, term.args, self.value) or [b.constant(width, 1)])[0]
            case "load":
                address = term.args[0]
                return self.load(self.whole(address.width, self.value(address)), width)
            case "undefined" | "choice":
                return self._chosen(term.about, width)
            case "volatile":
                return self._volatile(term)
            case "length":
                if not self.length:
                    raise Unsupported
                return b.resize("trunc" if width < 64 else "zext", 64, width, self.length)
            case "encoding":
                return b.constant(width, 0) if self.encoding is None else self.value(self.encoding)
            case "ite":
                return self._choice(width, term.args[0], term.args[1], term.args[2])
            case "land":
                return self._choice(0, term.args[0], term.args[1], constant(0, 0))
            case "lor":
                return self._choice(0, term.args[0], constant(0, 1), term.args[1])
        bits = parity(term)
        if bits is not None:
            return self._parity(*bits)
        return self._operator(term, [self.value(a) for a in term.args])

    def _parity(self, of: Term, chosen: int) -> Value:
        """Whether an odd number of the chosen bits is set: halves are laid on each other."""
        b, width = self.b, of.width
        found = b.op("and", width, self.value(of), b.constant(width, chosen))
        for shift in (1 << k for k in reversed(range((width - 1).bit_length()))):
            found = b.op("xor", width, found, b.op("lshr", width, found, b.constant(width, shift)))
        return b.resize("trunc", width, 1, found)

    def _operator(self, term: Term, values: list[Value]) -> Value:
        b, op, width = self.b, term.op, term.width
        first = term.args[0].width
        a = values[0]
        match op:
            case "not":
                return b.op("xor", width, a, b.constant(width, mask(width)))
            case "neg":
                return b.op("sub", width, b.constant(width, 0), a)
            case "lnot":
                return b.op("xor", 0, a, b.constant(0, 1))
            case "extract":
                high, low = term.bounds
                shifted = b.op("lshr", first, a, b.constant(first, low)) if low else a
                return b.resize("trunc", first, high - low + 1, shifted)
            case "zext" | "sext":
                return b.resize("zext" if op == "zext" else "sext", first, width, a)
            case "concat":
                low = term.args[1].width
                upper = b.resize("zext", first, width, a)
                upper = b.op("shl", width, upper, b.constant(width, low))
                return b.op("or", width, upper, b.resize("zext", low, width, values[1]))
            case "eq":
                return b.compare("eq", first, a, values[1])
            case op if op in _TESTS:
                return b.compare(op, first, a, values[1])
            case op if op in _PLAIN:
                return b.op(op, width, a, values[1])
            case "shl" | "lshr" | "ashr":
                return self.shift(op, width, a, values[1])
            case "udiv" | "urem" | "sdiv" | "srem":
                return self.divide(op, width, a, values[1])
        raise Unsupported

    def shift(self, op: str, width: int, a: Value, amount: Value) -> Value:
        """A shift by the width or more gives 0, or the sign in every bit."""
        b = self.b
        inside = b.compare("ule", width, amount, b.constant(width, width - 1))
        if op == "ashr":
            return b.op(op, width, a, b.select(width, inside, amount, b.constant(width, width - 1)))
        zero = b.constant(width, 0)
        return b.select(width, inside, b.op(op, width, a, b.select(width, inside, amount, zero)), zero)

    def divide(self, op: str, width: int, a: Value, divisor: Value) -> Value:
        """A quotient by zero is all ones, with a sign 1 for what is negative; a remainder by zero is the dividend; an overflow wraps."""
        b = self.b
        if op in ("sdiv", "srem") and width < 8:
            found = self.divide(op, 8, b.resize("sext", width, 8, a), b.resize("sext", width, 8, divisor))
            return b.resize("trunc", 8, width, found)
        zero, one, ones = (b.constant(width, v) for v in (0, 1, mask(width)))
        nothing = b.compare("eq", width, divisor, zero)
        unsafe = nothing
        if op in ("sdiv", "srem"):
            least = b.compare("eq", width, a, b.constant(width, 1 << width - 1))
            minus = b.compare("eq", width, divisor, ones)
            unsafe = b.op("or", 0, nothing, b.op("and", 0, least, minus))
        found = b.op(op, width, a, b.select(width, unsafe, one, divisor))
        if op in ("urem", "srem"):
            return b.select(width, nothing, a, found)
        none = ones if op == "udiv" else b.select(width, b.compare("slt", width, a, zero), one, ones)
        return b.select(width, nothing, none, found)

    def _choice(self, width: int, guard: Term, first: Term, second: Term) -> Value:
        b, truth = self.b, self.value(guard)
        if not self._lazy(first) and not self._lazy(second):
            return b.select(width, truth, self.value(first), self.value(second))
        found, outer = b.variable(width), self.memo
        b.branch(truth)
        self.memo = dict(outer)
        b.put(width, found, self.value(first))
        b.otherwise()
        self.memo = dict(outer)
        b.put(width, found, self.value(second))
        b.join()
        self.memo = {}
        return b.get(width, found)

    def _lazy(self, term: Term) -> bool:
        """Whether a term must not be evaluated unless it is asked for: what is tracked must not hang on a leaf for nothing."""
        return self.plan.lazy(term) or (self.tracked and self.plan.apart(term))

    # ---- state

    def _variable(self, term: Term) -> Value:
        name = term.name
        if name.space == STATE:
            if self.here and name.text == self.machine.state.pc:
                return self.here
            place = self.layout.scalars.get(name.text)
            if place is None:
                raise Unsupported
            self._depends(name.text)
            return self.b.read(place)
        if name in self.names:
            return self.names[name]
        if name.text not in self.frame.variables:
            raise Unsupported
        return self.b.get(*self.frame.variables[name.text])

    def _depends(self, leaf: str) -> None:
        """Note that what is tracked hangs on a leaf that records are not made for."""
        if self.tracked and leaf not in self.plan.context:
            self.b.write(self.layout.header["uncached"], self.number(1))

    def in_range(self, name: str, index: Value) -> None:
        """End where an index leads out of an array leaf."""
        if self.plan.beyond(name):
            leaf, b = self.machine.state.arrays[name], self.b
            b.branch(b.compare("ult", 64, index, self.number(leaf.size)), "else")
            b.otherwise()
            self.end(UNPREDICTABLE, (), f"index beyond {name}")
            b.join()

    def _element(self, name: str, term: Term) -> Value:
        region, b = self.layout.arrays.get(name), self.b
        if region is None:
            raise Unsupported
        self._depends(name)
        cell = self._cell(name, term, False)
        if cell is not None:
            return b.cell(cell, region.width)
        index = self.whole(term.width, self.value(term))
        self.in_range(name, index)
        return b.element(region, index)

    def _chosen(self, site: str, width: int) -> Value:
        """The value of a site of choice: 0 where all are."""
        b, found = self.b, self.b.variable(width)
        b.put(width, found, b.constant(width, 0))
        b.branch(b.compare("eq", 64, b.read(self.layout.header["zeros"]), self.number(0)), "then")
        self.ask(Request.UNDEFINED, self.number(self.plan.numbered(site)), self.number(width))
        b.put(width, found, b.read(Place(self.layout.value.at, width)))
        b.join()
        self.memo = {}
        return b.get(width, found)

    def _volatile(self, term: Term) -> Value:
        b = self.b
        if term.about not in self.machine.platform.clock or term.about not in self.plan.ports or term.args:
            return self._device(term)
        found, now = b.variable(term.width), self.now()
        if not now:
            return self._device(term)
        b.branch(b.compare("eq", 64, b.read(self.layout.header["ticks"]), self.number(1)), "else")
        b.put(term.width, found, b.resize("trunc" if term.width < 64 else "zext", 64, term.width, now))
        b.otherwise()
        b.put(term.width, found, self._device(term))
        b.join()
        self.memo = {}
        return b.get(term.width, found)

    def now(self) -> Value:
        """The steps that were taken so far; nothing where that is not to be had."""
        self.sync()
        header, now = self.layout.header, self.b.read(self.layout.header["clock"])
        for name in ("left", "handled"):
            now = self.b.op("sub", 64, now, self.b.read(header[name]))
        return now

    def _device(self, term: Term) -> Value:
        b = self.b
        place = self.number(0)
        if term.args:
            index = self.whole(term.args[0].width, self.value(term.args[0]))
            place = b.op("add", 64, index, self.number(1))
        self.ask(Request.VOLATILE, self.number(self.plan.leaves[term.about]), place)
        return b.read(Place(self.layout.value.at, term.width))

    def ask(self, request: Request, a: Value, second: Value) -> None:
        """Ask the host, and end where it did."""
        b = self.b
        if self.gave_up():
            return
        self.sync()
        b.branch(b.outside(request, a, second), "then")
        self.fail()
        b.join()
        self.asked()
        self.memo = {}
