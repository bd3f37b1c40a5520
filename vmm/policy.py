"""What a monitor intercepts and fixes: a value that the checker derives from a result and a monitor obeys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pgcheck.isa.machine.machine import Deployment
from pgcheck.isa.terms import Term, conjunction
from pgcheck.vmm.kind import Kind


@dataclass(frozen=True, slots=True)
class Policy:
    """The monitor's side of the relation between virtual and real machine (docs/definitions.md, The relation).

    `traps` are instructions (by id with row) whose user-mode execution enters the monitor; `intercept` the terminators whose
    delivery does. `fixed` control leaves hold constants, `mirrored` ones equal the guest's; `real` are the values of all other
    scalar control leaves while a guest runs. `responses` say what the monitor puts into each table it owns (None: the guest's own
    entry). `direct` is the predicate of the virtual states that may run on the processor,
    as the kind of monitor says.
    """

    deployment: str
    kind: Kind
    traps: frozenset[str]
    intercept: frozenset[str]
    fixed: Mapping[str, int]
    mirrored: frozenset[str]
    real: Mapping[str, int]
    responses: Mapping[str, Mapping[str, int] | None]
    direct: Term


def direct(kind: Kind, deployment: Deployment) -> Term:
    """The predicate of the virtual states that a kind of monitor runs on the processor."""
    return conjunction(kind.direct(deployment))
