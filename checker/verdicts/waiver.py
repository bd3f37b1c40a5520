"""Differences that a designer accepts: what a waiver covers, and the witness outside it that it does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from hashlib import blake2b
from typing import Literal

from pgcheck.checker.example import SILENT, Example, operation
from pgcheck.checker.questions.entry import settled
from pgcheck.checker.questions.hole import Question, question, virtual_modes
from pgcheck.checker.questions.subject import Setting, Subject, subject
from pgcheck.checker.questions.taint import footprint
from pgcheck.checker.result import DeploymentResult, InstructionResult, MachineResult, TheoremResult, Witness
from pgcheck.checker.rule import Rule
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.values import Configuration
from pgcheck.checker.witnesses.witness import minimal
from pgcheck.isa.files.errors import NOWHERE, Position, did_you_mean
from pgcheck.isa.machine.machine import Deployment, Machine
from pgcheck.isa.machine.meaning import meanings
from pgcheck.isa.terms import TRUE, Term, conjunction, constant, disjunction, eq, lnot, operand

Property = Literal["theorem1", "theorem3", "monitor"]
Status = Literal["accepted", "outside", "stale", "expired", "unneeded", "unknown"]
CLASSES = ("supervisor", "user")


@dataclass(frozen=True, slots=True)
class Waiver:
    """One accepted difference, keyed by what the instruction means.

    `instruction` is a row's id, `meaning` the digest that the instruction had when the waiver was written. For `monitor` the
    differences are the keys of a witness (`virtual:EFLAGS.IF`, `general:GPR`, `trap:next`, ...), in the virtual modes `modes` and for
    the operands `operands` (value by name; others free); for a theorem they are the row's sensitivities. `instruction` may be a premise that the
    machine refutes: the meaning is that of the machine without its instructions, and the differences are what was found.
    """

    machine: str
    deployment: str
    instruction: str
    property: Property
    meaning: str
    differences: frozenset[str]
    reason: str
    modes: frozenset[str] = frozenset(CLASSES)
    operands: Mapping[str, int] = field(default_factory=dict)
    expires: date | None = None
    position: Position = NOWHERE


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What became of a waiver; `outside` comes with the witness that it does not name."""

    waiver: Waiver
    status: Status
    message: str
    witness: Witness | None = None


def review(
    machine: Machine, result: MachineResult, waivers: Sequence[Waiver], evidence: Evidence, today: date
) -> tuple[MachineResult, tuple[Reviewed, ...]]:
    """The result with the waived instructions and premises noted in its theorems, and what became of each waiver of this machine."""
    machines = {d.name: machine.under(d.name) for d in result.deployments}
    asked = {w.deployment: machines.get(w.deployment, machine) for w in waivers if w.machine == machine.identity.name}
    meant = {
        name: {i: m.step + m.encoding for i, m in meanings(one).instructions.items()} for name, one in asked.items()
    }
    found = tuple(
        _reviewed(asked[w.deployment], result, w, meant[w.deployment], evidence, today)
        for w in waivers
        if w.machine == machine.identity.name
    )
    accepted = [r.waiver for r in found if r.status == "accepted"]
    return replace(result, deployments=tuple(_noted(d, accepted) for d in result.deployments)), found


def differences(
    machine: Machine, result: DeploymentResult, row: InstructionResult, property_: Property, evidence: Evidence
) -> frozenset[str]:
    """All that a waiver of a row would have to name today: its sensitivities, or every difference that its hole can show. Raises Undecided."""
    if property_ != "monitor":
        return frozenset(map(str, row.sensitivities))
    return frozenset(
        str(key)
        for _, asked in _questions(machine, result, row, evidence)
        for key, term in asked.mismatches.items()
        if evidence.possible([*asked.assumptions, term], f"{row.id}:waive:{key}")
    )


def modes(machine: Machine, result: DeploymentResult, row: InstructionResult, evidence: Evidence) -> frozenset[str]:
    """The classes of virtual modes in which a hole shows a difference. Raises Undecided."""
    return frozenset(
        name
        for name, asked in _questions(machine, result, row, evidence)
        if evidence.possible([*asked.assumptions, disjunction(asked.mismatches.values())], f"{row.id}:waive:{name}")
    )


