"""The two bindings agree: whatever the reference does on integers, the evaluated terms of the symbolic binding do.

Every instruction of every shipped specification is tried on `EXAMPLES` states, a cut's body and a delivery on `DEEP`; the marker
`campaign` multiplies both by `CAMPAIGN`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pgcheck import shipped
from pgcheck.isa.idl.types import Bitfield
from pgcheck.isa.machine.choices import Fields
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.machine.schemes import Entries
from pgcheck.isa.terms import ARRAY, FALSE, TRUE, Name, Term, constant, mask, mk, operand, rewrite, store
from pgcheck.models import symbolic
from pgcheck.models.reference import cycle as reference
from pgcheck.models.state import Exit, State, Surroundings
from tests.models.compare import Ending, differences, endings, exits
from tests.models.worlds import Draw, Key, World, biased, operands
from tests.specifications import machine

pytestmark = pytest.mark.slow

EXAMPLES = 10
DEEP = 60
CAMPAIGN = 50
PARTS = 4
NAMES = shipped.names()
VARIANTS = {"m68010": "m68000", "x86-umip": "i386"}


@cache
def bits(width: int) -> st.SearchStrategy[int]:
    """`width` bits, limits and small values first."""
    top = mask(width)
    limits = {0, 1, 2 & top, top, top - 1, top >> 1, top // 2 + 1}
    return st.one_of(st.sampled_from(sorted(limits)), st.integers(0, top))


def prove(examples: int, claim: Callable[[random.Random, Draw], None], faults: int = 10) -> None:
    """Run `claim` on `examples` random sources, the same in every run, and shrink the first that refutes it.

    One of `faults` translations faults.
    """

    @settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example),
    )
    @given(st.integers(0, mask(32)), st.data())
    def run(seed: int, data: st.DataObject) -> None:
        def draw(key: Key, width: int) -> int:
            if key[0] == symbolic.FAULT:
                return int(data.draw(st.integers(0, faults - 1), label=str(key)) == faults - 1)
            return data.draw(bits(width or 1), label=str(key))

        claim(random.Random(seed), draw)

    run()


# ---- instructions


@dataclass(frozen=True, slots=True)
class Agreement:
    """The claim that a transition is what the reference does for one instruction."""

    machine: Machine
    instruction: Instruction
    transition: symbolic.Transition

    def __call__(self, rng: random.Random, draw: Draw) -> None:
        given_ = operands(self.instruction, rng)
        world = World(self.machine, draw)
        state = world.state()
        exit_ = reference.step(self.machine, reference.canonical(self.instruction, given_), state, surroundings(world))
        world.settle(rng)
        found = differences(endings(self.transition), world, given_, exit_, (), state)
        assert not found, f"{self.machine.identity.name} {self.instruction.id} {given_}: {found}"


def surroundings(world: World) -> Surroundings:
    return Surroundings(world.undefined, world.volatile, world.volatile_write, world)


def agreement(described: Machine, instruction: Instruction) -> Agreement:
    return Agreement(described, instruction, symbolic.transition(described, instruction))


def changes(described: Machine, state: Mapping[str, Term]) -> tuple[tuple[str, Term], ...]:
    """The leaves that do not keep their value."""
    return tuple((n, t) for n, t in state.items() if t is not described.state.leaves[n].term)


def meaning(described: Machine, step: symbolic.Transition) -> tuple[object, ...]:
    """What a transition does, without the leaves that it leaves alone."""
    ends = [(e.guard, e.function, e.args, e.note, changes(described, e.state)) for e in step.exits]
    return step.completes, changes(described, step.post), tuple(ends)


def meanings(name: str) -> Mapping[str, tuple[object, ...]]:
    """What the instructions of a shipped specification do, by id."""
    described = machine(name)
    return {i.id: meaning(described, symbolic.transition(described, i)) for i in described.instructions}


def steps_agree(name: str, part: int, examples: int) -> None:
    described = machine(name)
    base = meanings(VARIANTS[name]) if name in VARIANTS else {}
    for instruction in described.instructions[part::PARTS]:
        claim = agreement(described, instruction)
        if base.get(instruction.id) != meaning(described, claim.transition):
            prove(examples, claim)


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", NAMES)
def test_step_is_transition(name: str, part: int) -> None:
    steps_agree(name, part, EXAMPLES)


@pytest.mark.campaign
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", NAMES)
def test_step_is_transition_at_length(name: str, part: int) -> None:
    steps_agree(name, part, EXAMPLES * CAMPAIGN)


def swapped(step: symbolic.Transition, old: str, new: str) -> symbolic.Transition:
    """The transition whose post state computes with another operator."""
    replaced = lambda t, args: mk(new, t.width, *args, data=t.data) if t.op == old else None  # noqa: E731
    return replace(step, post=dict(zip(step.post, rewrite(step.post.values(), replaced), strict=True)))


@pytest.mark.parametrize(
    ("name", "identifier", "old", "new"),
    [
        ("riscv64", "add", "add", "sub"),
        ("riscv64", "blt", "slt", "ult"),
        ("riscv64", "sra", "ashr", "lshr"),
        ("i386", "adc.rm32_r32", "add", "sub"),
        ("m68000", "or.w.to_d", "or", "xor"),
        ("pg74", "add", "add", "sub"),
        ("pdp10-ka10", "tro", "or", "xor"),
    ],
)
def test_a_wrong_operator_is_noticed(name: str, identifier: str, old: str, new: str) -> None:
    claim = agreement(machine(name), machine(name).instruction(identifier))
    wrong = replace(claim, transition=swapped(claim.transition, old, new))
    assert wrong.transition != claim.transition
    with pytest.raises(AssertionError, match="against"):
        prove(DEEP, wrong)


def changed_memory(step: symbolic.Transition, memory: str) -> symbolic.Transition:
    """The transition with one element of memory changed behind its back."""
    before = step.post[memory]
    assert before.shape is not None
    place = constant(before.shape[0], 3)
    wrong = store(before, place, mk("not", before.shape[1], mk("select", before.shape[1], before, place)))
    return replace(step, post={**step.post, memory: wrong})


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_write_is_noticed(name: str) -> None:
    described = machine(name)
    steps = [agreement(described, i) for i in described.instructions]
    claim = min((c for c in steps if c.transition.completes is not FALSE), key=lambda c: len(c.transition.exits))
    with pytest.raises(AssertionError, match="against"):
        prove(DEEP, replace(claim, transition=changed_memory(claim.transition, described.state.memory)))


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_exit_is_noticed(name: str) -> None:
    described = machine(name)
    steps = (agreement(described, i) for i in described.instructions)
    claim = next(c for c in steps if c.transition.exits and c.transition.exits[0].args)
    prove(DEEP, claim)
    step = claim.transition
    first = step.exits[0]
    argument = mk("xor", first.args[0].width, first.args[0], constant(first.args[0].width, 1))
    for wrong in (
        replace(step, exits=step.exits[1:]),
        replace(step, completes=TRUE),
        replace(step, exits=(replace(first, args=(argument, *first.args[1:])), *step.exits[1:])),
        replace(step, exits=(replace(first, function="other"), *step.exits[1:])),
    ):
        with pytest.raises(AssertionError, match="against|apply"):
            prove(DEEP, replace(claim, transition=wrong), faults=2)


# ---- the bodies of cuts


class Hit:
    """A draw that makes walks of the machine's tables succeed often: entries as the monitor would write them."""

    def __init__(self, described: Machine, rng: random.Random) -> None:
        self.machine, self.rng = described, rng
        self.wild = rng.randrange(4) == 0
        self.entries: dict[int, int] = {}

    def __call__(self, key: Key, width: int) -> int:
        if self.wild or self.rng.randrange(32) == 0:
            return biased(self.rng, width)
        translation = self.machine.code.translation
        given = translation.given if translation is not None else {}
        tables = self.machine.code.scheme
        match key:
            case (symbolic.FAULT, *_):
                return 0
            case (Name(space="table", text=name), *_):
                table = self.machine.code.tables[name]
                if isinstance(table.type, Bitfield):
                    return self.entry(table.type, [table.monitor])
            case ("s", str() as leaf) if leaf in given:
                return given[leaf]
            case ("s", self.machine.state.memory, int() as address) if isinstance(tables, Entries):
                kinds = [tables.map, tables.table, tables.readonly, tables.deny]
                return self.element(tables.entry, kinds, address, width)
        return biased(self.rng, width)

    def element(self, type_: Bitfield, kinds: Sequence[Fields], address: int, width: int) -> int:
        """One unit of memory, all of which is entries."""
        count = type_.width // width
        number, place = divmod(address, count)
        if number not in self.entries:
            self.entries[number] = self.entry(type_, kinds)
        return self.entries[number] >> width * (count - 1 - place if self.machine.state.big_endian else place) & mask(
            width
        )

    def entry(self, type_: Bitfield, kinds: Sequence[Fields]) -> int:
        """An entry of one of `kinds`, its other fields 0 but for one that is random."""
        fields = self.rng.choice(kinds)
        value = 0
        for field in {*fields, self.rng.choice(list(type_.ranges))}:
            high, low = type_.ranges[field]
            value |= fields.get(field, self.rng.getrandbits(high - low + 1)) << low
        return value


