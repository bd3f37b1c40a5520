"""The monitors that a check promises, or that a specification lets anyone try: made, and held against the bare machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from pgcheck.checker.result import DeploymentResult
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.values import REAL_LEFT
from pgcheck.checker.verdicts.policy import Delegated, NoMonitor, policy, promised
from pgcheck.isa.machine.machine import Deployment, Machine
from pgcheck.isa.terms.ir import UNMODELLED
from pgcheck.isa.terms.reads import leaves_read
from pgcheck.models.reference.cycle import enter, execute
from pgcheck.models.state import reset, scalar
from pgcheck.vmm.allocator import OutOfMemory
from pgcheck.vmm.kind import kinds
from pgcheck.vmm.paging.pages import NoTables
from pgcheck.vmm.policy import Policy
from pgcheck.vmm.schemes.bounds import NoBounds
from tests.oracle.endtoend import Difference, Report, compare, plans
from tests.oracle.starts import Starts, configurations, filled, holding_all, real, virtual
from tests.oracle.twin import Twin, twin

STATES = 400
OWN = 1
RUNS = 100
UNBUILT = (NoTables, NoBounds, OutOfMemory)
"""Why a monitor cannot be made on a machine of this size, or not under this configuration: such a one is counted."""


@dataclass(frozen=True, slots=True)
class Case:
    """A machine under one deployment, what the check says of it, and where its guests start."""

    machine: Machine
    deployment: Deployment
    result: DeploymentResult
    guests: Starts


@dataclass(frozen=True, slots=True)
class Held:
    """What the real monitor shows of a check's result: contradictions, why monitors could not be made, and how many runs that took."""

    contradictions: tuple[str, ...]
    unbuilt: tuple[str, ...]
    runs: int


def held(machine: Machine, results: Sequence[DeploymentResult], evidence: Evidence, runs: int) -> Held:
    """A check's result against so many runs of each monitor that it promises; and of each that it says there is none of."""
    said, unbuilt, spent = list[str](), list[str](), 0
    for case in cases(machine, results):
        monitor = case.result.theorems["monitor"]
        reports = list(kept(case, evidence, runs))
        if monitor.status == "fails" and not monitor.premises:
            for what, report in unseen(case, evidence, 20 * runs):
                said += [f"no monitor, but {what}"] if not report.differences and not report.unbuilt else []
                reports.append(("", replace(report, differences=[])))
        said += [f"{kind}: {difference}" for kind, report in reports for difference in report.differences]
        unbuilt += [report.unbuilt for _, report in reports if report.unbuilt]
        spent += sum(report.runs for _, report in reports)
    return Held(tuple(said), tuple(unbuilt), spent)


def cases(machine: Machine, results: Sequence[DeploymentResult], seed: int = 0) -> Iterator[Case]:
    """The deployments of which something is said."""
    for deployment in machine.deployments:
        result = next(r for r in results if r.name == deployment.name)
        if not result.void:
            yield Case(machine, deployment, result, virtual(machine, deployment, STATES, seed))


def kept(case: Case, evidence: Evidence, runs: int, seed: int = 0) -> Iterator[tuple[str, Report]]:
    """Each monitor that the check promises, by its kind: with the state of its own that the policy has, and with others."""
    for kind in kinds().values():
        if not promised(case.result, kind):
            continue
        try:
            given = policy(case.machine, case.result, evidence, kind)
        except Delegated as refused:
            yield kind.name, Report(unbuilt=str(refused))
            continue
        except NoMonitor as refused:
            yield kind.name, Report(differences=[Difference(f"promised, but {refused}", {}, {}, ())])
            continue
        try:
            for number, made in enumerate(_twins(case, given)):
                for which in plans(case.machine):
                    yield kind.name, compare(made, case.guests, which, runs, seed + number)
        except UNBUILT as reason:
            yield kind.name, Report(unbuilt=str(reason))


