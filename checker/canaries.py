"""Instructions whose answer is known, asked like any other: a family of obligations whose canaries do not fire proves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgcheck.checker.classical import classify
from pgcheck.checker.evidence import Evidence
from pgcheck.checker.hole import question, virtual_modes
from pgcheck.checker.result import Finding
from pgcheck.checker.subject import Setting, Subject, continued
from pgcheck.checker.taint import footprint
from pgcheck.isa.errors import Position
from pgcheck.isa.ir import Block, SetElement, SetLeaf
from pgcheck.isa.machine import Instruction, Machine, Row
from pgcheck.isa.state import Leaf
from pgcheck.isa.terms import TRUE, Term, constant, mk, select
from pgcheck.models.symbolic import run

LAW = "canaries"


@dataclass(frozen=True, slots=True)
class Canary:
    """A made-up unprivileged instruction; `hole` and `sensitive` are the answers that any sound check gives."""

    name: str
    body: Block
    hole: bool
    sensitive: bool


def _read(leaf: Leaf) -> Term:
    return select(leaf.term, constant(leaf.index_width, 0)) if leaf.size else leaf.term


def _write(leaf: Leaf, value: Term) -> SetLeaf | SetElement:
    return SetElement(leaf.name, constant(leaf.index_width, 0), value) if leaf.size else SetLeaf(leaf.name, value)


def _flipped(leaf: Leaf) -> Term:
    value = _read(leaf)
    return mk("lnot", 0, value) if value.width == 0 else mk("not", value.width, value)


def _usable(leaf: Leaf, machine: Machine) -> bool:
    """A leaf whose value a made-up instruction may show or change: not hardwired, not the counter, and no part of memory."""
    return not leaf.volatile and leaf.name not in (machine.pc, machine.memory) and all(k for k, _ in leaf.hardwired)


def made_up(control: Leaf, held: Leaf) -> tuple[Canary, ...]:
    """The canaries: nothing, a control leaf changed without a trap, a control leaf's low bit shown in a general one."""
    bit = _read(control)
    low = mk("extract", 1, bit, data=(0, 0)) if bit.width > 1 else bit if bit.width else mk("ite", 1, bit, constant(1, 1), constant(1, 0))
    value = mk("zext", _read(held).width, low) if _read(held).width else mk("eq", 0, low, constant(1, 1))
    return (
        Canary("nothing", (), hole=False, sensitive=False),
        Canary("changes control state", (_write(control, _flipped(control)),), hole=True, sensitive=True),
        Canary("shows control state", (_write(held, value),), hole=True, sensitive=True),
    )


def canaries(machine: Machine, evidence: Evidence) -> Iterator[Finding]:
    """Every family gives the known answers, in every deployment."""
    for deployment in machine.deployments:
        setting = Setting(machine, deployment, frozenset(machine.exits))
        counted = [
            leaf for leaf in machine.control
            if _usable(leaf, machine) and leaf.role != "timing" and leaf.name not in deployment.mirror
            and leaf.name != machine.modes.leaf and not leaf.hardwired
        ]  # fmt: skip
        general = [leaf for leaf in machine.general if _usable(leaf, machine) and not leaf.hardwired]
        general += [leaf for leaf in machine.general if _usable(leaf, machine) and leaf.hardwired]
        free = next((leaf for leaf in counted if _free(setting, leaf, evidence)), None)
        if free is None or not general:
            yield Finding(LAW, "warning", deployment.name, "no free control leaf to make canaries of")
            continue
        for canary in made_up(free, general[0]):
            yield from _asked(setting, canary, evidence)


def _free(setting: Setting, leaf: Leaf, evidence: Evidence) -> bool:
    """Both values of the leaf's lowest bit are legal, in the guest and in the real machine."""
    value = _read(leaf)
    low = value if value.width == 0 else mk("eq", 0, mk("extract", 1, value, data=(0, 0)), constant(1, 1))
    known = [*setting.legal, setting.guest, setting.real]
    return all(evidence.possible([*known, side], f"canary:{leaf.name}") for side in (low, mk("lnot", 0, low)))


def _asked(setting: Setting, canary: Canary, evidence: Evidence) -> Iterator[Finding]:
    machine = setting.machine
    instruction = Instruction(
        f"canary {canary.name}", "canary", "", Position(machine.path, 1, 1), None, {}, constant(1, 0), TRUE, None, canary.body,
        None, {}, (Row(""),), False, "",
    )  # fmt: skip
    step = continued(machine, run(machine, canary.body, {}, constant(1, 0)), setting.entering)
    one = Subject(instruction, Row(""), step, TRUE, (), frozenset(leaf.name for leaf in machine.control))
    where = f"{setting.deployment.name}: {canary.name}"
    user = setting.deployment.modes.user
    holes = [
        evidence.possible(question(setting, one, user, m).hole, f"{one.id}:hole@{m}") for m in virtual_modes(setting, user)
    ]
    if any(holes) != canary.hole:
        yield Finding(LAW, "error", where, f"the hole check says {any(holes)}, the truth is {canary.hole}")
    classical = classify(setting, one, footprint(setting, one), evidence)
    if classical.sensitive != canary.sensitive or classical.privileged:
        yield Finding(LAW, "error", where, f"the classical check says sensitive {classical.sensitive}, the truth is {canary.sensitive}")
