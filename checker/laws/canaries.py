"""Instructions whose answer is known, asked like any other: a family of obligations whose canaries do not fire proves nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pgcheck.checker.example import Example
from pgcheck.checker.hypotheses import SUBJECT
from pgcheck.checker.law import MachineLaw
from pgcheck.checker.questions.classical import classify
from pgcheck.checker.questions.copies import over
from pgcheck.checker.questions.hole import question, related, virtual_modes
from pgcheck.checker.questions.subject import Setting, Subject
from pgcheck.checker.questions.taint import footprint
from pgcheck.checker.result import Finding
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.files.errors import Position
from pgcheck.isa.idl.state import ArrayLeaf, Leaf, ScalarLeaf
from pgcheck.isa.machine.machine import Instruction, Machine, ModeClass, Row
from pgcheck.isa.terms import TRUE, Term, constant, eq, mk, select
from pgcheck.isa.terms.ir import HALT, Block, Raise, SetElement, SetLeaf
from pgcheck.isa.terms.names import SECOND
from pgcheck.models.symbolic import run


@dataclass(frozen=True, slots=True)
class Canary:
    """A made-up unprivileged instruction; `hole` and `sensitive` are the answers that any sound check gives."""

    name: str
    body: Block
    hole: bool
    sensitive: bool


def _element(leaf: Leaf) -> Term | None:
    """The index of an array's first element that is not hardwired."""
    if not isinstance(leaf, ArrayLeaf):
        return None
    fixed = {place for place, _ in leaf.hardwired}
    return next((constant(leaf.index_width, k) for k in range(leaf.size) if k not in fixed), None)


def _hardwired(leaf: Leaf) -> bool:
    return isinstance(leaf, ArrayLeaf) and bool(leaf.hardwired)


def _read(leaf: Leaf) -> Term:
    index = _element(leaf)
    return leaf.term if index is None else select(leaf.term, index)


def _write(leaf: Leaf, value: Term) -> SetLeaf | SetElement:
    index = _element(leaf)
    return SetLeaf(leaf.name, value) if index is None else SetElement(leaf.name, index, value)


def _flipped(leaf: Leaf) -> Term:
    value = _read(leaf)
    return mk("lnot", 0, value) if value.width == 0 else mk("not", value.width, value)


def _usable(leaf: Leaf, machine: Machine) -> bool:
    """A leaf whose value a made-up instruction may show or change: not all hardwired, not the counter, and no part of memory."""
    changes = isinstance(leaf, ScalarLeaf) or _element(leaf) is not None
    return changes and not leaf.volatile and leaf.name not in (machine.state.pc, machine.state.memory)


def made_up(control: Leaf, bit: int, held: Leaf) -> tuple[Canary, ...]:
    """The canaries: nothing, a control leaf changed without a trap, one bit of a control leaf shown in a general one."""
    value = _read(control)
    low = (
        mk("extract", 1, value, data=(bit, bit))
        if value.width > 1
        else value
        if value.width
        else mk("ite", 1, value, constant(1, 1), constant(1, 0))
    )
    shown = mk("zext", _read(held).width, low) if _read(held).width else mk("eq", 0, low, constant(1, 1))
    return (
        NOTHING,
        Canary("changes control state", (_write(control, _flipped(control)),), hole=True, sensitive=True),
        Canary("shows control state", (_write(held, shown),), hole=True, sensitive=True),
    )


NOTHING = Canary("nothing", (), hole=False, sensitive=False)
STOPS = Canary("stops the processor", (Raise(HALT, ()),), hole=True, sensitive=True)


def canaries(machine: Machine, evidence: Evidence) -> Iterator[Finding]:
    """Every family gives the known answers, in every deployment; one in which the two machines share all control state has one of its own.

    A machine without a general leaf that could show anything stays untested.
    """
    for deployment in machine.deployments:
        setting = Setting(machine, deployment, frozenset(machine.code.exits))
        general = [leaf for leaf in machine.state.general if _usable(leaf, machine) and not _hardwired(leaf)]
        general += [leaf for leaf in machine.state.general if _usable(leaf, machine) and _hardwired(leaf)]
        if not general:
            message = "there is no general leaf for canaries to show anything in, so the checks are untested"
            yield LAW.finding("unknown", deployment.name, message)
            continue
        every = (deployment.modes.supervisor, deployment.modes.user)
        free = free_bit(setting, evidence)
        if free is None:
            for canary in (NOTHING, STOPS):
                yield from _asked(setting, canary, every, evidence)
            continue
        leaf, bit, modes = free
        for canary in made_up(leaf, bit, general[0]):
            yield from _asked(setting, canary, modes if canary.hole else every, evidence)


Free = tuple[Leaf, int, tuple[ModeClass, ...]]