def unseen(case: Case, evidence: Evidence, runs: int, seed: int = 0) -> Iterator[tuple[str, Report]]:
    """The configurations that the check says make no monitor, and what runs of it show."""
    shown = [r.witness for r in case.result.instructions if r.witness is not None]
    if any(w.real_exit == UNMODELLED or REAL_LEFT in w.differs for w in shown):
        return  # no run shows what a specification leaves out, or what it promises of real states: the definitions decide it
    kind, probes = next(iter(kinds().values())), case.machine.code.translation
    if probes is not None and probes.probes:
        yield kind.name, Report(unbuilt="what a probe shows is by chance what the guest takes for it")
        return
    try:
        forced = policy(case.machine, case.result, evidence, kind, force=True)
    except NoMonitor as refused:
        yield kind.name, Report(unbuilt=str(refused))
        return
    for chosen in _configured(case, forced):
        owns = real(case.machine, case.deployment, chosen.fixed, OWN, seed=1)
        if not owns or any(led_astray(case.machine, chosen, own) for own in owns):
            continue
        report = Report()
        for begin in (*_shown(case, chosen), *((own, case.guests, runs) for own in owns)):
            try:
                _try(case, chosen, begin, seed, report)
            except UNBUILT as reason:
                report.unbuilt = str(reason)
            if report.differences or report.unbuilt:
                break
        yield f"{dict(chosen.fixed)} {sorted(chosen.mirrored)} {dict(chosen.responses)}", report


Begin = tuple[Mapping[str, int], Starts, int]


def _shown(case: Case, chosen: Policy) -> Iterator[Begin]:
    """The monitor's own state and the guest's in each witness of the check, and how many runs to give it."""
    machine = case.machine
    control = {leaf.name for leaf in machine.state.control if leaf.name in machine.state.scalars}
    for row in case.result.instructions:
        if row.witness is not None:
            real_state, guest = (filled(machine, side) for side in (row.witness.real, row.witness.virtual))
            own = {n: v for n, v in real_state.items() if n in control and isinstance(v, int)} | dict(chosen.fixed)
            if holding_all(machine, (*machine.legal, case.deployment.real), {**real_state, **own}):
                yield own, Starts((guest,), complete=False), RUNS


def led_astray(machine: Machine, chosen: Policy, own: Mapping[str, int]) -> bool:
    """Whether what a guest may write into a mirrored leaf decides where a trap entry leads: mode, program counter, mapping."""
    translation = machine.code.translation
    led = {machine.modes.leaf, machine.state.pc}
    if translation is not None:
        led |= leaves_read(machine.code.functions, translation.function, machine.code.exits)
    for name in chosen.mirrored & machine.state.scalars.keys():
        ends = set()
        for value in range(1 << min(machine.state.leaves[name].width or 1, 6)):
            state = {**reset(machine), **own, name: value}
            ended, _ = execute(machine, None, state)
            if ended is not None:
                enter(machine, ended, state)
            ends.add(tuple(scalar(state, n) for n in sorted(led & machine.state.scalars.keys())))
        if len(ends) > 1:
            return True
    return False


def _try(case: Case, chosen: Policy, begin: Begin, seed: int, report: Report) -> None:
    """Runs under a policy with a state of the monitor's own, until one differs."""
    own, guests, runs = begin
    made = twin(case.machine, _with(chosen, own))
    for which in plans(case.machine):
        found = compare(made, guests, which, runs, seed)
        report.runs += found.runs
        report.differences += found.differences
        if report.differences:
            return


def _configured(case: Case, forced: Policy) -> Iterator[Policy]:
    """The policy with everything that the specification lets a monitor choose."""
    tables = case.machine.code.tables
    for answers in product(*(table.respond for table in tables.values())):
        for fixed, mirrored in configurations(case.machine):
            responses = dict(zip(tables, answers, strict=True))
            yield replace(forced, fixed=fixed, mirrored=case.deployment.mirror | mirrored, responses=responses)


def _with(chosen: Policy, own: Mapping[str, int]) -> Policy:
    """A policy with another state of the monitor's own; the way in and out, which goes by that state, is the short one."""
    return replace(chosen, real=own, crossing=None)


def _twins(case: Case, chosen: Policy) -> Iterator[Twin]:
    """Machines for a policy: with the monitor's own state as it says, the long way and the short, and with others that the deployment allows."""
    yield twin(case.machine, chosen, crosses=True)
    yield twin(case.machine, chosen)
    for own in real(case.machine, case.deployment, chosen.fixed, OWN, seed=1):
        yield twin(case.machine, _with(chosen, own))
