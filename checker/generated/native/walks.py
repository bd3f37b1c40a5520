"""The soft TLB on terms: an entry that is of a page has what the walk gives of it, which is asked of whatever fills it."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass, field

from pgcheck.checker.generated.integers import Unknown
from pgcheck.checker.generated.native.cells import WORD, linear
from pgcheck.checker.generated.native.evaluator import Evaluator
from pgcheck.checker.generated.native.meant import Meant
from pgcheck.checker.generated.native.ways import Way, bits, truth
from pgcheck.isa.terms import FALSE, TRUE, Term, constant, eq, extract, land, lnot, lor, mk, variable, zext
from pgcheck.isa.terms.names import FREE, Name
from pgcheck.models.native.lowering.layout import SETS
from pgcheck.models.native.lowering.walks import Walk


@dataclass
class Walks(Evaluator, ABC):
    """Evaluates code that looks walks up; `given` says what an entry that is hit stands for."""

    given: dict[Term, Term] = field(default_factory=dict)

    def missed(self, way: Way, name: str, args: Sequence[Term], tag: Term, entry: Term) -> None:
        """A walk that the soft TLB was looked up for is given the entry that was looked at, and what it is of."""
        walk_ = self.plan.walks[name]
        spots = [spot for _, spot in self.cells.spots(entry) if spot.kind == "tlb"]
        if len(spots) != 1 or spots[0].at or spots[0].index not in self.tags:
            raise Unknown("an entry of the soft TLB that was not looked up")
        index = spots[0].index
        assert index is not None
        found, steady = self.kind(index)
        known = self.specification(way)
        wrong = FALSE if found == name else TRUE
        for i, (arg, term) in enumerate(zip(args, steady, strict=True)):
            if term is not None and i != walk_.position:
                wrong = lor(wrong, lnot(eq(bits(arg), bits(known.value(term)))))
        self.escape(way, "an entry of the soft TLB for other arguments", wrong)
        address = zext(args[walk_.position], WORD)
        self.of_page(way, walk_, tag, address)
        given = self.others(name, steady, tag)
        for i, value in given.items():
            self.escape(way, "an entry of the soft TLB for other arguments", lnot(eq(bits(args[i]), value)))

    def of_page(self, way: Way, walk_: Walk, tag: Term, address: Term) -> None:
        high = (extract(t, WORD - 1, walk_.shift) for t in (tag, address))
        self.escape(way, "an entry of the soft TLB of another page", lnot(eq(*high)))

    def kind(self, index: Term) -> tuple[str, tuple[Term | None, ...]]:
        """The walk that an entry is of, and the arguments that hang on the context alone."""
        base, _ = linear(index, WORD)
        return self.plan.looked_up(base >> SETS + self.plan.layout.words + 3)

    def others(self, name: str, steady: Sequence[Term | None], tag: Term) -> dict[int, Term]:
        """The arguments of a walk that an entry is of by the low bits of what it is of."""
        function, position = self.machine.code.functions[name], self.plan.walks[name].position
        at, found = 0, dict[int, Term]()
        for i in reversed(range(len(steady))):
            if steady[i] is None and i != position:
                width = function.parameters[i][1] or 1
                found[i] = extract(tag, at + width - 1, at)
                at += width
        return found

    def entry(self, way: Way, index: Term, at: int) -> Term:
        if not at:
            return super().entry(way, index, at)
        k, (name, _) = at // 8 - 1, self.kind(index)
        if self.plan.walks[name].carried[k]:
            number = list(self.tags).index(index)
            return variable(WORD, Name(FREE, f"$word{k} of {number}"))
        tag = self.hit(way, index)
        shift = self.plan.walks[name].shift
        return self.answered(way, index, mk("and", WORD, tag, constant(WORD, -1 << shift)))[k]

    def hit(self, way: Way, index: Term) -> Term:
        """What an entry is known to be of on a way. Raises Unknown."""
        for literal in way.literals:
            if literal.op == "eq" and self.tags[index] in literal.args:
                return literal.args[1] if literal.args[0] is self.tags[index] else literal.args[0]
        raise Unknown("an entry of the soft TLB that may be of anything")

    def added(self, way: Way, a: Term, b: Term) -> Term | None:
        """The sum of an address and what the soft TLB has of its page, if it is one: what the walk gives."""
        words = {
            variable(WORD, Name(FREE, f"$word{k} of {n}")): (index, k)
            for n, index in enumerate(self.tags)
            for k in range(1 << self.plan.layout.words)
        }
        for word, address in ((a, b), (b, a)):
            if word in words:
                index, k = words[word]
                return self.answered(way, index, address)[k]
        return None

    def answered(self, way: Way, index: Term, address: Term) -> list[Term]:
        """What an entry that is hit has of an address: what the walk gives, which ends in no exit."""
        name, steady = self.kind(index)
        walk_, function = self.plan.walks[name], self.machine.code.functions[name]
        if self.plan.facts.function(name).stores:
            raise Unknown(f"an entry of the soft TLB of {name}, which stores where it is not hit")
        tag = self.hit(way, index)
        self.of_page(way, walk_, tag, address)
        before, spec = self.specification(way), self.specification(way)
        others = self.others(name, steady, tag)
        args = list[Term]()
        for i, ((_, width), term) in enumerate(zip(function.parameters, steady, strict=True)):
            if i == walk_.position:
                args.append(extract(address, width - 1, 0))
            else:
                value = before.value(term) if term is not None else others[i]
                args.append(bits(value) if width else truth(value))
        count = len(spec.exits)
        self.specification(way)
        results = self.specific(spec, name, args)
        failed = lnot(spec.frame.alive)
        del spec.exits[count:]
        hit = eq(self.tags[index], tag)
        self.given[hit] = land(variable(0, Name(FREE, f"$hit {list(self.tags).index(index)}")), lnot(failed))
        return [zext(bits(r), WORD) for r in results]

    def specific(self, spec: Meant, name: str, args: Sequence[Term]) -> tuple[Term, ...]:
        """The results of a function of the specification, whose caller says of what access it is."""
        translation = self.machine.code.translation
        own, spec.own = spec.own, name if translation is not None and name == translation.function else spec.own
        silent, spec.silent = spec.silent, self.plan.walks
        results = spec.call(name, tuple(args))
        spec.own, spec.silent = own, silent
        return results
