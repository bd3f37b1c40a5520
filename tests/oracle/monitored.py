"""The monitors that a check promises, or that a specification lets anyone try: made, and held against the bare machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from pgcheck.checker.result import DeploymentResult
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.values import REAL_LEFT
from pgcheck.checker.verdicts.policy import NoMonitor, policy, promised
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
UNBUILT = (NoMonitor, NoTables, NoBounds, OutOfMemory, ValueError)


@dataclass(frozen=True, slots=True)
class Case:
    """A machine under one deployment, what the check says of it, and where its guests start."""

    machine: Machine
    deployment: Deployment
    result: DeploymentResult
    guests: Starts


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
        except NoMonitor as refused:
            yield kind.name, Report(differences=[Difference(f"promised, but {refused}", {}, {}, ())])
            continue
        for number, made in enumerate(_twins(case, given)):
            for which in plans(case.machine):
                yield kind.name, compare(made, case.guests, which, runs, seed + number)


def unseen(case: Case, evidence: Evidence, runs: int, seed: int = 0) -> list[str]:
    """The configurations under which nobody noticed the monitor, which the check says no configuration makes."""
    shown = [r.witness for r in case.result.instructions if r.witness is not None]
    if any(w.real_exit == UNMODELLED or REAL_LEFT in w.differs for w in shown):
        return []  # no run shows what a specification leaves out, or what it promises of real states: the definitions decide it
    kind = next(iter(kinds().values()))
    try:
        forced = policy(case.machine, case.result, evidence, kind, force=True)
    except NoMonitor:
        return []
    found = []
    for chosen in _configured(case, forced):
        owns = real(case.machine, case.deployment, chosen.fixed, OWN, seed=1)
        if any(led_astray(case.machine, chosen, own) for own in owns):
            continue
        begins = [(own, case.guests, runs) for own in owns]
        try:
            if begins and not any(_noticed(case, chosen, *begin, seed) for begin in (*_shown(case, chosen), *begins)):
                found.append(f"{dict(chosen.fixed)} {sorted(chosen.mirrored)} {dict(chosen.responses)}")
        except UNBUILT:
            continue
    return found


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


def _noticed(case: Case, chosen: Policy, own: Mapping[str, int], guests: Starts, runs: int, seed: int) -> bool:
    made = twin(case.machine, _with(chosen, own))
    return any(compare(made, guests, which, runs, seed).differences for which in plans(case.machine))


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