@dataclass(frozen=True, slots=True)
class Body:
    """The claim that a function, or as `delivery` a terminator, does the same in both bindings, cuts included or not."""

    machine: Machine
    function: str
    endings: tuple[Ending, ...]
    delivery: bool
    seen: set[str]

    def __call__(self, rng: random.Random, draw: Draw) -> None:
        parameters = self.machine.code.functions[self.function].parameters
        args = tuple(biased(rng, width) for _, width in parameters)
        given_ = {f"arg{i}": a for i, a in enumerate(args)}
        world = World(self.machine, Hit(self.machine, rng))
        state = world.state()
        exit_, results = self.run(args, state, surroundings(world))
        self.seen.add("completion" if exit_ is None else exit_.function)
        found = differences(self.endings, world, given_, exit_, results, state)
        assert not found, f"{self.machine.identity.name} {self.function} {args}: {found}"

    def run(self, args: tuple[int, ...], state: State, around: Surroundings) -> tuple[Exit | None, tuple[int, ...]]:
        if self.delivery:
            return reference.deliver(self.machine, Exit(self.function, args), state, around), ()
        around.oracle = None
        answer = reference.call(self.machine, self.function, args, state, around)
        return (answer, ()) if isinstance(answer, Exit) else (None, answer)


def arguments(described: Machine, function: str) -> tuple[Term, ...]:
    return tuple(operand(w, f"arg{i}") for i, (_, w) in enumerate(described.code.functions[function].parameters))


