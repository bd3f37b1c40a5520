"""The predicates of 1974 by enumeration: one step, and pairs of steps from states that differ in one role (docs/definitions.md)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms.ir import HALT, TRANSLATE
from pgcheck.models.state import State
from tests.oracle.holes import VirtualCuts, joint
from tests.oracle.runs import Answer, End, Key, Script, Tree, explore
from tests.oracle.space import Space
from tests.oracle.steps import ANYTHING, LEFT_OUT, Copy, Outcome, Payload, Word, step

Way: TypeAlias = tuple[str, str, str]
"""How a word is sensitive: `ctl`, `beh` or `trs`, the role, and S, U or SU for the modes that it starts in."""


@dataclass(slots=True)
class SecondCuts(VirtualCuts):
    """The second step translates as the first does, but at a mode that the instruction names itself."""

    mine: Copy
    first: Copy
    named: bool = False

    def translate(self, args: tuple[int, ...]) -> tuple[bool, int] | None:
        translation, leaf = self.machine.code.translation, self.machine.modes.leaf
        assert translation is not None
        place = translation.mode
        if not self.named and args[place] == self.mine.leaf(leaf):
            args = (*args[:place], self.first.leaf(leaf), *args[place + 1 :])
        return VirtualCuts.translate(self, args)

    def probe(self, name: str, args: tuple[int, ...]) -> int | None:
        return self.script.number(("other probed", name, args), self.machine.state.memory_size)

    def table(self, name: str, args: tuple[int, ...]) -> int | None:
        (width,) = self.machine.code.functions[name].results
        return self.script.number(("other entry", name, args), 1 << width)


@dataclass(slots=True)
class CurrentCuts(VirtualCuts):
    """Every access is made in the mode that the machine is in, whatever the instruction names."""

    mine: Copy

    def translate(self, args: tuple[int, ...]) -> tuple[bool, int] | None:
        translation = self.machine.code.translation
        assert translation is not None
        place, mode = translation.mode, self.mine.leaf(self.machine.modes.leaf)
        return VirtualCuts.translate(self, (*args[:place], mode, *args[place + 1 :]))


def single(machine: Machine, word: Word, continued: frozenset[Payload] = frozenset()) -> Tree:
    """One step, however what it asks is answered."""

    def run(script: Script) -> Outcome:
        return step(Copy(machine, script, "first", "choice", VirtualCuts(machine, script)), word, continued)

    return explore(run)


def twin(machine: Machine, word: Word, continued: frozenset[Payload], *, named: bool) -> Tree:
    """Two steps that agree on general state and choose alike; `named` if they translate under modes that they name."""

    def run(script: Script) -> tuple[Outcome, Outcome]:
        first = Copy(machine, script, "first", "choice", VirtualCuts(machine, script))
        one = step(first, word, continued)
        if one.end[0] in (TRANSLATE, LEFT_OUT):
            return one, one
        second = Copy(machine, script, "second", "choice", None, {}, "other volatile")
        second.cuts = SecondCuts(machine, script, second, first, named)
        return one, step(second, word, continued)

    return explore(run)


def current(machine: Machine, word: Word, continued: frozenset[Payload] = frozenset()) -> Tree:
    """A step, and the same step with every access in the current mode, as the monitor's translation answers it."""

    def run(script: Script) -> tuple[Outcome, Outcome]:
        one = step(Copy(machine, script, "first", "choice", VirtualCuts(machine, script)), word, continued)
        if one.end[0] in (TRANSLATE, LEFT_OUT):
            return one, one
        copy = Copy(machine, script, "first", "choice", None)
        copy.cuts = CurrentCuts(machine, script, copy)
        return one, step(copy, word, continued)

    return explore(run)


class Trees:
    """The trees of a machine, each made once for all deployments."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.single = cache(lambda word, continued: single(machine, word, continued))
        self.current = cache(lambda word, continued: current(machine, word, continued))
        self.twin = cache(lambda word, continued: twin(machine, word, continued, named=self.names_a_mode(word)))
        self.joint = cache(lambda word, real_mode, continued: joint(machine, word, real_mode, continued))

    def names_a_mode(self, word: Word) -> bool:
        """Whether a step translates under another mode than the one that it is in."""
        translation, leaf = self.machine.code.translation, self.machine.modes.leaf
        assert translation is not None
        return any(
            k[0] == "translated" and k[1][translation.mode] != known.get(("first", leaf))  # type: ignore[index]
            for known, _ in ends(self.single(word, frozenset()))
            for k in known
        )


def outcomes(tree: Tree) -> list[tuple[Mapping[Key, Answer], Outcome]]:
    """Every end of a tree of single steps."""
    return [(known, value) for known, value in ends(tree) if isinstance(value, Outcome)]


def ends(tree: Tree, known: tuple[tuple[Key, Answer], ...] = ()) -> Iterator[tuple[dict[Key, Answer], object]]:
    """Every end of a tree, with the answers that lead there."""
    if isinstance(tree, End):
        yield dict(known), tree.value
        return
    for answer, after in zip(tree.answers, tree.after, strict=True):
        yield from ends(after, (*known, (tree.key, answer)))


@dataclass(frozen=True, slots=True)
class Classical:
    """What the paper's definitions say of a row."""

    privileged: bool
    ways: frozenset[Way]

    @property
    def sensitive(self) -> bool:
        return any(role != "timing" or kind == "ctl" for kind, role, _ in self.ways)

    @property
    def user_sensitive(self) -> bool:
        return any(start == "U" and (role != "timing" or kind == "ctl") for kind, role, start in self.ways)


