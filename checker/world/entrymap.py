"""The entry map: from the state that is wanted after an instruction to the one before it, by copies of bits, and where it is right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

from pgcheck.checker.solving.model import Model
from pgcheck.checker.world.goal import Cell, Goal, Way
from pgcheck.checker.world.slices import bits, pieces
from pgcheck.isa.idl.state import ArrayLeaf, Leaf
from pgcheck.isa.terms import (
    FALSE,
    Name,
    Term,
    conjunction,
    constant,
    constant_array,
    eq,
    extract,
    lnot,
    mk,
    on_leaves,
    operand,
    rewrite,
    select,
    store,
    substitute,
    variable,
    walk,
)
from pgcheck.isa.terms.names import FREE, TABLE
from pgcheck.isa.terms.reads import free_leaves
from pgcheck.models.symbolic import ADDRESS, resized

MEMORY: Final = "memory"


@dataclass(frozen=True, slots=True)
class EntryMap:
    """The instruction, the copies of bits as text, where the map is right, and the leaves that the instruction leaves alone.

    `before` and `after` are the leaves around it, and `words` the units of memory that it reads: over the state that is wanted.
    `needs` is what registers that are the monitor's have to hold before.
    """

    instruction: str
    copies: tuple[str, ...]
    domain: Term
    kept: frozenset[str]
    operands: Mapping[str, int]
    before: Mapping[str, Term]
    after: Mapping[str, Term]
    words: Mapping[Term, Term]
    needs: Mapping[str, Term]

    def __str__(self) -> str:
        return f"{self.instruction} ({', '.join(self.copies)})" if self.copies else self.instruction


@dataclass(frozen=True, slots=True)
class _Copy:
    """The bits of a source from `low` on are these."""

    low: int
    value: Term


@dataclass
class _Before:
    """The state before, as it is made: what is copied to which source, all else as in one model that leads to one state."""

    goal: Goal
    way: Way
    sketch: Model
    post: Mapping[str, Term]
    copies: dict[Term, list[_Copy]] = field(default_factory=dict)
    words: dict[Term, Term] = field(default_factory=dict)
    needed: dict[Term, str] | None = None
    unknown: int = 0

    def leaf(self, leaf: Leaf) -> Term:
        """A leaf of the state before."""
        passing = self.goal.passing.get(leaf.name)
        if passing is not None and self.post[leaf.name] is leaf.term and leaf.term not in self.copies:
            return passing
        if not isinstance(leaf, ArrayLeaf):
            return self._needed(leaf)
        if passing is None:
            result = constant_array(leaf.index_width, leaf.element_width, 0)
            for index, value in self.sketch.cells(leaf.term.name).items():
                result = store(result, constant(leaf.index_width, index), constant(leaf.element_width, value))
        else:
            result = passing
        for source in [*self.copies, *self._moved(leaf, passing)]:
            if source.op == "select" and source.args[0] is leaf.term and source.args[1].is_constant:
                result = store(result, source.args[1], self.value(source))
        return result

    def _needed(self, leaf: Leaf) -> Term:
        """A register that the monitor sets; while it is asked which matter, a mark for it, the mode apart."""
        if self.needed is None or not leaf.control or leaf.name == self.goal.machine.modes.leaf:
            return self.value(leaf.term)
        mark = variable(leaf.width, Name(FREE, f"before {leaf.name}"))
        self.needed[mark] = leaf.name
        return mark

    def needs(self, roots: Sequence[Term]) -> dict[str, Term]:
        """What the monitor's registers have to hold for terms over the state after to be as they are."""
        self.needed, mode = {}, self.goal.machine.modes.leaf
        seen = set(walk(rewrite(roots, self.replace)))
        names = [n for mark, n in self.needed.items() if mark in seen]
        self.needed, self.words = None, {}
        if mode not in self.goal.passing and mode in free_leaves(roots):
            names.append(mode)
        return {n: self.value(self.goal.machine.state.leaves[n].term) for n in names}

    def _moved(self, leaf: ArrayLeaf, passing: Term | None) -> Iterator[Term]:
        """The elements that the instruction changes, which are the monitor's to choose before it."""
        for k in range(leaf.size if passing is not None and leaf.size <= self.goal.most else 0):
            place = constant(leaf.index_width, k)
            before = select(leaf.term, place)
            if select(self.post[leaf.name], place) is not before:
                yield before

    def monitors(self, source: Term) -> bool:
        """Whether a source is the monitor's to choose."""
        if not self.goal.chooses(source) and source.op != "select":
            return False
        if source.op == "uf":
            return True
        name = (source.args[0] if source.op == "select" else source).leaf
        if name is None or name == self.goal.machine.state.memory:
            return name is not None
        if source.op != "select":
            return not self.goal.fixed(name) or self.post[name] is not source
        if not source.args[1].is_constant:
            return False
        return not self.goal.fixed(name) or select(self.post[name], source.args[1]) is not source

    def value(self, source: Term) -> Term:
        """The bits of a source: those that are copied to it, and in between those of the model."""
        (known,) = self.sketch.values([source])
        width, position = bits(source).width, 0
        result: Term | None = None
        for copy in sorted(self.copies.get(source, []), key=lambda c: c.low):
            result = _beneath(result, _constant(known, copy.low - 1, position))
            result = _beneath(result, copy.value)
            position = copy.low + copy.value.width
        result = _beneath(result, _constant(known, width - 1, position))
        assert result is not None
        return eq(result, constant(1, 1)) if source.width == 0 else result

    def copied(self, source: Term, low: int, value: Term) -> bool:
        """Copy bits to a source, unless something else has been copied there."""
        found = self.copies.setdefault(source, [])
        if any(c.low < low + value.width and low < c.low + c.value.width for c in found):
            return False
        found.append(_Copy(low, value))
        return True

    def replace(self, term: Term, args: tuple[Term, ...]) -> Term | None:
        """What takes a term over the state after operands are fixed to one over the wanted state."""
        space = self.goal.machine.state
        if term.op == "select" and term.args[0].leaf == space.memory:
            place = self._place(args[1])
            return self._unknown(term) if self.goal.guests(place) else self.words.setdefault(place, self.value(term))
        if term.op == "uf" and term.name.space == TABLE:
            guests = term.name.text in self.goal.tables or any(map(self.goal.guests, args))
            return self._unknown(term) if guests else self.value(term)
        if term.args or (name := term.leaf) is None:
            return None
        leaf = space.leaves[name]
        return leaf.term if name == space.memory else self.leaf(leaf)

    def _unknown(self, term: Term) -> Term:
        """What lies where the guest's state leads, of which the monitor knows nothing."""
        self.unknown += 1
        return variable(term.width, Name(FREE, "elsewhere", self.unknown))

    def _place(self, address: Term) -> Term:
        """An address where translation leads the monitor to its own memory in order."""
        translation = self.goal.machine.code.translation
        if translation is None:
            return address
        plain = [k for k in range(len(translation.parameters)) if k not in (translation.mode, translation.access)]

        def straight(term: Term, args: tuple[Term, ...]) -> Term | None:
            if term.op != "uf" or term.name != ADDRESS:
                return None
            return resized(max((args[k] for k in plain), key=lambda a: a.width), term.width)

        return rewrite([address], straight)[0]