def cut(described: Machine, function: str) -> Body:
    """The claim about the body of a cut."""
    execution = symbolic.Execution(described, symbolic.initial(described), {}, cuts=False)
    results = execution.call(function, arguments(described, function))
    end = Ending(execution.frame.alive, None, results, execution.frame.state)
    return Body(described, function, (end, *exits(execution.exits)), False, set())


def delivery(described: Machine, function: str) -> Body:
    """The claim about the delivery of an exit."""
    execution = symbolic.delivered(described, function, arguments(described, function), symbolic.initial(described))
    end = Ending(execution.frame.alive, None, (), execution.frame.state)
    return Body(described, function, (end, *exits(execution.exits)), True, set())


def cuts_of(described: Machine) -> list[str]:
    translation = described.code.translation
    return (
        [*described.code.tables]
        if translation is None
        else [translation.function, *translation.probes, *described.code.tables]
    )


def cuts_agree(name: str, examples: int) -> None:
    described = machine(name)
    for function in cuts_of(described):
        claim = cut(described, function)
        prove(examples, claim)
        assert claim.seen >= {"completion"} and len(claim.seen) >= min(2, len(claim.endings)), (function, claim.seen)


def deliveries_agree(name: str, examples: int) -> None:
    described = machine(name)
    for function in described.code.exits:
        prove(examples, delivery(described, function))


@pytest.mark.parametrize("name", NAMES)
def test_cut_bodies(name: str) -> None:
    cuts_agree(name, DEEP)


@pytest.mark.campaign
@pytest.mark.parametrize("name", NAMES)
def test_cut_bodies_at_length(name: str) -> None:
    cuts_agree(name, DEEP * CAMPAIGN)


@pytest.mark.parametrize("name", NAMES)
def test_deliveries(name: str) -> None:
    deliveries_agree(name, DEEP)


@pytest.mark.campaign
@pytest.mark.parametrize("name", NAMES)
def test_deliveries_at_length(name: str) -> None:
    deliveries_agree(name, DEEP * CAMPAIGN)


def disturbed(claim: Body, leaf: str) -> Body:
    """The claim about a body that inverts `leaf` when it completes, or without a leaf its first result."""
    done = claim.endings[0]
    if leaf:
        term = done.state[leaf]
        assert term.width != ARRAY
        done = replace(done, state={**done.state, leaf: mk("not", term.width, term)})
    else:
        done = replace(done, results=(mk("not", done.results[0].width, done.results[0]), *done.results[1:]))
    return replace(claim, endings=(done, *claim.endings[1:]))


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_body_is_noticed(name: str) -> None:
    described = machine(name)
    for function in cuts_of(described):
        with pytest.raises(AssertionError, match="against"):
            prove(DEEP, disturbed(cut(described, function), ""))
    for claim in (delivery(described, function) for function in described.code.exits):
        if claim.endings[0].guard is not FALSE:
            with pytest.raises(AssertionError, match="against"):
                prove(DEEP, disturbed(claim, described.state.pc))
