"""The monitors that a check promises, or that a specification lets anyone try: made, and held against the bare machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import product

from pgcheck.checker.questions.entry import settled
from pgcheck.checker.result import DeploymentResult, Witness
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.values import REAL_LEFT, Payload
from pgcheck.checker.verdicts.policy import NoMonitor, policy, promised
from pgcheck.isa.machine.machine import Deployment, Machine, Translation
from pgcheck.isa.machine.schemes import External
from pgcheck.isa.terms.ir import UNMODELLED
from pgcheck.isa.terms.reads import leaves_read
from pgcheck.models.reference.cycle import body, enter, execute
from pgcheck.models.reference.step import Step
from pgcheck.models.state import Surroundings, reset, scalar
from pgcheck.vmm.allocator import OutOfMemory
from pgcheck.vmm.kind import kinds
from pgcheck.vmm.paging.pages import NoTables
from pgcheck.vmm.policy import Policy
from pgcheck.vmm.schemes.bounds import Bounds, NoBounds
from tests.oracle.endtoend import Difference, Report, compare, plans
from tests.oracle.starts import Starts, configurations, filled, holding_all, real, starts, virtual
from tests.oracle.twin import Twin, is_one_of, twin

STATES = 400
OWN = 1
RUNS = 100
OUTSIDE = "what a unit outside the processor does is not in a specification"
"""Why a specification itself leaves open what a guest would see."""
UNFIT = "no bounds fit what the guest of a hole reaches, so it is interpreted"
UNBUILT = (NoTables, NoBounds, OutOfMemory)
"""Why a monitor cannot be made on a machine of this size, or not under this configuration: such a one is counted."""


@dataclass(frozen=True, slots=True)
class Case:
    """A machine under one deployment, what the check says of it, and where its guests start."""

    machine: Machine
    deployment: Deployment
    result: DeploymentResult
    guests: Starts
    delegated: frozenset[Payload]


@dataclass(frozen=True, slots=True)
class Held:
    """What the real monitor shows of a check's result: contradictions, why monitors could not be made, and how many runs that took."""

    contradictions: tuple[str, ...]
    unbuilt: tuple[str, ...]
    runs: int


def held(machine: Machine, results: Sequence[DeploymentResult], evidence: Evidence, runs: int) -> Held:
    """A check's result against so many runs of each monitor that it promises; and of each that it says there is none of."""
    said, unbuilt, spent = list[str](), list[str](), 0
    for case in cases(machine, results, evidence):
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


def cases(machine: Machine, results: Sequence[DeploymentResult], evidence: Evidence, seed: int = 0) -> Iterator[Case]:
    """The deployments of which something is said."""
    for deployment in machine.deployments:
        result = next(r for r in results if r.name == deployment.name)
        if not result.void:
            delegated = settled(machine, deployment, evidence).delegated
            yield Case(machine, deployment, result, virtual(machine, deployment, STATES, seed), delegated)


def kept(case: Case, evidence: Evidence, runs: int, seed: int = 0) -> Iterator[tuple[str, Report]]:
    """Each monitor that the check promises, by its kind: with the state of its own that the policy has, and with others."""
    for kind in kinds().values():
        if not promised(case.result, kind):
            continue
        try:
            given = policy(case.machine, case.result, evidence, kind, apart=True)
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
    if any(_continued(case, w) for w in shown):
        return  # nor that a trap need not enter the monitor: from some real state it does not, and a run is from one
    kind, translation = next(iter(kinds().values())), case.machine.code.translation
    assert translation is not None
    if isinstance(translation.realise, External) and shown and all(_outside(translation, w) for w in shown):
        yield kind.name, Report(unbuilt=OUTSIDE)
        return
    try:
        forced = policy(case.machine, case.result, evidence, kind, force=True, apart=True)
    except NoMonitor as refused:
        yield kind.name, Report(unbuilt=str(refused))
        return
    for chosen in _configured(case, forced):
        owns = real(case.machine, case.deployment, chosen.fixed, OWN, seed=1)
        if not owns or any(led_astray(case.machine, chosen, own) for own in owns):
            continue
        report = Report()
        holes = tuple(_shown(case, chosen))
        if holes and case.machine.bounds_fit and not any(_fits(case, chosen, begin) for begin in holes):
            yield kind.name, Report(unbuilt=UNFIT)
            continue
        for begin in (*holes, *((own, case.guests, runs) for own in owns)):
            try:
                _try(case, chosen, begin, seed, report)
            except UNBUILT as reason:
                report.unbuilt = str(reason)
            if report.differences or report.unbuilt:
                break
        yield f"{dict(chosen.fixed)} {sorted(chosen.mirrored)} {dict(chosen.responses)}", report


