"""Holes by enumeration: one step of the virtual and of the real machine, from all related states (docs/definitions.md, A hole)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms.ir import HALT, TRANSLATE
from pgcheck.models.state import State
from tests.oracle.runs import Answer, Branch, Key, Script, Tree, explore
from tests.oracle.space import Relation
from tests.oracle.steps import ANYTHING, LEFT_OUT, Copy, Outcome, Payload, Word, lawful, real_copy, step

Pair = Callable[[State, State], bool]
"""What must hold of a virtual and a real state."""


@dataclass(slots=True)
class RealCuts:
    """The contract: what the real machine's cuts answer (docs/definitions.md, The relation)."""

    machine: Machine
    script: Script

    def translate(self, args: tuple[int, ...]) -> tuple[bool, int] | None:
        translation = self.machine.code.translation
        assert translation is not None
        mode = translation.mode
        asked = args[:mode] + args[mode + 1 :]
        leaf = self.machine.state.scalars[self.machine.modes.leaf]
        current = self.script.ask(("virtual", leaf.name), lawful(self.machine)[leaf.name])
        assert current is not None
        answer = self.script.ask(("mapped", asked), (None, *addresses(self.machine, self.script)))
        if answer is None:
            return True, 0
        self.script.known["translated", args[:mode] + (current,) + args[mode + 1 :]] = answer
        return False, answer

    def probe(self, name: str, args: tuple[int, ...]) -> int | None:
        return self.script.number(("host", name, args), self.machine.state.memory_size)

    def table(self, name: str, args: tuple[int, ...]) -> int | None:
        table = self.machine.code.tables[name]
        response = self.script.number(("response", name), len(table.respond))
        return table.responded(entry(self.machine, self.script, name, args), table.respond[response])


@dataclass(slots=True)
class VirtualCuts:
    """Cuts without a body: any answer, the same for the same arguments."""

    machine: Machine
    script: Script

    def translate(self, args: tuple[int, ...]) -> tuple[bool, int] | None:
        answer = self.script.ask(("translated", args), (None, *addresses(self.machine, self.script)))
        return answer is None, answer or 0

    def probe(self, name: str, args: tuple[int, ...]) -> int | None:
        return self.script.number(("probed", name, args), self.machine.state.memory_size)

    def table(self, name: str, args: tuple[int, ...]) -> int | None:
        return entry(self.machine, self.script, name, args)


def addresses(machine: Machine, script: Script) -> tuple[int, ...]:
    """What a translation may give: an address that another gave, or one more. Which one that is nothing tells (`accesses_are_translated`)."""
    used = {a for (space, *_), a in script.known.items() if space == "translated" and a is not None}
    fresh = next((a for a in range(machine.state.memory_size) if a not in used), None)
    return (*sorted(used), *(() if fresh is None else (fresh,)))


def entry(machine: Machine, script: Script, name: str, args: tuple[int, ...]) -> int:
    """The guest's entry of a table."""
    (width,) = machine.code.functions[name].results
    return script.number(("entry", name, args), 1 << width)


@dataclass(frozen=True, slots=True)
class Both:
    """How both machines' steps ended; nothing of the virtual one where the real one has entered the monitor."""

    real: Outcome
    virtual: Outcome | None


def joint(machine: Machine, word: Word, real_mode: int | None, continued: frozenset[Payload]) -> Tree:
    """Both machines' steps of one word, however what they ask is answered; the real one's first."""

    def run(script: Script) -> Both:
        real = step(real_copy(machine, script, RealCuts(machine, script), real_mode), word, continued)
        if enters(real.end, machine, continued):
            return Both(real, None)
        virtual = step(Copy(machine, script, "virtual", "choice", VirtualCuts(machine, script)), word, continued)
        return Both(real, virtual)

    return explore(run)


def enters(end: Payload, machine: Machine, continued: frozenset[Payload]) -> bool:
    """Whether a real step's end enters the monitor."""
    function = end[0]
    rule = machine.code.exits.get(function)
    return function == TRANSLATE or (rule is not None and rule.kind != "execute" and end not in continued)


def holed(tree: Tree, relation: Relation, states: tuple[State, ...]) -> Mapping[Key, Answer] | None:
    """What leads to a hole from one of these virtual states; None where the word is none."""
    search = Search(relation, states)
    for known, conditions, judged in search.refuting(tree, {}, ()):
        if judged and search.possible(known, conditions):
            return known
    return None


Found = tuple[dict[Key, Answer], tuple[Pair, ...], bool]


