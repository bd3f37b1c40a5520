"""The state after reset is legal: the base of the induction over the machine's steps."""

from __future__ import annotations

from collections.abc import Iterator

from pgcheck.checker.example import Example, legal_if, operation
from pgcheck.checker.law import MachineLaw
from pgcheck.checker.questions.legality import legal
from pgcheck.checker.result import Finding
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import evaluate


def legal_after_reset(machine: Machine, evidence: Evidence) -> Iterator[Finding]:
    """The state after reset is legal."""
    terms = legal(machine)
    values = evaluate(
        terms,
        lambda t: machine.state.leaves[t.name.text].reset,
        lambda a, i: machine.state.leaves[a.name.text].reset,
        lambda n, a, w: 0,
    )
    for number, value in enumerate(values):
        if not value:
            yield LAW.finding(
                "error",
                machine.identity.name,
                f"conjunct {number + 1} of `legal` is false after reset",
            )


LAW = MachineLaw(
    id="PG101",
    name="legal_after_reset",
    level="error",
    title="The state after reset is not legal",
    law="The machine starts in a legal state; otherwise everything proved of legal states is proved of "
    "states that it need not be in.",
    formula="legal(reset)",
    reference="induction over the steps of the machine: the base",
    example=Example(
        (), (("role: interrupt}", "role: interrupt, reset: 1}"),), (legal_if("IE == 1"), operation("A = 8'd0;"))
    ),
    ask=legal_after_reset,
)
