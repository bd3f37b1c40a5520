"""What a monitor must do on a machine, as tasks read off the policy that it is built from; where there is no monitor, what would make one possible."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from pgcheck.checker.premises import monitor_can_map
from pgcheck.checker.questions.classical import Completion, completion
from pgcheck.checker.questions.entry import settled
from pgcheck.checker.questions.subject import Setting, subject
from pgcheck.checker.result import DeploymentResult, InstructionResult, MachineResult
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.solving.solver import Solver
from pgcheck.checker.values import Configuration
from pgcheck.checker.verdicts.judge import InstructionRow, judge
from pgcheck.checker.verdicts.policy import NoMonitor, policy
from pgcheck.isa.machine.choices import Fields
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.terms.ir import TRANSLATE
from pgcheck.isa.terms.reads import calls, touched
from pgcheck.vmm.kind import Kind, kinds
from pgcheck.vmm.mmu import mechanism
from pgcheck.vmm.policy import Policy

Duty = Literal[
    "fix", "mirror", "hold", "table", "map", "interpret", "take", "emulate", "reflect", "deny", "visible", "close", "lack"
]  # fmt: skip
DUTIES: Final = get_args(Duty)
NEVER: Final = "never"


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do about `subject`, a leaf, a trap, a table or a row: `how`, what it costs in exits, and why."""

    duty: Duty
    subject: str
    how: str
    exits: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The tasks of one deployment: those of a `kind` of monitor, or those that are left to do because there is none (`refused` says why)."""

    deployment: str
    kind: str
    refused: str
    tasks: tuple[Task, ...]


def plan(machine: Machine, result: MachineResult, deployment: DeploymentResult, evidence: Evidence) -> Plan:
    """The plan of a deployment, for the first kind of monitor that its result promises. Raises Undecided, Contradiction."""
    if deployment.void:
        return Plan(deployment.name, "", "the specification breaks a law, so nothing is claimed", ())
    refusals: list[str] = []
    for kind in kinds().values():
        try:
            chosen = policy(machine, deployment, evidence, kind)
        except NoMonitor as no:
            refusals.append(str(no).removeprefix(f"{deployment.name}: "))
            continue
        tasks = (
            *_monitor(machine, deployment, chosen, evidence),
            *_interpreted(result, deployment, kind),
            *_closing(machine, deployment, evidence),
        )
        return _ordered(Plan(deployment.name, kind.name, "", (*tasks, *_seen(deployment))))
    left = (*_closing(machine, deployment, evidence), *_lacking(result, deployment), *_seen(deployment))
    return _ordered(Plan(deployment.name, "", refusals[0], left))


def _ordered(found: Plan) -> Plan:
    tasks = sorted(found.tasks, key=lambda t: DUTIES.index(t.duty))
    return Plan(found.deployment, found.kind, found.refused, tuple(tasks))


# ---- a monitor


def _monitor(machine: Machine, result: DeploymentResult, chosen: Policy, evidence: Evidence) -> Iterator[Task]:
    setting = settled(machine, next(d for d in machine.deployments if d.name == result.name), evidence)
    yield from _state(machine, result, chosen)
    yield from _mapping(machine)
    for name in sorted(chosen.intercept - {TRANSLATE}):
        yield Task("take", name, "its delivery ends in the monitor", "every time")
    for row in result.instructions:
        if row.id in chosen.traps:
            yield from _trapping(setting, machine.instruction(row.id.removesuffix(row.row)), row, evidence)
    clocks = [machine.instruction(r.id.removesuffix(r.row)) for r in result.instructions if r.verdict == "timing"]
    yield from _outside(machine, result, clocks)


def _state(machine: Machine, result: DeploymentResult, chosen: Policy) -> Iterator[Task]:
    """What the monitor does with each leaf of control state."""
    for name, value in sorted(chosen.fixed.items()):
        needs = [r.id for r in result.instructions if r.configuration is not None and name in r.configuration.leaves]
        why = f"else {_some(needs)} would be holes" if len(needs) > 1 else f"else {_some(needs)} would be a hole"
        yield Task("fix", name, f"{value:#x} on the processor", f"{_some(needs)}: every time", why if needs else "")
    for name in sorted(chosen.mirrored):
        yield Task("mirror", name, "the guest's own value, on the processor", NEVER)
    for name, value in sorted(chosen.real.items()):
        if name not in chosen.fixed and name not in chosen.mirrored and name != machine.modes.leaf:
            yield Task("hold", name, f"the guest's in the books; {value:#x} on the processor", NEVER)
    for name, response in sorted(chosen.responses.items()):
        shown = "the guest's own" if response is None else "the guest's with " + _fields(response)
        yield Task("table", name, f"entries are {shown}", "where the guest changes its own table")


def _fields(response: Fields) -> str:
    return ", ".join(f"{n} = {v:#x}" for n, v in response.items())


def _mapping(machine: Machine) -> Iterator[Task]:
    if machine.code.translation is not None:
        found = mechanism(machine)
        yield Task("map", machine.code.translation.function, found.does, found.exits)


def _trapping(setting: Setting, instruction: Instruction, row: InstructionResult, evidence: Evidence) -> Iterator[Task]:
    """What to do where a row traps: carry out its step where the virtual machine completes, else hand the trap to the guest."""
    found = next(r for r in instruction.rows if r.label == row.row)
    try:
        done = completion(setting, subject(setting, instruction, found), evidence)
    except Undecided:
        done = Completion(True, True)
    when = "where it traps" if row.verdict == "trap-mediated" else "every time"
    why = f"{row.verdict}: {row.reason}" if row.reason else row.verdict
    completes = [name for name, yes in (("supervisor", done.supervisor), ("user", done.user)) if yes]
    if not completes:
        yield Task("reflect", row.id, "the guest's own trap entry, in both modes", when, why)
        return
    rest = "" if len(completes) == 2 else "; its trap reflected in virtual user mode"
    if completes == ["user"]:
        rest = "; its trap reflected in virtual supervisor mode"
    yield Task("emulate", row.id, f"its step in virtual {' and '.join(completes)} mode{rest}", when, why)


def _outside(machine: Machine, result: DeploymentResult, clocks: Sequence[Instruction]) -> Iterator[Task]:
    """What belongs to the computer and not to the processor's state: denied to guests, but for what clocks show."""
    shown = {leaf for i in clocks for leaf in _touches(machine, i)}
    for leaf in machine.state.control:
        if leaf.volatile and leaf.name not in shown:
            yield Task("deny", leaf.name, f"the computer's own {leaf.role}; a guest has a virtual one", "every use")