def lacking(result: MachineResult, deployment: str, premise: str) -> frozenset[str]:
    """All that a waiver of a premise would have to name today: what was found under the deployment."""
    said = (f for f in result.findings if (f.law, f.status) == (premise, "fails"))
    return frozenset(f.message for f in said if f.subject == deployment)


def meaning_of_machine(machine: Machine) -> str:
    """The digest of what a machine means apart from its instructions, as a waiver of a premise names it."""
    found = meanings(machine)
    return blake2b(
        repr((sorted(found.exits.items()), sorted(found.frame.items()))).encode(), digest_size=32
    ).hexdigest()


def meaning_of(machine: Machine, row: InstructionResult) -> str:
    """The digest of what a row's instruction means, as a waiver names it."""
    found = meanings(machine).instructions[row.id.removesuffix(row.row)]
    return found.step + found.encoding


def _reviewed(
    machine: Machine, result: MachineResult, waiver: Waiver, meaning: Mapping[str, str], evidence: Evidence, today: date
) -> Reviewed:
    deployment = next((d for d in result.deployments if d.name == waiver.deployment), None)
    row = None if deployment is None else next((r for r in deployment.instructions if r.id == waiver.instruction), None)
    if deployment is not None and row is None and any(f.law == waiver.instruction for f in result.findings):
        return _of_premise(machine, result, deployment.theorems[waiver.property], waiver, today)
    if deployment is None or row is None:
        return Reviewed(waiver, "stale", f"{machine.identity.name} has no {waiver.deployment}: {waiver.instruction}")
    if waiver.expires is not None and waiver.expires < today:
        return Reviewed(waiver, "expired", f"it was accepted until {waiver.expires}")
    if row.verdict == "unknown":
        return Reviewed(waiver, "unknown", f"{row.id} is not decided: {row.reason}")
    theorem = deployment.theorems[waiver.property]
    if theorem.status != "fails" or row.id not in theorem.failing:
        return Reviewed(waiver, "unneeded", f"{waiver.property} does not fail on {row.id}")
    if meaning[row.id.removesuffix(row.row)] != waiver.meaning:
        return Reviewed(waiver, "stale", f"{row.id} no longer means what was waived: look at it again")
    wrong = _misnamed(machine, row, waiver.operands)
    if wrong:
        return Reviewed(waiver, "stale", wrong)
    if waiver.property != "monitor":
        more = frozenset(map(str, row.sensitivities)) - waiver.differences
        if more:
            return Reviewed(waiver, "outside", f"{row.id} is also sensitive: {', '.join(sorted(more))}")
        return Reviewed(waiver, "accepted", waiver.reason)
    try:
        witness = _outside(machine, deployment, row, waiver, evidence)
    except Undecided as undecided:
        return Reviewed(waiver, "unknown", str(undecided))
    if witness is not None:
        return Reviewed(
            waiver, "outside", f"{row.id} differs otherwise: {', '.join(map(str, witness.differs))}", witness
        )
    return Reviewed(waiver, "accepted", waiver.reason)


def _of_premise(
    machine: Machine, result: MachineResult, theorem: TheoremResult, waiver: Waiver, today: date
) -> Reviewed:
    """What became of a waiver of something that the machine lacks."""
    name = waiver.instruction
    if waiver.expires is not None and waiver.expires < today:
        return Reviewed(waiver, "expired", f"it was accepted until {waiver.expires}")
    if name not in theorem.premises:
        return Reviewed(waiver, "unneeded", f"{waiver.property} does not fail for {name}")
    if theorem.status != "fails":
        return Reviewed(waiver, "unknown", f"{name} is not decided")
    if meaning_of_machine(machine) != waiver.meaning:
        return Reviewed(waiver, "stale", "the machine no longer means what was waived: look at it again")
    more = lacking(result, waiver.deployment, name) - waiver.differences
    if more:
        return Reviewed(waiver, "outside", f"{name} also says: {'; '.join(sorted(more))}")
    return Reviewed(waiver, "accepted", waiver.reason)


