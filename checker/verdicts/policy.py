"""The policy that a result promises a monitor."""

from __future__ import annotations

from collections.abc import Mapping

from pgcheck.checker.questions.entry import settled
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.result import DeploymentResult
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.model import Wish
from pgcheck.isa.idl.state import ArrayLeaf, Leaf, ScalarLeaf
from pgcheck.isa.machine.machine import Deployment, Machine
from pgcheck.isa.terms import TRUE, Term, conjunction, eq
from pgcheck.isa.terms.ir import TRANSLATE
from pgcheck.vmm.kind import Kind, kinds
from pgcheck.vmm.policy import Policy, direct

_TRAPPING = frozenset({"privileged", "trap-mediated", "conditional", "intentional"})


class NoMonitor(Exception):
    """The result has holes or open questions: no policy makes a monitor; the message names them."""


def policy(
    machine: Machine, result: DeploymentResult, evidence: Evidence, kind: Kind | None = None, *, force: bool = False
) -> Policy:
    """What to intercept and fix so that a monitor of a kind (None: the first of all) works.

    Raises NoMonitor when the result does not promise one, unless `force`, and when the monitor has no state of its own to run a guest
    in; Undecided when the solver cannot say.
    """
    deployment = next(d for d in machine.deployments if d.name == result.name)
    kind = kind or next(iter(kinds().values()))
    premise = result.theorems[kind.theorem]
    if not force and not (promised(result, kind) and result.direct):
        raise NoMonitor(f"{result.name}: {kind.premise} {premise.status} on {', '.join(premise.failing)}")
    setting = settled(machine, deployment, evidence)
    if setting.delegated:
        traps = ", ".join(sorted(map(str, setting.delegated)))
        raise NoMonitor(f"{result.name}: {traps} do not enter, and monitors take all traps of a terminator or none")
    chosen = result.configuration
    return Policy(
        deployment=deployment.name,
        kind=kind,
        traps=frozenset(r.id for r in result.instructions if r.verdict in _TRAPPING),
        intercept=setting.entering | {TRANSLATE},
        fixed=chosen.constants,
        mirrored=deployment.mirror | chosen.mirrored,
        real=_real(machine, deployment, chosen.constants, evidence),
        responses=chosen.tables,
        direct=direct(kind, deployment),
    )


def promised(result: DeploymentResult, kind: Kind) -> bool:
    """Whether a result promises a monitor of a kind."""
    return result.theorems[kind.theorem].status in ("holds", "conditional")


def _real(machine: Machine, deployment: Deployment, fixed: Mapping[str, int], evidence: Evidence) -> Mapping[str, int]:
    """The monitor's control state while a guest runs: legal, as the deployment demands, and otherwise as after reset."""
    setting = Setting(machine, deployment, frozenset())
    given = machine.code.translation.given if machine.code.translation is not None else {}
    control = [leaf for leaf in machine.state.control if not leaf.volatile]
    modes = [machine.state.leaves[machine.modes.leaf].term]
    mode = TRUE if deployment.real_mode is None else eq(modes[0], setting.mode(deployment.real_mode))
    must = [*setting.legal, setting.real, mode, *(_holds(machine.state.leaves[n], v) for n, v in fixed.items())]
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
