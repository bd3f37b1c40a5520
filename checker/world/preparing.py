"""How the monitor comes from where a trap entry leaves it to where an instruction leads on: what its registers hold, one beside the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.world.arrival import Arrival
from pgcheck.checker.world.entrymap import EntryMap
from pgcheck.checker.world.goal import Goal, Way
from pgcheck.checker.world.leading import Unreachable, leading
from pgcheck.isa.terms import Term, eq, lnot

ROUNDS: Final = 8
MOST: Final = 4  # values of a register that an entry may leave, each a case


@dataclass(frozen=True)
class Preparation:
    """What the monitor can bring about after each of the `entries`, by the `ways` of each leaf; `anywhere` is a goal with nothing wanted yet."""

    entries: Sequence[Arrival]
    ways: Mapping[str, Sequence[Way]]
    anywhere: Goal
    evidence: Evidence
    known: dict[tuple[str, int], bool] = field(default_factory=dict)
    left: dict[str, frozenset[int]] = field(default_factory=dict)

    def led(self, goal: Goal, found: Sequence[Way], case: frozenset[tuple[str, int]] = frozenset()) -> list[EntryMap]:
        """Maps to every state that is wanted, from states in which the monitor can be: it has the values of a `case`.

        Raises Unreachable and Undecided.
        """
        never: list[str] = []
        for _ in range(ROUNDS):
            try:
                maps = leading(goal, found, self.evidence)
            except Unreachable as unreachable:
                since = f", since after a trap entry it cannot have {' or '.join(never)}" if never else ""
                raise Unreachable(f"{unreachable}{since}") from unreachable
            held = ((n, t.value) for m in maps for n, t in m.needs.items() if t.is_constant)
            barred = next((one for one in held if one not in case and not self._holds(*one)), None)
            if barred is None:
                return maps
            leaf, value = barred
            left = self._left(leaf)
            if value in left:
                return [m for v in left for m in self.led(_having(goal, leaf, v), found, case | {(leaf, v)})]
            never.append(f"{leaf} = {value:#x}")
            goal = _having(goal, leaf, value, other=True)
        raise Undecided(goal.label, f"{ROUNDS} ways lead there, each from a state in which the monitor may never be")

    def _holds(self, leaf: str, value: int) -> bool:
        """After every entry the monitor has a value in a leaf, sets it, or has had it there since before: then entries leave it alone."""
        key = (leaf, value)
        if key not in self.known:
            self.known[key] = False
            since = all(entry.post[leaf] is entry.pre[leaf] for entry in self.entries)
            self.known[key] = (
                self._at_reset(leaf, value) or self._set(leaf, value, self._once)
                if since
                else self._left(leaf) == {value} or self._set(leaf, value, self.led)
            )
        return self.known[key]

    def _once(self, goal: Goal, found: Sequence[Way]) -> list[EntryMap]:
        """Maps to what is wanted from any state of the monitor's, be it before the first guest."""
        return leading(goal, found, self.evidence)

    def _at_reset(self, leaf: str, value: int) -> bool:
        machine = self.anywhere.machine
        return machine.platform.boot.get(leaf, machine.state.leaves[leaf].reset) == value

    def _left(self, leaf: str) -> frozenset[int]:
        """What entries may leave in a leaf; nothing where all leave it alone. Raises Undecided for more than MOST values."""
        if leaf not in self.left:
            self.left[leaf] = frozenset(v for entry in self.entries for v in self._after(entry, leaf))
        return self.left[leaf]

    def _after(self, entry: Arrival, leaf: str) -> Iterator[int]:
        declared, after = entry.machine.state.leaves[leaf], entry.post[leaf]
        known = list(entry.given)
        for _ in range(MOST if after is not entry.pre[leaf] else 0):
            model = self.evidence.model(known, f"{entry.label}:leaves {leaf}")
            if model is None:
                return
            (value,) = model.values([after])
            yield value
            known.append(lnot(eq(after, declared.holding(value))))
        if after is not entry.pre[leaf] and self.evidence.possible(known, f"{entry.label}:leaves {leaf}"):
            raise Undecided(entry.label, f"whether the monitor can go on from each value of {leaf} after it is open")

    def _set(self, leaf: str, value: int, led: Callable[[Goal, Sequence[Way]], Sequence[EntryMap]]) -> bool:
        wanted = {leaf: self.anywhere.machine.state.leaves[leaf].holding(value)}
        goal = replace(self.anywhere, wanted=wanted, changed=frozenset(wanted), label=f"{self.anywhere.label}:{leaf}")
        try:
            return bool(led(goal, self.ways[leaf]))
        except Unreachable:
            return False

    def loads(self, one: EntryMap, assumed: tuple[Term, ...]) -> Iterator[tuple[str, list[EntryMap]]]:
        """How the monitor sets each leaf that an instruction loads from; none where no instruction sets it. Raises Unreachable and Undecided."""
        for leaf, value in one.needs.items():
            if value.is_constant:
                continue
            goal = replace(
                self.anywhere,
                wanted={leaf: value},
                changed=frozenset({leaf}),
                assumed=(*assumed, one.domain),
                label=f"{self.anywhere.label}:{leaf}",
            )
            yield leaf, self._whole(goal, leaf) if self.ways[leaf] else []

    def _whole(self, goal: Goal, leaf: str) -> list[EntryMap]:
        try:
            return self.led(goal, self.ways[leaf])
        except Unreachable as unreachable:
            if goal.wanted[leaf].op == "concat":
                raise Undecided(
                    goal.label, f"some bits of {leaf} do not matter, and nothing sets it to {unreachable}"
                ) from unreachable
            hint = "let an instruction set it"
            raise Unreachable(
                f"a return loads from {leaf}, and nothing sets that: to {unreachable}; {hint}"
            ) from unreachable

    def together(
        self, wanted: Mapping[str, Term], assumed: tuple[Term, ...], setters: Mapping[str, Sequence[EntryMap]]
    ) -> None:
        """The leaves can be set one beside the other. Raises Unreachable where they cannot, and Undecided."""
        for group in _tangled(setters):
            goal = replace(
                self.anywhere,
                wanted={n: wanted[n] for n in group},
                passing={n: wanted[n] for n in group},
                changed=frozenset(group),
                assumed=assumed,
                label=f"{self.anywhere.label}:together",
            )
            self._one_beside_the_other(goal)

    def _one_beside_the_other(self, goal: Goal) -> None:
        while len(goal.wanted) > 1:
            found = {w.instruction.id: w for n in goal.wanted for w in self.ways[n]}
            try:
                maps = self.led(goal, list(found.values()))
            except Unreachable as unreachable:
                names = ", ".join(sorted(goal.wanted))
                raise Unreachable(
                    f"{names} can be set each, but not one beside the other: to {unreachable}"
                ) from unreachable
            left = {n: t for n, t in goal.wanted.items() if any(n in m.kept for m in maps)}
            if len(left) == len(goal.wanted):
                raise Undecided(goal.label, f"in which order {', '.join(sorted(left))} can be set is open")
            goal = replace(goal, wanted=left, passing=left, changed=frozenset(left))


def _having(goal: Goal, leaf: str, value: int, *, other: bool = False) -> Goal:
    """The goal from states in which a leaf has a value, or another one."""
    declared = goal.machine.state.leaves[leaf]
    has = eq(declared.term, declared.holding(value))
    return replace(goal, before=(*goal.before, lnot(has) if other else has))


def _tangled(setters: Mapping[str, Sequence[EntryMap]]) -> Iterator[list[str]]:
    """The leaves of which each is disturbed, directly or not, by setting each other."""
    after = {n: {o for o in setters if o != n and any(o not in m.kept for m in setters[n])} for n in setters}
    for _ in setters:
        after = {n: found.union(*(after[o] for o in found)) for n, found in after.items()}
    groups = {tuple(sorted(o for o in after[n] if n in after[o])) for n in setters}
    yield from (list(g) for g in sorted(groups) if len(g) > 1)
