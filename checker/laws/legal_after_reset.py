"""The state after reset is legal: the base of the induction over the machine's steps."""

from __future__ import annotations

from collections.abc import Iterator

from pgcheck.checker.example import Example, legal_if, operation
from pgcheck.checker.hypotheses import LEGAL
from pgcheck.checker.law import MachineLaw
from pgcheck.checker.questions.legality import legal
from pgcheck.checker.result import Finding
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import constant, evaluate, lnot, substitute


def legal_after_reset(machine: Machine, evidence: Evidence) -> Iterator[Finding]:
    """The state after reset is legal, and so is the one in which the platform starts a program, wherever that lies and whatever it is.

    What `legal` says of the program counter alone is asked of the place where programs start by themselves; others are refused when loaded.
    """
    conjuncts, leaves = legal(machine), machine.state.leaves
    values = evaluate(
        conjuncts, lambda t: leaves[t.name.text].reset, lambda a, i: leaves[a.name.text].reset, lambda n, a, w: 0
    )
    program = (machine.state.pc, machine.state.memory)
    pc, placed = leaves[machine.state.pc], {conjuncts[machine.legal.index(t)] for t in machine.starts}
    reset = {leaf.term: leaf.holding(leaf.reset) for n, leaf in leaves.items() if n not in program}
    booted = {leaves[n].term: leaves[n].holding(v) for n, v in machine.begins.items() if n not in program}
    for number, value in enumerate(values):
        if not value:
            message = f"conjunct {number + 1} of `legal` is false after reset"
            yield LAW.finding("error", machine.identity.name, message)
            continue
        start = pc.reset if machine.platform.start is None else machine.platform.start
        at = {pc.term: constant(pc.width, start)} if conjuncts[number] in placed else {}
        (starts,) = substitute([conjuncts[number]], {**reset, **booted, **at})
        if evidence.possible([lnot(starts)], f"boot:{number + 1}"):
            message = f"conjunct {number + 1} of `legal` may be false where the platform starts a program"
            yield LAW.finding("error", machine.identity.name, message)


LAW = MachineLaw(
    id="PG101",
    name="legal_after_reset",
    level="error",
    title="The state after reset is not legal",
    law="The machine starts in a legal state, with what `platform.boot` sets too; otherwise everything proved of legal states is proved of "
    "states that it need not be in.",
    formula="legal(reset)",
    reference="induction over the steps of the machine: the base",
    hypothesis=LEGAL,
    example=Example(
        (), (("role: interrupt}", "role: interrupt, reset: 1}"),), (legal_if("IE == 1"), operation("A = 8'd0;"))
    ),
    ask=legal_after_reset,
)
