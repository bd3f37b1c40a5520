"""The policy that a result promises a monitor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pgcheck.checker.questions.entry import settled
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.result import DeploymentResult
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.solving.model import Wish
from pgcheck.checker.solving.pinning import pinned
from pgcheck.checker.values import Configuration
from pgcheck.checker.verdicts.crossing import MOST_FRAMES, NoCrossing, Ways, crossing, known_ways
from pgcheck.isa.idl.state import ArrayLeaf, Leaf, ScalarLeaf
from pgcheck.isa.machine.machine import Deployment, Machine
from pgcheck.isa.terms import TRUE, Term, conjunction, constant, eq, extract, lnot, on_leaves, walk
from pgcheck.isa.terms.ir import TRANSLATE
from pgcheck.vmm.kind import Kind, kinds
from pgcheck.vmm.policy import Crossing, Policy, direct

ROUNDS: Final = 32
EVEN: Final = 4  # low bits that are 0 where the monitor has its own memory
_TRAPPING = frozenset({"privileged", "trap-mediated", "conditional", "intentional"})


class NoMonitor(Exception):
    """The result has holes or open questions: no policy makes a monitor; the message names them."""


class Delegated(NoMonitor):
    """Some traps of a terminator do not enter: there is a monitor that takes those which do, and this package has none."""


def policy(
    machine: Machine,
    result: DeploymentResult,
    evidence: Evidence,
    kind: Kind | None = None,
    *,
    force: bool = False,
    apart: bool = False,
) -> Policy:
    """What to intercept and fix so that a monitor of a kind (None: the first of all) works.

    With `apart` the processor delivers by itself what does not enter of a terminator that does. Raises NoMonitor when the result does
    not promise one, unless `force`, and when the monitor has no state of its own to run a guest in; Undecided when the solver cannot say.
    """
    deployment = next(d for d in machine.deployments if d.name == result.name)
    kind = kind or next(iter(kinds().values()))
    premise = result.theorems[kind.theorem]
    if not force and not (promised(result, kind) and result.direct):
        named = ", ".join((*premise.failing, *premise.premises))
        why = f"{kind.premise} {premise.status} on {named}" if named else "what may run directly is not decided"
        raise NoMonitor(f"{result.name}: {why}")
    setting = settled(machine, deployment, evidence)
    if setting.delegated and not apart:
        traps = ", ".join(sorted(map(str, setting.delegated)))
        raise Delegated(f"{result.name}: {traps} do not enter, and monitors take all traps of a terminator or none")
    chosen = result.configuration
    real, how = _crossed(setting, chosen, evidence, force=force)
    return Policy(
        deployment=deployment.name,
        kind=kind,
        traps=frozenset(r.id for r in result.instructions if r.verdict in _TRAPPING),
        intercept=setting.entering | {TRANSLATE},
        fixed=chosen.constants,
        mirrored=deployment.mirror | chosen.mirrored,
        real=real,
        responses=chosen.tables,
        direct=direct(kind, deployment),
        crossing=how,
    )


def promised(result: DeploymentResult, kind: Kind) -> bool:
    """Whether a result promises a monitor of a kind."""
    return result.theorems[kind.theorem].status in ("holds", "conditional")


def _crossed(
    setting: Setting, chosen: Configuration, evidence: Evidence, *, force: bool
) -> tuple[Mapping[str, int], Crossing | None]:
    """The monitor's control state while a guest runs, and how guests are left and entered then; None if no such maps are found.

    Raises NoMonitor where a monitor has to know of them what traps of an instruction with `restart: partial` are the guest's.
    """
    machine, deployment = setting.machine, setting.deployment
    plain = _real(machine, deployment, chosen.constants, evidence)
    reason: Exception = NoCrossing("its frames have no place")
    try:
        known = known_ways(setting, chosen, evidence)
        for frames in range(MOST_FRAMES + 1):
            placed = _placed(known, frames, plain)
            if placed is not None:
                return placed, crossing(known, placed, frames)
    except (NoCrossing, Undecided) as found:
        reason = found
    if not force and any(i.partial for i in machine.instructions):
        raise NoMonitor(f"{deployment.name}: {reason}")
    return plain, None


def _placed(known: Ways, frames: int, plain: Mapping[str, int]) -> Mapping[str, int] | None:
    """The monitor's control state, such that all that deliveries store and look up lies in the first frames of RAM; None if there is none.

    Raises Undecided.
    """
    machine, wrong, evidence = known.machine, known.outside(frames), known.evidence
    label, given = f"{known.setting.deployment.name}:placed", known.configuration.constants
    real, lessons = plain, list[Term]()
    even = [eq(extract(t, EVEN - 1, 0), constant(EVEN, 0)) for t in walk([wrong]) if t.leaf in plain and t.width > EVEN]
    for _ in range(ROUNDS):
        own = {n: machine.state.leaves[n].holding(v) for n, v in real.items()}
        answer = evidence.model(on_leaves([wrong], own), f"{label}:outside")
        if answer is None:
            return real
        lessons.append(lnot(pinned([wrong], answer, lambda t: t.leaf is None or t.leaf not in plain)[0]))
        try:
            real = _real(machine, known.setting.deployment, given, evidence, [*lessons, *even])
        except NoMonitor:
            return None
    raise Undecided(label, f"{ROUNDS} choices of the monitor's state did not settle it")


def _real(
    machine: Machine,
    deployment: Deployment,
    fixed: Mapping[str, int],
    evidence: Evidence,
    placed: Sequence[Term] = (),
) -> Mapping[str, int]:
    """The monitor's control state while a guest runs: legal, as the deployment demands, as `placed` says, and otherwise as after reset."""
    setting = Setting(machine, deployment, frozenset())
    given = machine.code.translation.given if machine.code.translation is not None else {}
    control = [leaf for leaf in machine.state.control if not leaf.volatile]
    modes = [machine.state.leaves[machine.modes.leaf].term]
    mode = TRUE if deployment.real_mode is None else eq(modes[0], setting.mode(deployment.real_mode))
    must = [
        *setting.legal,
        setting.real,
        mode,
        *(_holds(machine.state.leaves[n], v) for n, v in fixed.items()),
        *placed,
    ]
    model = evidence.model([conjunction(must)], f"{deployment.name}:real")
    if model is None:
        raise NoMonitor(f"{deployment.name}: no legal state of the monitor's own has this configuration")
    wishes = [Wish(_holds(leaf, given.get(leaf.name, leaf.reset))) for leaf in control if isinstance(leaf, ScalarLeaf)]
    better = evidence.solver.minimise([conjunction(must)], model, wishes)
    return {
        leaf.name: given.get(leaf.name, leaf.reset) if isinstance(leaf, ArrayLeaf) else better.values([leaf.term])[0]
        for leaf in control
    }


def _holds(leaf: Leaf, value: int) -> Term:
    return eq(leaf.term, leaf.holding(value))