class Judge:
    """Asks the predicates of the rows of a machine under one deployment."""

    def __init__(self, space: Space, trees: Trees, continued: frozenset[Payload]) -> None:
        self.trees, self.continued = trees, continued
        self.space, self.machine = space, space.machine
        modes, translation = space.deployment.modes, space.machine.code.translation
        assert translation is not None
        self.starts = {"S": modes.supervisor.values, "U": modes.user.values}
        self.roles = sorted({leaf.role for leaf in self.machine.state.scalars.values() if leaf.control})
        self.roles += sorted({t.role for t in self.machine.code.tables.values()} - set(self.roles))
        self.roles += ["relocation"] if translation.probes and "relocation" not in self.roles else []
        self.legal = space.set_of(space.legal)
        self.pairs = [(role, start, self.modes(role, start)) for role, start in self.wanted()]
        self.groups = {role: self.alike(role) for role in self.roles}
        self.found: dict[tuple[object, ...], bool] = {}

    def row(self, words: Sequence[Word]) -> Classical:
        """The predicates of a row: of all its words together."""
        completes, ways = set[str](), set[Way]()
        for word in words:
            for known, value in ends(self.trees.single(word, self.continued)):
                assert isinstance(value, Outcome)
                for start, role in self.one(known, value):
                    if role:
                        ways.add(("ctl", role, start))
                    else:
                        completes.add(start)
            for known, value in ends(self.trees.twin(word, self.continued)):
                assert isinstance(value, tuple)
                ways |= set(self.two(known, *value))
            ways |= set(self.named(word))
        return Classical("S" in completes and "U" not in completes, frozenset(ways))

    def one(self, known: Mapping[Key, Answer], outcome: Outcome) -> Iterator[tuple[str, str]]:
        """Where a step gets by without a trap (role ""), and the roles that it changes there."""
        name = outcome.end[0]
        for start, values in self.starts.items():
            gets_by = self.goes_on(outcome) or name == HALT or (start == "U" and name in (ANYTHING, LEFT_OUT))
            if not gets_by:
                continue
            states = self.legal & self.of_modes(values) & self.space.agreeing(known.items(), "first")
            if states:
                yield start, ""
                if name == HALT:
                    yield start, "run"
            for leaf, value in outcome.leaves.items() if self.goes_on(outcome) else ():
                if self.machine.state.leaves[leaf].control and states & ~self.space.holding[leaf, value]:
                    yield start, self.machine.state.leaves[leaf].role

    def named(self, word: Word) -> Iterator[Way]:
        """Whether a step shows that it names the mode of an access."""
        if not self.trees.names_a_mode(word):
            return
        for known, value in ends(self.trees.current(word, self.continued)):
            assert isinstance(value, tuple)
            one, other = value
            if one is other or self.gets_by(one) != self.gets_by(other):
                changed: list[tuple[str, int] | None] = [] if one is other else [None]
            elif self.gets_by(one) and one.end != other.end:
                changed = [None]
            else:
                changed = _apart(self.machine, one, other, known) if self.gets_by(one) else []
            states = self.legal & self.space.agreeing(known.items(), "first")
            for change in changed:
                left = states if change is None else states & ~self.space.holding[change]
                yield from (
                    ("beh", "mode", start) for start, values in self.starts.items() if left & self.of_modes(values)
                )

    def of_modes(self, values: Iterable[int]) -> int:
        """The set of states in these modes."""
        return sum(self.space.holding[self.machine.modes.leaf, v] for v in set(values))

    def goes_on(self, outcome: Outcome) -> bool:
        """Whether a step completes, or goes on with another instruction."""
        rule = self.machine.code.exits.get(outcome.end[0])
        return outcome.completes or (rule is not None and rule.kind == "execute")

    def gets_by(self, outcome: Outcome) -> bool:
        """Whether a step does not trap: it goes on, or halts."""
        return self.goes_on(outcome) or outcome.end[0] == HALT

    def wanted(self) -> Iterator[tuple[str, str]]:
        for role in self.roles:
            yield role, "S"
            yield role, "U"
            if role == "mode":
                yield role, "SU"

    def modes(self, role: str, start: str) -> tuple[tuple[int, int], ...]:
        """The sets of states in which the two steps of a pair start."""
        if start == "SU":
            return ((self.of_modes(self.starts["S"]), self.of_modes(self.starts["U"])),)
        pairs = [(m, m) for m in self.starts[start]]
        real = self.space.deployment.real_mode
        if role == "mode" and start == "U" and real is not None:
            pairs += [(m, real) for m in self.starts["U"] if m != real]
        return tuple((self.of_modes([a]), self.of_modes([b])) for a, b in pairs)

    def alike(self, role: str) -> list[int]:
        """The sets of legal states that differ in leaves of a role alone, or in none."""
        leaves, groups = self.machine.state.leaves, dict[tuple[object, ...], int]()
        for place, state in enumerate(self.space.states):
            if self.legal >> place & 1:
                kept = tuple(v for n, v in state.items() if leaves[n].role != role)
                groups[kept] = groups.get(kept, 0) | 1 << place
        return list(groups.values())

    def two(self, known: Mapping[Key, Answer], first: Outcome, second: Outcome) -> Iterator[Way]:
        """What a pair of steps shows, by role."""
        if first is second:
            return
        kind = self.kind(first, second)
        if kind is None:
            return
        differs = _apart(self.machine, first, second, known) if kind == "alike" else [None]
        if not differs:
            return
        spared = kind == "trs" and self.refused(first, second)
        one = self.space.agreeing(known.items(), "first") & self.legal
        changed = [one if change is None else one & ~self.space.holding[change] for change in differs]
        other = self.space.agreeing(known.items(), "second") & self.legal
        for role, start, modes in self.pairs:
            if spared and start == "SU" or not self.same_entries(known, role):
                continue
            if any(self.exists(role, some & a, other & b) for some in changed for a, b in modes):
                yield "beh" if kind == "alike" else kind, role, start

    def exists(self, role: str, one: int, other: int) -> bool:
        """Whether states of two sets differ in leaves of a role alone."""
        asked = role, one, other
        if asked not in self.found:
            self.found[asked] = any(one & group and other & group for group in self.groups[role])
        return self.found[asked]

    def kind(self, first: Outcome, second: Outcome) -> str | None:
        """How the ends of two steps differ."""
        one, other = self.gets_by(first), self.gets_by(second)
        if second.end[0] == TRANSLATE or first.end[0] == ANYTHING:
            return None
        if second.end[0] in (LEFT_OUT, ANYTHING):
            return "beh" if one else None
        if one and other:
            return "alike" if first.end == second.end else "beh"
        return "trs" if one or other else None

    def refused(self, first: Outcome, second: Outcome) -> bool:
        """Whether a step goes on and another is refused for want of privilege."""
        rule = self.machine.code.exits.get(second.end[0])
        return self.gets_by(first) and rule is not None and rule.kind_of(second.end[1]) == "privileged"

    def same_entries(self, known: Mapping[Key, Answer], role: str) -> bool:
        """Whether tables and clocks of other roles give both steps the same."""
        for key, answer in known.items():
            if key[0] == "other entry":
                other, first = self.machine.code.tables[str(key[1])].role, ("entry", *key[1:])
            elif key[0] == "other probed":
                other, first = "relocation", ("probed", *key[1:])
            elif key[0] == "other volatile":
                other, first = self.machine.state.leaves[str(key[1])].role, ("volatile", *key[1:])
            else:
                continue
            if other != role and known.get(first, answer) != answer:
                return False
        return True


def agrees(state: State, known: Mapping[Key, Answer], control: str) -> bool:
    """Whether a state has the values of leaves that are known of one copy."""
    return all(state[str(k[1])] == v for k, v in known.items() if k[0] == "general" or k[0] == control)


def _apart(
    machine: Machine, first: Outcome, second: Outcome, known: Mapping[Key, Answer]
) -> list[tuple[str, int] | None]:
    """Where two results differ: a general leaf that must not have had a value before, or None for in any case."""
    found: list[tuple[str, int] | None] = []
    for name, leaf in machine.state.scalars.items():
        ours, theirs = first.leaves.get(name), second.leaves.get(name)
        if leaf.control or (ours is None and theirs is None):
            continue
        if ours is not None and theirs is not None:
            if ours != theirs:
                return [None]
        else:
            value = ours if ours is not None else theirs
            assert value is not None
            found.append((name, value))
    for at in first.cells.keys() | second.cells.keys():
        before = known.get(("cell", at))
        if first.cells.get(at, before) != second.cells.get(at, before):
            return [None]
    return found