def _outside(
    machine: Machine, result: DeploymentResult, row: InstructionResult, waiver: Waiver, evidence: Evidence
) -> Witness | None:
    """A hole of the row that the waiver does not name. Raises Undecided."""
    for mode_class, asked in _questions(machine, result, row, evidence):
        named = {k: t for k, t in asked.mismatches.items() if str(k) in waiver.differences}
        other = {k: t for k, t in asked.mismatches.items() if k not in named}
        cube = TRUE if mode_class in waiver.modes else lnot(TRUE)
        cube = conjunction([cube, *(_operand(machine, row, n, v) for n, v in waiver.operands.items())])
        beyond = {**other, **{k: conjunction([t, lnot(cube)]) for k, t in named.items()}}
        model = evidence.model([*asked.assumptions, disjunction(beyond.values())], f"{row.id}:outside its waiver")
        if model is not None:
            setting, one = _subject(machine, result, row, evidence)
            return minimal(setting, one, replace(asked, mismatches=beyond), model, evidence)
    return None


def _misnamed(machine: Machine, row: InstructionResult, operands: Mapping[str, int]) -> str:
    """Which of a waiver's operands the row does not have, or not with that value; "" if it has all."""
    instruction = machine.instruction(row.id.removesuffix(row.row))
    for name, value in operands.items():
        if name not in instruction.operands:
            hint = did_you_mean(name, instruction.operands)
            return f"{row.id} has no operand '{name}'" + (f"; {hint}" if hint else "")
        if value >> instruction.operands[name].width:
            return f"operand '{name}' of {row.id} has {instruction.operands[name].width} bits, {value} has more"
    return ""


def _operand(machine: Machine, row: InstructionResult, name: str, value: int) -> Term:
    width = machine.instruction(row.id.removesuffix(row.row)).operands[name].width
    return eq(operand(width, name), constant(width, value))


def _questions(
    machine: Machine, result: DeploymentResult, row: InstructionResult, evidence: Evidence
) -> Iterator[tuple[str, Question]]:
    """The hole queries of a row under the configuration found, by mode class; tables answer with the guest's own entries otherwise."""
    setting, one = _subject(machine, result, row, evidence)
    modes = setting.deployment.modes
    configuration = Configuration({}, dict.fromkeys(footprint(setting, one).tables)) | result.configuration
    for name, mode_class in zip(CLASSES, (modes.supervisor, modes.user), strict=True):
        for mode in virtual_modes(setting, mode_class):
            yield name, question(setting, one, mode_class, mode, configuration)


def _subject(
    machine: Machine, result: DeploymentResult, row: InstructionResult, evidence: Evidence
) -> tuple[Setting, Subject]:
    deployment: Deployment = next(d for d in machine.deployments if d.name == result.name)
    setting = settled(machine, deployment, evidence)
    instruction = machine.instruction(row.id.removesuffix(row.row))
    return setting, subject(setting, instruction, next(r for r in instruction.rows if r.label == row.row))


def _noted(result: DeploymentResult, accepted: Sequence[Waiver]) -> DeploymentResult:
    def theorem(name: str, found: TheoremResult) -> TheoremResult:
        ids = {w.instruction for w in accepted if w.deployment == result.name and w.property == name}
        return replace(found, waived=tuple(i for i in (*found.premises, *found.failing) if i in ids))

    return replace(result, theorems={n: theorem(n, t) for n, t in result.theorems.items()})


_WAIVED = """\
waivers:
  - machine: toy
    deployment: default
    instruction: cli
    property: theorem1
    meaning: 0cb6424371f6ef4306c1e9ba36937f79a59d36f07a37074c5552a47f07b44a3f
    differences: ["ctl[interrupt@S]", "ctl[interrupt@U]"]
    reason: user programs disable interrupts only around a few instructions
"""
WAIVER = Rule(
    id="PG201",
    name="waiver",
    level="error",
    title="A waiver does not hold",
    law="A waiver names an instruction that fails, as it means today, and every difference that it shows; "
    "it has not expired. Where one of these is not so somebody has to look at it again.",
    formula="forall waivers w: w in date and fails(w.instruction) and meaning(w.instruction) = w.meaning and "
    "differences(w.instruction) within w",
    reference="docs/waivers.md",
    example=Example((operation("IE = 1'b1;"),), (SILENT,), waivers=_WAIVED),
)
