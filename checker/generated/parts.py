"""The part of a block that is one instruction's, evaluated on terms.

What a part has besides the state is kept beside it: whether the engine is to look after this instruction, whether it has to, the clock,
the translation that is still owed. What blocks take from their runtime (`models/generated/memory.py`) is taken as it is promised there: a unit
of `quiet` that is not 0 says that nobody watches the page; a table has a page's translation, if it has one, as the specification's function gives
it now, without an exit and with the whole page in RAM.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from pgcheck.checker.generated import integers
from pgcheck.checker.generated.around import (
    CLOCK,
    COUNT,
    LEAVES,
    LOOKING,
    LOOKS,
    LOOPS,
    MUST,
    NUMBERED,
    OUTSIDE,
    OWED,
    QUIET,
    REMEMBERED,
    Cut,
    Place,
)
from pgcheck.checker.generated.expressions import T
from pgcheck.checker.generated.integers import Number, Unknown, known, unsigned
from pgcheck.checker.generated.normal import where
from pgcheck.checker.generated.statements import Evaluator
from pgcheck.checker.generated.traced import TRACE, Flow, met
from pgcheck.isa.terms import FALSE, TRUE, Term, apply, constant, eq, ite, lnot, lor, mk
from pgcheck.isa.terms.names import Name
from pgcheck.isa.words import order
from pgcheck.models.generated.access import VIEWS
from pgcheck.models.symbolic import State, resized


@dataclass(slots=True, kw_only=True)
class PartEvaluator(Evaluator):
    """Evaluates the statements of a part; `start` is the clock at the start of the block, `ending` says what is wrong with an end, and when."""

    place: Place
    start: Number
    ending: Callable[[str, State, Number], Iterable[tuple[str, Term]]]
    inner: int = 0
    """How many functions the evaluation is in."""
    looked_up: dict[str, Number] = field(default_factory=dict)
    """What sums are, where the table has the page: a place in RAM, and its address."""
    physical: dict[Term, Term] = field(default_factory=dict)
    """Physical addresses by the place in RAM that was made of one."""
    unbound: dict[str, Term] = field(default_factory=dict)
    """When a variable is unbound after all."""
    translation: tuple[str, Term, dict[str, Term]] | None = None

    def free(self, about: Name) -> Term:
        """A Boolean that may be anything, anew after every access."""
        return apply(0, about, self.flow.state[TRACE])

    # ---- what is kept beside the state

    def escape(self, what: str, when: Term) -> None:
        Evaluator.escape(self, what, where((*self.done.path, self.flow.alive), when))

    def timed(self, what: str) -> None:
        """What only may be where the clock is this instruction's."""
        now = integers.add(self.start, known(self.place.k)).modulo(COUNT)
        self.escape(f"{what} before the clock is set", lnot(eq(self.flow.state[CLOCK], now)))

    def slowly(self, what: str) -> None:
        """After what goes beyond RAM, or is watched, the engine may have to look."""
        self.timed(what)
        self.flow.state[LOOKS] = lor(self.flow.state[LOOKS], self.free(LOOKING))

    def device(self, what: str) -> None:
        self.timed(what)
        self.flow.state[MUST] = TRUE

    def numbered(self) -> None:
        self.escape("a choice with an earlier instruction's number", lnot(self.flow.state[NUMBERED]))

    def ends(self, how: str, count: Number) -> None:
        """The part ends otherwise than in what follows it."""
        for what, when in self.ending(how, self.flow.state, count):
            self.escape(what, when)
        self.flow.running = FALSE

    # ---- statements

    def statement(self, statement: ast.stmt, results: tuple[int, ...]) -> None:
        match statement:
            case ast.AugAssign(target=ast.Name(id=name), op=ast.Add(), value=value):
                self.flow.numbers[name] = integers.add(self.flow.numbers[name], self.number(value))
            case ast.Continue():
                self.ends(LOOPS, self.flow.numbers["c"])
            case ast.Return(value=ast.expr() as value) if not self.inner:
                self.ends(LEAVES, self.number(value))
            case ast.Try(body=body, handlers=[ast.ExceptHandler(type=ast.Name(id="KeyError"), body=handler)]):
                self.remembering(body, handler, results)
            case _:
                Evaluator.statement(self, statement, results)

    def remembering(self, body: Sequence[ast.stmt], handler: Sequence[ast.stmt], results: tuple[int, ...]) -> None:
        """What is done with a page's translation if the table has it, and if not."""
        number, address, text = self.lookup(body)
        found = self.translated(number, address)
        if self.flow.alive is FALSE:
            return
        geometry = self.place.setting.geometry
        spot = mk("sub", found.width, found, constant(found.width, geometry.base))
        self.physical[spot] = resized(found, self.machine.state.address_width)
        has = self.free(REMEMBERED)
        self.flow.state[OWED] = lnot(has)
        before = self.flow
        self.done.frame = before.copy()
        self.done.path.append(has)
        self.looked_up = {
            text: Number(spot, 0, geometry.size - 1),
            f"{text} + {geometry.base}": unsigned(found),
        }
        self.block(body, results)
        self.looked_up = {}
        self.done.path.pop()
        one = self.flow
        self.done.frame = before.copy()
        bound = one.numbers.keys() - before.numbers.keys()
        self.flow.numbers |= {n: one.numbers[n] for n in bound}
        self.unbound |= dict.fromkeys(bound, lnot(has))
        self.done.path.append(lnot(has))
        self.block(handler, results)
        self.done.path.pop()
        self.done.frame = met(has, one, self.flow)

    def lookup(self, body: Sequence[ast.stmt]) -> tuple[int, ast.expr, str]:
        """The table that is asked, for what, and the sum that is a place in RAM. Raises Unknown."""
        for node in (n for statement in body for n in ast.walk(statement)):
            match node:
                case ast.BinOp(
                    left=address,
                    op=ast.Add(),
                    right=ast.Subscript(
                        value=ast.Name(id=name),
                        slice=ast.BinOp(left=page, op=ast.RShift(), right=ast.Constant(value=shift)),
                    ),
                ) if (found := _numbered("T", name)) is not None and shift == self.place.setting.pages:
                    if ast.unparse(address) == ast.unparse(page) and found < len(self.place.tables):
                        return found, address, ast.unparse(node)
        raise Unknown("a try without a table")

    @property
    def parameters(self) -> Sequence[tuple[str, int]]:
        """Those of translation."""
        translation = self.machine.code.translation
        assert translation is not None
        return self.machine.code.functions[translation.function].parameters

    def translated(self, table: int, address: ast.expr) -> Term:
        """What the machine's translation gives here; what it does is done."""
        fixed = iter(self.place.tables[table])
        args = [
            self.fitted(self.number(address), w, "an address")
            if i == self.place.setting.address
            else constant(w, next(fixed))
            for i, (_, w) in enumerate(self.parameters)
        ]
        result = self.asked(args)
        self.translation = f"{table} {ast.unparse(address)}", result, dict(self.flow.state)
        return result

    def asked(self, args: Sequence[Term]) -> Term:
        """A translation, with the PC of this instruction."""
        done, pc, flow = self.done, self.machine.state.pc, self.flow
        translation = self.machine.code.translation
        assert translation is not None
        stale, flow.state[pc] = flow.state[pc], constant(self.machine.state.leaves[pc].width, self.place.pc)
        (result,) = done.call(translation.function, tuple(args))
        after = done.frame
        done.frame = Flow(after.state, {}, after.alive, after.running, after.results, flow.numbers)
        self.flow.state[pc] = stale
        return result

    def synchronized(self) -> None:
        """What may end the step in an exit only may be where PC and clock are this instruction's."""
        pc = self.machine.state.pc
        self.timed("a translation")
        here = constant(self.machine.state.leaves[pc].width, self.place.pc)
        self.escape("a translation before the PC is set", lnot(eq(self.flow.state[pc], here)))

    def owed(self, table: ast.expr, address: ast.expr) -> Term:
        """The translation that the runtime makes now; it was asked for where nothing was changed since. Raises Unknown."""
        number = _numbered("F", ast.unparse(table))
        if self.translation is None or self.translation[0] != f"{number} {ast.unparse(address)}":
            raise Unknown("a translation that no table was asked for")
        _, result, before = self.translation
        pc = self.machine.state.pc
        if any(self.flow.state[n] is not t for n, t in before.items() if n not in (*OUTSIDE, pc)):
            raise Unknown("a translation in another state")
        self.synchronized()
        self.flow.state[OWED] = FALSE
        return result

    def assign(self, target: ast.expr, value: ast.expr) -> None:
        match target:
            case ast.Attribute() if ast.unparse(target) == "R.check":
                self.flow.state[LOOKS] = self.truth(value)
            case ast.Attribute() if ast.unparse(target) == "R.surroundings.clock":
                self.flow.state[CLOCK] = self.fitted(self.number(value), COUNT, "the clock")
            case ast.Subscript(value=ast.Name(id=name), slice=at) if name == "cells" or _numbered("M", name):
                self.write(name, at, value)
            case ast.Subscript(value=ast.Name(id=name)) if (array := self.named(name)) is not None:
                Evaluator.assign(self, ast.Subscript(_held(array), target.slice), value)
            case _:
                if isinstance(target, ast.Name):
                    self.unbound.pop(target.id, None)
                Evaluator.assign(self, target, value)

    def ended(self, args: Sequence[ast.expr]) -> None:
        self.timed("an exit")
        Evaluator.ended(self, args)

    # ---- RAM

    def address(self, value: ast.expr) -> Term:
        """A physical address; its upper bits are not there."""
        return self.number(value).modulo(self.machine.state.address_width)

    def write(self, name: str, at: ast.expr, value: ast.expr) -> None:
        """A store past the runtime: of few enough units of one page, which nobody watches."""
        place, count = self.stretch(name, at)
        match value:
            case ast.Call(
                func=ast.Attribute(value=inner, attr="to_bytes"),
                args=[ast.Constant(value=int(wide)), ast.Constant(value=str(how))],
            ) if wide == count and how == order(self.machine.state.big_endian):
                value = inner
        new = self.fitted(self.number(value), count * self.machine.state.memory_unit, "what is stored")
        physical = self.inside(place, count, aligned=True)
        self.escape("a store to where somebody watches", lnot(self.quiet(place).truth))
        self.done.write(physical, new)

    def stretch(self, name: str, at: ast.expr) -> tuple[Number, int]:
        """The place in RAM that is meant, and how many units. Raises Unknown."""
        match at:
            case ast.Slice(
                lower=ast.expr() as low, upper=ast.BinOp(left=again, op=ast.Add(), right=ast.Constant(value=int(count)))
            ):
                if name == "cells" and ast.unparse(low) == ast.unparse(again):
                    return self.number(low), count
            case ast.BinOp(left=place, op=ast.RShift(), right=ast.Constant(value=int(shift))):
                if _numbered("M", name) == 1 << shift:
                    return self.number(place), 1 << shift
            case _:
                if name == "cells":
                    return self.number(at), 1
        raise Unknown(f"RAM in another form: {name}[{ast.unparse(at)}]")

    def inside(self, place: Number, count: int, *, aligned: bool) -> Term:
        """The physical address of a place in RAM, which all of `count` units must be in."""
        geometry = self.place.setting.geometry
        physical = self.physical.get(place.term)
        if physical is None or not aligned:
            for held in (
                integers.compared("le", known(0), place),
                integers.compared("le", place, known(geometry.size - count)),
            ):
                self.escape("an access beyond RAM by the fast way", lnot(held))
        if physical is None:
            physical = integers.add(place, known(geometry.base)).modulo(self.machine.state.address_width)
        if aligned and count > 1:
            low = unsigned(place.modulo(count.bit_length() - 1))
            if geometry.base % count == 0:
                low = unsigned(resized(physical, count.bit_length() - 1))
            self.escape("an access that is not aligned, as if it were", low.truth)
        return physical

    def quiet(self, place: Number) -> Number:
        """What `quiet` has of the page of a place."""
        geometry = self.place.setting.geometry
        width = self.machine.state.address_width
        page = mk("lshr", width, place.modulo(width), constant(width, geometry.page_shift))
        return unsigned(apply(8, QUIET, page))

    # ---- expressions

    def either(self, guard: Term, a: Callable[[], T], b: Callable[[], T], join: Callable[[Term, T, T], T]) -> T:
        if guard.is_constant:
            return a() if guard is TRUE else b()
        before = self.flow.state[TRACE]
        with self.under(guard):
            first = a()
        one, self.flow.state[TRACE] = self.flow.state[TRACE], before
        with self.under(lnot(guard)):
            second = b()
        self.flow.state[TRACE] = ite(guard, one, self.flow.state[TRACE])
        return join(guard, first, second)

    def number(self, node: ast.expr) -> Number:
        match node:
            case ast.BinOp() if self.looked_up and (found := self.looked_up.get(ast.unparse(node))) is not None:
                return found
            case ast.Name(id=name) if name in self.unbound:
                self.escape(f"{name} is unbound", self.unbound[name])
            case ast.Attribute() if ast.unparse(node) == "R.check":
                return Number(self.flow.state[LOOKS], 0, 1)
            case ast.Subscript(value=ast.Name(id="quiet"), slice=ast.BinOp(left=place, op=ast.RShift(), right=shift)):
                if ast.unparse(shift) == str(self.place.setting.geometry.page_shift):
                    return self.quiet(self.number(place))
            case ast.Subscript(value=ast.Name(id=name), slice=at) if name == "cells" or _numbered("M", name):
                spot, count = self.stretch(name, at)
                physical = self.inside(spot, count, aligned=True)
                return unsigned(self.done.load(physical, count * self.machine.state.memory_unit))
            case ast.Subscript(value=ast.Name(id=name), slice=at) if (array := self.named(name)) is not None:
                return Evaluator.number(self, ast.Subscript(_held(array), at))
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="int"), attr="from_bytes"),
                args=[ast.Subscript(value=ast.Name(id="cells"), slice=ast.Slice() as at), ast.Constant(value=str(how))],
            ) if how == order(self.machine.state.big_endian):
                spot, count = self.stretch("cells", at)
                physical = self.inside(spot, count, aligned=False)
                return unsigned(self.done.load(physical, count * self.machine.state.memory_unit))
        return Evaluator.number(self, node)

    def named(self, python: str) -> str | None:
        """The array of the state that a variable is."""
        at = _numbered("A", python)
        return self.place.arrays[at] if at is not None and at < len(self.place.arrays) else None

    # ---- calls

    def function(self, python: str, args: Sequence[Number]) -> list[Number]:
        translation = self.machine.code.translation
        if translation is not None and self.called(python).name == translation.function:
            given = [n.modulo(w) for n, (_, w) in zip(args, self.parameters, strict=True)]
            if isinstance(self.done, Cut) and self.done.opaque(given):
                self.synchronized()
                return [unsigned(self.asked(given))]
        self.inner += 1
        found = Evaluator.function(self, python, args)
        self.inner -= 1
        return found

    def effect(self, call: ast.Call) -> None:
        name = ast.unparse(call.func)
        match name, call.args:
            case "R.step.instances.clear", []:
                self.flow.state[NUMBERED] = TRUE
                return
            case "R.store_virtual", [table, ast.Name(id="S"), address, ast.Constant(value=int(count)), value]:
                new = self.fitted(self.number(value), count * self.machine.state.memory_unit, "what is stored")
                physical = resized(self.owed(table, address), self.machine.state.address_width)
                self.slowly("a store")
                self.done.write(physical, new)
                return
            case "R.store", _:
                self.slowly("a store")
            case (("R.step.set_scalar" | "R.step.set_element"), _):
                self.device("a device")
        Evaluator.effect(self, call)

    def call(self, call: ast.Call) -> list[Number]:
        name = ast.unparse(call.func)
        match name, call.args:
            case "R.load_virtual", [table, ast.Name(id="S"), address, ast.Constant(value=int(count))]:
                physical = resized(self.owed(table, address), self.machine.state.address_width)
                self.slowly("a load")
                return [unsigned(self.done.load(physical, count * self.machine.state.memory_unit))]
            case "R.translated", [table, ast.Name(id="S"), address]:
                result = self.owed(table, address)
                self.slowly("a translation")
                return [unsigned(result)]
            case "R.load", _:
                self.slowly("a load")
            case "R.step.undefined", _:
                self.numbered()
            case "R.step.volatile", _:
                self.numbered()
                self.device("a device")
        return Evaluator.call(self, call)


def _numbered(letter: str, python: str) -> int | None:
    """The number of a variable that is called by a letter and a number."""
    found = re.fullmatch(f"{letter}([0-9]+)", python)
    if found is None or (letter == "M" and int(found[1]) not in VIEWS):
        return None
    return int(found[1])


def _held(array: str) -> ast.expr:
    """An array in the state, as functions name it."""
    return ast.Subscript(ast.Name("S"), ast.Constant(array))