def free_bit(setting: Setting, evidence: Evidence) -> Free | None:
    """A control leaf, and a bit of it that may differ in the two machines in one of some classes of modes.

    The lowest of a free leaf, rather in virtual user mode than in supervisor mode, else one of the mode, in either.
    """
    machine, modes = setting.machine, setting.deployment.modes
    counted = [
        leaf
        for leaf in machine.state.control
        if _usable(leaf, machine)
        and leaf.role != "timing"
        and leaf.name not in setting.deployment.mirror
        and leaf.name != machine.modes.leaf
        and not _hardwired(leaf)
    ]
    for mode_class in (modes.user, modes.supervisor):
        free = next((leaf for leaf in counted if _free(setting, leaf, mode_class, evidence)), None)
        if free is not None:
            return free, 0, (mode_class,)
    mode = machine.state.leaves[machine.modes.leaf]
    bit = next((k for k in range(max(mode.width, 1)) if _differing(setting, k, evidence)), None)
    return None if bit is None else (mode, bit, (modes.supervisor, modes.user))


def _free(setting: Setting, leaf: Leaf, mode_class: ModeClass, evidence: Evidence) -> bool:
    """The leaf's lowest bit may differ in a guest of the class and the real machine, and in two states that differ in nothing else."""
    machine, label = setting.machine, f"canary:{leaf.name}"

    def low(value: Term) -> Term:
        value = select(value, index) if (index := _element(leaf)) is not None else value
        return value if value.width == 0 else mk("eq", 0, mk("extract", 1, value, data=(0, 0)), constant(1, 1))

    def differ(a: Term, b: Term) -> Term:
        return mk("lnot", 0, mk("eq", 0, low(a), low(b)))

    other = leaf.copied(SECOND)
    for mode in virtual_modes(setting, mode_class):
        states = related(setting, mode_class, mode)
        apart = [states.of_virtual, states.of_real, differ(states.virtual[leaf.name], states.real[leaf.name])]
        changed = {**states.virtual, leaf.name: other}
        alone = [states.of_virtual, over(setting.legal, changed, machine), differ(states.virtual[leaf.name], other)]
        if evidence.possible(apart, label) and evidence.possible(alone, label):
            return True
    return False


def _differing(setting: Setting, bit: int, evidence: Evidence) -> bool:
    """The bit of the mode differs between a supervisor and a user start, and between a virtual mode and the only real one."""
    machine, modes, real = setting.machine, setting.deployment.modes, setting.deployment.real_mode
    leaf = machine.state.leaves[machine.modes.leaf].term

    def possible(value: int, *known: Term) -> bool:
        return evidence.possible([*setting.legal, *known, eq(leaf, setting.mode(value))], "canary:mode")

    def sides(values: Iterable[int], *known: Term) -> set[int]:
        return {value >> bit & 1 for value in values if possible(value, *known)}

    if real is None or not possible(real, setting.real):
        return False
    first, second = sides(modes.supervisor.values), sides(modes.user.values)
    return (
        bool(first and second)
        and len(first | second) == 2
        and any(
            1 - (real >> bit & 1) in sides(virtual_modes(setting, c), setting.guest, setting.virtual(c))
            for c in (modes.supervisor, modes.user)
        )
    )


def _asked(setting: Setting, canary: Canary, modes: Sequence[ModeClass], evidence: Evidence) -> Iterator[Finding]:
    """Whether the answers are the known ones; a hole is one in any of the classes `modes`."""
    machine = setting.machine
    instruction = Instruction(
        id=f"canary {canary.name}",
        name="canary",
        variant="",
        position=Position(machine.identity.path, 1, 1),
        encoding=None,
        operands={},
        length=constant(1, 0),
        canonical=TRUE,
        line=None,
        body=canary.body,
        encoding_term=None,
        access={},
        rows=(Row(""),),
        partial=False,
        description="",
    )
    step = run(machine, canary.body, {}, constant(1, 0))
    one = Subject(instruction, Row(""), step, TRUE, (), frozenset(leaf.name for leaf in machine.state.control))
    where = f"{setting.deployment.name}: {canary.name}"
    holes = [
        evidence.possible(question(setting, one, mode_class, m).hole, f"{one.id}:hole@{m}")
        for mode_class in modes
        for m in virtual_modes(setting, mode_class)
    ]
    if any(holes) != canary.hole:
        yield LAW.finding("error", where, f"the hole check says {any(holes)}, the truth is {canary.hole}")
    classical = classify(setting, one, footprint(setting, one), evidence)
    if classical.sensitive != canary.sensitive or classical.privileged:
        yield LAW.finding(
            "error",
            where,
            f"the classical check says sensitive {classical.sensitive}, the truth is {canary.sensitive}",
        )


LAW = MachineLaw(
    id="PG107",
    name="canaries",
    level="error",
    title="The checks do not know what is known",
    law="Instructions are made up whose answers are certain (one that does nothing, one that changes "
    "control state, one that shows it; where the two machines share all control state one that stops the processor) and asked like "
    "any other. A check that does not give these answers, or cannot be given them, proves nothing.",
    formula="forall canary c: hole(c) = the known answer and sensitive(c) = the known answer",
    reference="a test of the check itself within every run",
    hypothesis=SUBJECT,
    example=Example(
        (("  A: {type: Bits<8>, role: general}", "  A: {type: Bits<8>, role: saved}"),),
        (),
    ),
    ask=canaries,
)
