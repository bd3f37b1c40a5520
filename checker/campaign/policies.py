"""Policies as data: in findings, and kept from run to run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pgcheck.isa.machine.machine import Machine
from pgcheck.vmm.kind import kinds
from pgcheck.vmm.policy import Policy, direct


def policy_values(policy: Policy) -> dict[str, object]:
    """A policy in the types of JSON."""
    return {
        "deployment": policy.deployment,
        "kind": policy.kind.name,
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
    kind = kinds()[values["kind"]]
    for leaf in (*values["fixed"], *values["real"], *values["mirrored"]):
        if leaf not in machine.state.leaves:
            raise ValueError(f"no state {leaf!r}")
    for table in values["responses"]:
        if table not in machine.code.tables:
            raise ValueError(f"no table {table!r}")
    return Policy(
        deployment=deployment.name,
        kind=kind,
        traps=frozenset(map(str, values["traps"])),
        intercept=frozenset(map(str, values["intercept"])),
        fixed=_numbers(values["fixed"]),
        mirrored=frozenset(map(str, values["mirrored"])),
        real=_numbers(values["real"]),
        responses={str(n): None if v is None else _numbers(v) for n, v in values["responses"].items()},
        direct=direct(kind, deployment),
    )


def _numbers(values: Mapping[str, Any]) -> dict[str, int]:
    return {str(name): int(value) for name, value in values.items()}