def _seen(result: DeploymentResult) -> Iterator[Task]:
    """What guests see of the real machine, whatever the monitor does."""
    for row in result.instructions:
        if row.verdict == "timing":
            yield Task("visible", row.id, "guests see real time: nothing makes it trap", NEVER)


def _touches(machine: Machine, instruction: Instruction) -> set[str]:
    """The leaves that an instruction names, directly or in what it calls."""
    found, todo, seen = {*touched(instruction.body)}, [*calls(instruction.body)], set[str]()
    while todo:
        name = todo.pop()
        if name in machine.code.functions and name not in seen:
            seen.add(name)
            body = machine.code.functions[name].body
            found |= {*touched(body)}
            todo += calls(body)
    return found


def _interpreted(result: MachineResult, deployment: DeploymentResult, kind: Kind) -> Iterator[Task]:
    """What is not run on the processor."""
    if kind.rank > 1:
        yield Task(
            "interpret", "virtual supervisor mode", "step by step", "on the way in and out", f"runs: {kind.runs}"
        )
    for finding in result.findings:
        if (
            finding.law == monitor_can_map.PREMISE.name
            and finding.subject == deployment.name
            and finding.status == "warning"
        ):
            yield Task("interpret", "some addresses", finding.message, "every use")


# ---- no monitor


def _closing(machine: Machine, result: DeploymentResult, evidence: Evidence) -> Iterator[Task]:
    """Each hole with what would close it: a trap in user mode, or a configuration that its row would be content with."""
    deployment = next(d for d in machine.deployments if d.name == result.name)
    setting = settled(machine, deployment, evidence)
    for row in result.instructions:
        if row.verdict == "unknown":
            yield Task("close", row.id, "not decided: ask with a larger --budget", why=row.reason)
        if row.verdict != "hole":
            continue
        instruction = machine.instruction(row.id.removesuffix(row.row))
        work = InstructionRow(instruction, next(r for r in instruction.rows if r.label == row.row))
        gate = "let it trap in user mode, or where a bit of configuration says so"
        permitted = _permitted(setting, work, evidence.solver, result.configuration)
        yield Task("close", row.id, f"{gate}; {permitted}", "every time, once it traps", row.reason)


def _permitted(setting: Setting, work: InstructionRow, solver: Solver, found: Configuration) -> str:
    """The configurations of the specification that would close one row, which the whole machine does without."""
    good = judge(setting, work, solver, False).good
    if not good:
        return "no configuration that the specification permits closes it"
    return f"alone it is closed by {' or '.join(map(str, good))}, which the common one ({found or 'none'}) does without"


def _lacking(result: MachineResult, deployment: DeploymentResult) -> Iterator[Task]:
    """What the machine itself does not give a monitor, or may not."""
    lacking = deployment.theorems["monitor"].premises
    for finding in result.findings:
        if finding.law in lacking and finding.subject == deployment.name and finding.status in ("fails", "unknown"):
            yield Task("lack", finding.law, finding.message, why=finding.status)


def _some(names: Sequence[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
