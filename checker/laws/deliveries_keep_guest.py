"""What the virtual machine does between two instructions keeps it within `guest`."""

from __future__ import annotations

from collections.abc import Iterator

from pgcheck.checker.example import Example
from pgcheck.checker.hypotheses import GUEST
from pgcheck.checker.law import MachineLaw
from pgcheck.checker.questions.legality import leaves, legal, moves
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.result import Finding
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.machine import Machine


def deliveries_keep_guest(machine: Machine, evidence: Evidence) -> Iterator[Finding]:
    """A virtual delivery from a state of a deployment's guest ends in one, after what firmware does at its entry."""
    for deployment in machine.deployments:
        guest = Setting(machine, deployment, frozenset()).guest
        for move in moves(machine, served=True):
            broken = leaves([guest], move.alive, move.state, move.exits)
            if evidence.possible([*legal(machine), guest, broken], f"{deployment.name}:delivery:{move.name}:guest"):
                message = f"{move.what} in the virtual machine may leave `guest` of {deployment.name}"
                yield LAW.finding("error", move.name, message)


_GUEST = ("functions: |\n", 'deployments: {default: {real_mode: 1, guest: "IE == 0"}}\nfunctions: |\n')
LAW = MachineLaw(
    id="PG126",
    name="deliveries_keep_guest",
    level="error",
    title="A delivery leaves the states of the guest",
    law="The delivery of a trap or of an interrupt in the virtual machine, what firmware does at its entry, and a request that a device shows, "
    "ends in a state of the deployment's `guest`: nothing is asked of the states beside them.",
    formula="forall s, payload: legal(s) and guest(s) implies guest(deliver(s, payload))",
    reference="induction over the steps of the virtual machine",
    hypothesis=GUEST,
    example=Example((("M = 0; $pc", "IE = 1'b1; M = 0; $pc"),), (("M = 0; $pc", "IE = 1'b0; M = 0; $pc"),), (_GUEST,)),
    ask=deliveries_keep_guest,
)