def generalised(goal: Goal, way: Way, sketch: Model) -> EntryMap | None:
    """What one model shows of how an instruction leads where it is wanted, as a map; None where it writes to memory, or leads nowhere."""
    machine = goal.machine
    chosen = {
        operand(b.width, name): constant(b.width, sketch.leaf(operand(b.width, name)))
        for name, b in way.instruction.operands.items()
    }
    completes, canonical, *after = substitute([way.completes, way.instruction.canonical, *way.post.values()], chosen)
    post = dict(zip(way.post, after, strict=True))
    before = _Before(goal, way, sketch, post)
    shown = [
        f"{cell.name} <- {_named(machine.state.memory, s)}" for cell in goal.cells(post) for s in _copied(before, cell)
    ]
    cells = goal.cells(post)
    needs = before.needs([completes, canonical, *(c.term for c in cells)])
    roots = [
        completes,
        canonical,
        goal.changes(post),
        *goal.before,
        *on_leaves(goal.after, post),
        *(c.term for c in cells),
    ]
    memo: dict[Term, Term] = {}
    made = rewrite([*roots, post[machine.state.memory]], before.replace, memo)
    writes = made.pop() is not machine.state.leaves[machine.state.memory].term
    split = len(roots) - len(cells)
    reached = (eq(a, c.wanted) for a, c in zip(made[split:], cells, strict=True))
    apart = (lnot(eq(a, b)) for a, b in combinations(before.words, 2))
    domain = conjunction([*made[:split], *reached, *apart])
    if writes or domain is FALSE:
        return None
    kept = {n for n, t in post.items() if t is machine.state.leaves[n].term}
    kept |= {n for n, t in needs.items() if t is goal.wanted.get(n)}
    leaves = [leaf for leaf in machine.state.leaves.values() if leaf.name != machine.state.memory and not leaf.volatile]
    return EntryMap(
        instruction=way.instruction.id,
        copies=tuple(dict.fromkeys(shown)),
        domain=domain,
        kept=frozenset(kept),
        operands={o.name.text: v.value for o, v in chosen.items()},
        before={leaf.name: before.leaf(leaf) for leaf in leaves},
        after=dict(
            zip((e.name for e in leaves), rewrite([post[e.name] for e in leaves], before.replace, memo), strict=True)
        ),
        words=before.words,
        needs=needs,
    )


def _copied(before: _Before, cell: Cell) -> Iterator[Term]:
    """Copy a wanted cell to where the instruction takes it from; the sources."""
    wanted = bits(cell.wanted)
    for piece in pieces(cell.term):
        if before.monitors(piece.source) and before.sketch.satisfies([piece.guard]):
            value = extract(wanted, piece.at + piece.width - 1, piece.at)
            if piece.plus:
                value = mk("add", value.width, value, constant(value.width, -piece.plus))
            if before.copied(piece.source, piece.low, value):
                yield piece.source


def _named(memory: str, source: Term) -> str:
    if source.op == "uf":
        return source.name.text
    if source.op != "select":
        return str(source.leaf)
    array = str(source.args[0].leaf)
    return MEMORY if array == memory else f"{array}[{source.args[1].value}]"


def _beneath(high: Term | None, low: Term | None) -> Term | None:
    if high is None or low is None:
        return low if high is None else high
    return mk("concat", high.width + low.width, low, high)


def _constant(known: int, high: int, low: int) -> Term | None:
    """Bits of a number, or None for no bits."""
    return constant(high - low + 1, known >> low) if high >= low else None
