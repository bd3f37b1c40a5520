"""Policies as data: in findings, and kept from run to run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import TRUE
from pgcheck.vmm.policy import Policy


def policy_values(policy: Policy) -> dict[str, object]:
    """A policy in the types of JSON."""
    return {
        "deployment": policy.deployment,
        "kind": "type1" if policy.direct is TRUE else "hybrid",
        "traps": sorted(policy.traps),
        "intercept": sorted(policy.intercept),
        "fixed": dict(policy.fixed),
        "mirrored": sorted(policy.mirrored),
        "real": dict(policy.real),
        "responses": {n: None if v is None else dict(v) for n, v in policy.responses.items()},
    }


def policy_from(machine: Machine, values: Mapping[str, Any]) -> Policy:
    """The policy that `policy_values` gave. Raises KeyError, TypeError or ValueError for values that are none of the machine's."""
    deployment = next((d for d in machine.deployments if d.name == values["deployment"]), None)
    if deployment is None:
        raise ValueError(f"no deployment {values['deployment']!r}")
    direct = TRUE if values["kind"] == "type1" else deployment.modes.user.when
    for leaf in (*values["fixed"], *values["real"], *values["mirrored"]):
        if leaf not in machine.state.leaves:
            raise ValueError(f"no state {leaf!r}")
    for table in values["responses"]:
        if table not in machine.code.tables:
            raise ValueError(f"no table {table!r}")
    return Policy(
        deployment.name,
        frozenset(map(str, values["traps"])),
        frozenset(map(str, values["intercept"])),
        {str(n): int(v) for n, v in values["fixed"].items()},
        frozenset(map(str, values["mirrored"])),
        {str(n): int(v) for n, v in values["real"].items()},
        {str(n): None if v is None else {str(f): int(x) for f, x in v.items()} for n, v in values["responses"].items()},
        direct,
    )