def _continued(case: Case, witness: Witness) -> bool:
    """Whether the real step of a witness ends in a trap that need not enter the monitor."""
    machine, state = case.machine, filled(case.machine, witness.real)
    one = next((i for i in machine.instructions if i.id == witness.instruction), machine.code.undefined)
    ended = body(Step(machine, state, dict(witness.operands), Surroundings()), one.body, 0)
    return ended is not None and is_one_of(machine, ended, case.delegated)


def _outside(translation: Translation, witness: Witness) -> bool:
    """Whether a witness is about what is mapped under a mode that the step names, or what a probe shows."""
    named = any(args[translation.mode] != witness.virtual_mode for args, _, _ in witness.translations)
    return named or bool(witness.probes)


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


def _fits(case: Case, chosen: Policy, begin: Begin) -> bool:
    """Whether some bounds admit what the guest's own admit where a run begins."""
    own, guests, _ = begin
    try:
        made = twin(case.machine, _with(chosen, own), case.delegated)
    except UNBUILT:
        return True  # which is found out where it is run
    mmu = made.guest.monitor.mmu
    return not isinstance(mmu, Bounds) or mmu.extent(guests.states[0], made.host.state) is not None


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
    made = twin(case.machine, _with(chosen, own), case.delegated)
    for which in plans(case.machine):
        found = compare(made, guests, which, runs, seed)
        report.runs += found.runs
        report.differences += found.differences
        if report.differences:
            return


def _configured(case: Case, forced: Policy) -> Iterator[Policy]:
    """The policy with everything that the specification lets a monitor choose."""
    tables, machine = case.machine.code.tables, case.machine
    states = starts(machine, (*machine.legal, case.deployment.real), STATES, 0)
    for answers in product(*(table.respond for table in tables.values())):
        for fixed, mirrored in configurations(case.machine):
            responses = dict(zip(tables, answers, strict=True))
            if not _represented(case, states, fixed, case.deployment.mirror | mirrored):
                continue
            yield replace(forced, fixed=fixed, mirrored=case.deployment.mirror | mirrored, responses=responses)


def _represented(case: Case, allows: Starts, fixed: Mapping[str, int], mirrored: Set[str]) -> bool:
    """Whether for each state of a guest `real` allows one that has its mirrored leaves, as far as all states can be tried."""
    mode = case.deployment.real_mode
    held = {**fixed, **({} if mode is None else {case.machine.modes.leaf: mode})}
    names = sorted(mirrored)
    allowed = {tuple(s[n] for n in names) for s in allows.states if all(s[n] == v for n, v in held.items())}
    wanted = {tuple(s[n] for n in names) for s in case.guests.states}
    return not (allows.complete and case.guests.complete) or wanted <= allowed


def _with(chosen: Policy, own: Mapping[str, int]) -> Policy:
    """A policy with another state of the monitor's own; the way in and out, which goes by that state, is the short one."""
    return replace(chosen, real=own, crossing=None)


def _twins(case: Case, chosen: Policy) -> Iterator[Twin]:
    """Machines for a policy: with the monitor's own state as it says, the long way and the short, and with others that the deployment allows."""
    yield twin(case.machine, chosen, case.delegated, crosses=True)
    yield twin(case.machine, chosen, case.delegated)
    for own in real(case.machine, case.deployment, chosen.fixed, OWN, seed=1):
        yield twin(case.machine, _with(chosen, own), case.delegated)