class Search:
    """Looks for what the virtual machine cannot answer by any choice."""

    def __init__(self, relation: Relation, states: tuple[State, ...]) -> None:
        self.relation, self.states = relation, states
        self.seen: dict[frozenset[tuple[Key, Answer]], list[tuple[State, State]]] = {}

    def refuting(self, tree: Tree, known: dict[Key, Answer], conditions: tuple[Pair, ...]) -> Iterator[Found]:
        """Answers and conditions under which all choices of the virtual machine differ; and whether one of them counts."""
        if not isinstance(tree, Branch):
            assert isinstance(tree.value, Both)
            yield from self.ended(tree.value, known, conditions)
        elif tree.key in known:
            yield from self.refuting(tree.after[tree.answers.index(known[tree.key])], known, conditions)
        elif tree.key[0] in ("choice", "volatile"):
            yield from self.all_of(tree.after, known, conditions, False)
        else:
            for answer, after in zip(tree.answers, tree.after, strict=True):
                if self.allowed(tree.key, answer):
                    yield from self.refuting(after, {**known, tree.key: answer}, conditions)

    def allowed(self, key: Key, answer: Answer) -> bool:
        relation = self.relation
        if key[0] == "response":
            return relation.fixed.tables.get(str(key[1]), answer) == answer
        return key[0] != "real" or relation.constants.get(str(key[1]), answer) == answer

    def all_of(
        self, after: tuple[Tree, ...], known: dict[Key, Answer], conditions: tuple[Pair, ...], judged: bool
    ) -> Iterator[Found]:
        if not after:
            yield known, conditions, judged
            return
        for more, further, counts in self.refuting(after[0], known, conditions):
            yield from self.all_of(after[1:], more, further, judged or counts)

    def ended(self, both: Both, known: dict[Key, Answer], conditions: tuple[Pair, ...]) -> Iterator[Found]:
        real, virtual = both.real, both.virtual
        if virtual is None or virtual.end[0] == ANYTHING:
            return
        if virtual.end[0] == LEFT_OUT:
            yield known, conditions, False
        elif real.end != virtual.end or real.end[0] in (ANYTHING, HALT):
            yield known, conditions, True
        else:
            for different in differences(self.relation, real, virtual, known):
                if different is None:
                    yield known, conditions, True
                    return
                if self.possible(known, (*conditions, different)):
                    yield known, (*conditions, different), True

    def possible(self, known: dict[Key, Answer], conditions: tuple[Pair, ...]) -> bool:
        """Whether related states agree with all that is known."""
        leaves = frozenset((k, v) for k, v in known.items() if k[0] in ("general", "virtual", "real"))
        pairs = self.seen.get(leaves)
        if pairs is None:
            pairs = self.seen[leaves] = list(self.pairs(leaves))
        return any(all(c(v, r) for c in conditions) for v, r in pairs)

    def pairs(self, leaves: frozenset[tuple[Key, Answer]]) -> Iterator[tuple[State, State]]:
        virtual = [(str(k[1]), a) for k, a in leaves if k[0] in ("general", "virtual")]
        real = [(str(k[1]), a) for k, a in leaves if k[0] == "real"]
        for v in self.states:
            if all(v[n] == a for n, a in virtual):
                for r in self.relation.related(v):
                    if all(r[n] == a for n, a in real):
                        yield v, r


def differences(
    relation: Relation, real: Outcome, virtual: Outcome, known: Mapping[Key, Answer]
) -> Iterator[Pair | None]:
    """What differs after two steps: under which condition on the states before, None where in any case."""
    for name in relation.shared:
        ours, theirs = real.leaves.get(name), virtual.leaves.get(name)
        if ours is not None and theirs is not None:
            if ours != theirs:
                yield None
        elif ours is not None or theirs is not None:
            yield _changed(name, ours if ours is not None else theirs)
    for at in real.cells.keys() | virtual.cells.keys():
        ours, theirs = real.cells.get(at), virtual.cells.get(at)
        before = known.get(("cell", at))
        if (
            (before if ours is None else ours) != (before if theirs is None else theirs)
            or before is None
            and ours != theirs
        ):
            yield None
    for name in relation.own:
        if name in virtual.leaves:
            yield _changed(name, virtual.leaves[name])
        if name in real.leaves:
            yield _changed_real(name, real.leaves[name])
    space = relation.space
    moved = {n: v for n, v in real.leaves.items() if n in relation.shared}
    if moved.keys() & space.decides:
        yield lambda v, r: tuple({**r, **moved}.values()) not in space.allowed


def _changed(name: str, value: int | None) -> Pair:
    return lambda v, r: v[name] != value


def _changed_real(name: str, value: int) -> Pair:
    return lambda v, r: r[name] != value
