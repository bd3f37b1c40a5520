"""The oracles that stand for cuts change nothing, and no question sees what the cuts' bodies do."""

from __future__ import annotations

from collections.abc import Iterator

from pgcheck.checker.example import Example
from pgcheck.checker.hypotheses import CUTS
from pgcheck.checker.law import MachineLaw
from pgcheck.checker.result import Finding
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import parameter
from pgcheck.models.symbolic import Execution, initial


def cuts_change_no_control_state(machine: Machine, evidence: Evidence) -> Iterator[Finding]:
    """A cut's body that answers leaves every control leaf alone; one that faults enters the monitor, which is a law of its own."""
    translation = machine.code.translation
    for name in (*(() if translation is None else (translation.function, *translation.probes)), *machine.code.tables):
        before = initial(machine)
        body = Execution(machine, dict(before), {}, cuts=False)
        body.call(name, tuple(parameter(w, n) for n, w in machine.code.functions[name].parameters))
        control = [leaf.name for leaf in machine.state.control]
        if changed := [n for n in control if body.frame.state[n] is not before[n]]:
            message = f"the body of this cut writes {', '.join(changed)} and goes on; no comparison sees that"
            yield LAW.finding("error", name, message)


LAW = MachineLaw(
    id="PG121",
    name="cuts_change_no_control_state",
    level="error",
    title="A cut changes control state",
    law="Address translation and table lookups are replaced by oracles that change nothing; so their bodies write no "
    "control state where they answer. On the real machine that state is the monitor's. What a fault writes is part of "
    "the way into the monitor.",
    formula="forall cut c, s where c answers, control x: x(c(s)) = x(s)",
    reference="soundness of the oracles that stand for address translation",
    hypothesis=CUTS,
    example=Example((("return a + BASE;", "IE = 1'b1;\n      return a + BASE;"),), ()),
    ask=cuts_change_no_control_state,
)
