"""The policy that a result promises a monitor."""

from __future__ import annotations

from collections.abc import Mapping

from pgcheck.checker.result import DeploymentResult
from pgcheck.isa.machine import MIRROR, Deployment
from pgcheck.vmm.policy import Policy

_TRAPPING = frozenset({"privileged", "trap-mediated", "conditional", "intentional"})


class NoMonitor(Exception):
    """The result has holes or open questions: no policy makes a monitor; the message names them."""


def policy(deployment: Deployment, result: DeploymentResult) -> Policy:
    """What to intercept and fix so that the monitor of Theorem 1 works. Raises NoMonitor."""
    monitor = result.theorems["monitor"]
    if monitor.status not in ("holds", "conditional"):
        raise NoMonitor(f"{deployment.name}: {monitor.status} on {', '.join(monitor.failing)}")
    leaves = {n: v for n, v in result.configuration.items() if not n.startswith("@")}
    tables = {n[1:]: v for n, v in result.configuration.items() if n.startswith("@")}
    return Policy(
        deployment=deployment.name,
        traps=frozenset(r.id for r in result.instructions if r.verdict in _TRAPPING),
        fixed={n: v for n, v in leaves.items() if isinstance(v, int)},
        mirrored=deployment.mirror | {n for n, v in leaves.items() if v == MIRROR},
        responses={n: {str(f): int(x) for f, x in v.items()} if isinstance(v, Mapping) else None for n, v in tables.items()},
        direct=result.direct,
    )
