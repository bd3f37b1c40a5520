"""The soft TLB: how a walk is looked up, filled and forgotten, in the same terms as everything else.

An entry says of a page and the arguments of a walk what the specification's own function gave. It was filled from reads of RAM that were logged, whose lines are marked, and
from leaves of the context, whose values choose the table; a walk that stored, read a device or hung on anything else fills none. A store to a marked line empties what is
filled, and whoever changes a leaf of the context, or memory from outside, has the table that stays empty looked at (`void`).
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Sequence

from pgcheck.isa.terms import Term, mask, substitute, walk
from pgcheck.isa.terms.names import STATE
from pgcheck.models.native.lowering.accesses import Accesses
from pgcheck.models.native.lowering.builder import Value
from pgcheck.models.native.lowering.layout import CONTEXTS, FILLED, GUARDED, SETS, WALKED
from pgcheck.models.native.lowering.plan import Plan, Request
from pgcheck.models.native.lowering.walks import Walk

EMPTY = -1
"""What an entry is of that is of nothing: no page has these low bits."""
MOST_READS = 32
"""The reads of a walk whose lines are marked."""
FORGET = "forget"
LINES = "lines"


Wanted = Callable[[str, bool], str]


class Walking(Accesses, ABC):
    """Writes calls of walks; `wanted` names the native functions that it calls."""

    wanted: Wanted

    def steady(self, term: Term) -> Term | None:
        """The same over leaves of the context alone, if it is that and cannot end in an exit."""
        found = substitute([term], self.frame.steady)[0]
        return found if all(map(self._steady, walk([found]))) else None

    def _steady(self, node: Term) -> bool:
        plan = self.plan
        if node.op == "call":
            effects = plan.facts.function(node.about)
            acts = (
                effects.writes or effects.exits or effects.loads or effects.stores or effects.free or effects.volatile
            )
            return not acts and effects.reads <= {*plan.context}
        if node.op == "var" and node.name.space != STATE:
            return False
        return node.op not in ("load", "undefined", "choice", "volatile", "length", "encoding") and (
            node.leaf is None or node.leaf in plan.context
        )

    def walked(self, found: Walk, terms: Sequence[Term], evaluate: Callable[[Term], Value]) -> list[Value] | None:
        """The results of a walk; None where the TLB has no place for this kind of call."""
        b = self.b
        chosen = self.kind(
            found.function, tuple(None if i == found.position else self.steady(t) for i, t in enumerate(terms))
        )
        if chosen is None:
            return None
        kind, steady = chosen
        others = [i for i, t in enumerate(steady) if t is None and i != found.position]
        if sum(terms[i].width or 1 for i in others) >= found.shift:
            return None
        values = {i: evaluate(terms[i]) for i in range(len(terms)) if i in others or i == found.position}
        address = self.whole(terms[found.position].width, values[found.position])
        packed = self.number(0)
        for i in others:
            packed = b.op("shl", 64, packed, self.number(terms[i].width or 1))
            packed = b.op("or", 64, packed, self.whole(terms[i].width, values[i]))
        self.wanted(found.function, True)
        tag, entry = self._entry(found, kind, address, packed if others else "")
        widths = self.machine.code.functions[found.function].results
        results = [b.variable(width) for width in widths]
        b.branch(b.compare("eq", 64, b.cell(entry, 64), tag), "then")
        for k, (width, variable, carried) in enumerate(zip(widths, results, found.carried, strict=True)):
            word = b.cell(b.op("add", 64, entry, self.number(8 * (k + 1))), 64)
            word = b.op("add", 64, word, address) if carried else word
            b.put(width, variable, b.resize("trunc", 64, width or 1, word))
        b.otherwise()
        if not self.gave_up():
            args = [(t.width, values[i] if i in values else evaluate(t)) for i, t in enumerate(terms)]
            given = [*args, (64, tag), (64, entry)]
            missed = self.native(miss_name(self.plan, found.function), given, widths, found.function)
            for width, variable, value in zip(widths, results, missed, strict=True):
                b.put(width, variable, value)
        b.join()
        self.memo = {}
        return [b.get(width, variable) for width, variable in zip(widths, results, strict=True)]

    def kind(self, name: str, steady: tuple[Term | None, ...]) -> tuple[int, tuple[Term | None, ...]] | None:
        """The number of a kind of calls, and what they have in common; None where there is no place for it."""
        kind = self.plan.kind(name, steady)
        return None if kind is None else (kind, steady)

    def filled_kind(self, name: str, steady: tuple[Term | None, ...]) -> tuple[int, tuple[Term | None, ...]] | None:
        """Of the kinds that are filled, the one that says the least of such a call."""
        known = self.plan.kinds(name)
        fitting = [k for k in known if all(a is None or a is b for a, b in zip(k, steady, strict=True))]
        least = max(fitting, key=lambda k: k.count(None), default=None)
        return None if least is None else (known[least], least)

    def _entry(self, found: Walk, kind: int, address: Value, packed: Value) -> tuple[Value, Value]:
        """What the entry of an address is of, and where it lies."""
        b, layout = self.b, self.layout
        tag = b.op("and", 64, address, self.number(mask(64) ^ mask(found.shift)))
        size = layout.words + 3
        place = b.op("lshr", 64, address, self.number(found.shift))
        if packed:
            tag = b.op("or", 64, tag, packed)
            place = b.op("xor", 64, place, b.op("mul", 64, packed, self.number(5)))
        place = b.op("shl", 64, b.op("and", 64, place, self.number(mask(SETS))), self.number(size))
        place = b.op("add", 64, place, b.read(layout.header["tlb"]))
        return tag, b.op("add", 64, place, self.number(kind << SETS + size))

    def miss(self, found: Walk, tracked: str) -> None:
        """The body of that: of the walk's arguments, what its entry is of, and where that lies."""
        b, layout, function = self.b, self.layout, self.machine.code.functions[found.function]
        header, count = layout.header, len(function.parameters)
        b.write(header["uncached"], self.number(0))
        b.write(header["logged"], self.number(0))
        args = [(width, f"%p{i}") for i, (_, width) in enumerate(function.parameters)]
        tag, entry = f"%p{count}", f"%p{count + 1}"
        failed, *results = b.call(tracked, args, function.results)
        b.branch(failed, "then")
        b.fail()
        b.join()
        void = b.compare("eq", 64, b.read(header["tlb"]), self.number(layout.tlb.at + layout.table(CONTEXTS)))
        sound = b.compare("eq", 64, b.read(header["uncached"]), self.number(0))
        sound = b.op("and", 0, sound, b.compare("ule", 64, b.read(header["logged"]), self.number(MOST_READS)))
        b.branch(b.op("and", 0, sound, b.op("xor", 0, void, b.constant(0, 1))))
        b.branch(b.compare("eq", 64, b.read(header["logged"]), self.number(0)))
        b.otherwise()
        failed, *_ = b.call(LINES, (), ())
        b.branch(failed, "then")
        b.fail()
        b.join()
        b.join()
        filled = b.read(header["filled"])
        b.put_element(layout.filled, filled, entry)
        b.write(header["filled"], b.op("add", 64, filled, self.number(1)))
        b.put_cell(entry, 64, tag)
        address = self.whole(function.parameters[found.position][1], args[found.position][1])
        for k, (width, value, carried) in enumerate(zip(function.results, results, found.carried, strict=True)):
            word = self.whole(width, value)
            word = b.op("sub", 64, word, address) if carried else word
            b.put_cell(b.op("add", 64, entry, self.number(8 * (k + 1))), 64, word)
        b.join()
        b.finish(list(zip(function.results, results, strict=True)))

    def lines(self) -> None:
        """The body of the function that marks the lines of the logged reads; all is forgotten first where there is too little room."""
        b, layout, header = self.b, self.layout, self.layout.header
        most = self.number((1 << FILLED) - 1)
        for name in ("filled", "walked"):
            # Each logged read is of at most MOST_UNITS units: so many lines more.
            spare = b.op("add", 64, b.read(header[name]), b.op("mul", 64, b.read(header["logged"]), self.number(8)))
            b.branch(b.compare("ule", 64, most, spare), "then")
            b.call(FORGET, (), ())
            b.join()
        number, unit = b.variable(64), b.variable(64)
        b.put(64, number, self.number(0))
        loop = b.loop()
        first = b.op("shl", 64, b.get(64, number), self.number(1))
        place = b.element(layout.log, first)
        count = b.element(layout.log, b.op("or", 64, first, self.number(1)))
        last = self.line(b.op("add", 64, place, b.op("sub", 64, count, self.number(1))))
        b.put(64, unit, self.line(place))
        inner = b.loop()
        line = b.get(64, unit)
        self._mark(line)
        b.put(64, unit, b.op("add", 64, line, self.number(1)))
        b.again(inner, b.compare("ult", 64, line, last))
        b.put(64, number, b.op("add", 64, b.get(64, number), self.number(1)))
        b.again(loop, b.compare("ult", 64, b.get(64, number), b.read(header["logged"])))
        b.finish()

    def _mark(self, line: Value) -> None:
        b, layout, header = self.b, self.layout, self.layout.header
        held = b.element(layout.code, line)
        unguarded = b.compare("eq", 8, b.op("and", 8, held, b.constant(8, GUARDED)), b.constant(8, 0))
        b.branch(unguarded, "then")
        self.ask(Request.GUARD, line, self.number(0))
        b.join()
        held = b.element(layout.code, line)
        b.branch(b.compare("eq", 8, b.op("and", 8, held, b.constant(8, WALKED)), b.constant(8, 0)))
        b.put_element(layout.code, line, b.op("or", 8, held, b.constant(8, WALKED)))
        walked = b.read(header["walked"])
        b.put_element(layout.walked, walked, line)
        b.write(header["walked"], b.op("add", 64, walked, self.number(1)))
        b.join()
        b.branch(b.compare("eq", 8, b.element(layout.quiet, line), b.constant(8, 1)))
        b.put_element(layout.quiet, line, b.constant(8, 2))
        b.join()

    def forget(self) -> None:
        """The body of the function that empties the TLB."""
        b, layout, header = self.b, self.layout, self.layout.header

        def each(name: str, done: Callable[[Value], None]) -> None:
            b.branch(b.compare("eq", 64, b.read(header[name]), self.number(0)))
            b.otherwise()
            loop = b.loop()
            left = b.op("sub", 64, b.read(header[name]), self.number(1))
            b.write(header[name], left)
            done(left)
            b.again(loop, b.compare("ult", 64, self.number(0), left))
            b.join()

        def emptied(left: Value) -> None:
            b.put_cell(b.element(layout.filled, left), 64, str(EMPTY))

        def unmarked(left: Value) -> None:
            line = b.element(layout.walked, left)
            kept = b.op("and", 8, b.element(layout.code, line), b.constant(8, 0xFF ^ WALKED))
            b.put_element(layout.code, line, kept)

        each("filled", emptied)
        each("walked", unmarked)
        b.finish()

    def void(self) -> None:
        """Have no entry looked at until Python has chosen the table anew."""
        self.b.write(self.layout.header["tlb"], self.number(self.layout.tlb.at + self.layout.table(CONTEXTS)))


def miss_name(plan: Plan, name: str) -> str:
    """The native function for a walk that the TLB has not."""
    return f"miss{plan.functions[name]}"
