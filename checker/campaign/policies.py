"""Policies as data: in findings, and kept from run to run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pgcheck.checker.campaign.crossings import crossing_from, crossing_values
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
        "crossing": None if policy.crossing is None else crossing_values(policy.crossing),
    }


def policy_from(machine: Machine, values: Mapping[str, Any]) -> Policy:
    """The policy that `policy_values` gave. Raises KeyError or ValueError for values that are none of the machine's."""
    deployment = next((d for d in machine.deployments if d.name == values["deployment"]), None)
    if deployment is None:
        raise ValueError(f"no deployment {values['deployment']!r}")
    kind = next((kind for name, kind in kinds().items() if name == values["kind"]), None)
    if kind is None:
        raise ValueError(f"no kind of monitor {values['kind']!r}; there are {', '.join(kinds())}")
    fixed, real, mirrored = _numbers(values, "fixed"), _numbers(values, "real"), _texts(values, "mirrored")
    for leaf in (*fixed, *real, *mirrored):
        if leaf not in machine.state.leaves:
            raise ValueError(f"no state {leaf!r}")
    responses = _mapping(values, "responses")
    for table in responses:
        if table not in machine.code.tables:
            raise ValueError(f"no table {table!r}")
    return Policy(
        deployment=deployment.name,
        kind=kind,
        traps=_texts(values, "traps"),
        intercept=_texts(values, "intercept"),
        fixed=fixed,
        mirrored=mirrored,
        real=real,
        responses={n: None if v is None else _numbers(responses, n) for n, v in responses.items()},
        direct=direct(kind, deployment),
        crossing=crossing_from(values["crossing"]) if values.get("crossing") else None,
    )


def _texts(values: Mapping[str, Any], key: str) -> frozenset[str]:
    found = values[key]
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise ValueError(f"{key!r} of a policy is a list of names")
    return frozenset(found)


def _mapping(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = values[key]
    if not isinstance(found, Mapping) or not all(isinstance(name, str) for name in found):
        raise ValueError(f"{key!r} of a policy gives values to names")
    return found


def _numbers(values: Mapping[str, Any], key: str) -> dict[str, int]:
    found = _mapping(values, key)
    if not all(isinstance(value, int) for value in found.values()):
        raise ValueError(f"{key!r} of a policy gives whole numbers to names")
    return dict(found)
