"""The oracles that stand for cuts change nothing, so the cuts' bodies must not."""

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


def cuts_change_no_general_state(machine: Machine, evidence: Evidence) -> Iterator[Finding]:
    """A cut's body writes no general leaf but memory (accessed and dirty updates): the oracle that stands for it writes nothing."""
    translation = machine.code.translation
    for name in (*(() if translation is None else (translation.function, *translation.probes)), *machine.code.tables):
        before = initial(machine)
        body = Execution(machine, dict(before), {}, cuts=False)
        body.call(name, tuple(parameter(w, n) for n, w in machine.code.functions[name].parameters))
        ends = [body.frame.state, *(e.state for e in body.exits)]
        general = [leaf.name for leaf in machine.state.general if leaf.name != machine.state.memory]
        if changed := [n for n in general if any(state[n] is not before[n] for state in ends)]:
            message = f"the body of this cut writes {', '.join(changed)}; write general state outside it"
            yield LAW.finding("error", name, message)


LAW = MachineLaw(
    id="PG104",
    name="cuts_change_no_general_state",
    level="error",
    title="A cut changes general state",
    law="Address translation and table lookups are replaced by oracles that change nothing; so their "
    "bodies write no general state but memory (accessed and dirty bits).",
    formula="forall cut c, s, general x other than memory: x(c(s)) = x(s)",
    reference="soundness of the oracles that stand for address translation",
    hypothesis=CUTS,
    example=Example((("return a + BASE;", "A = a;\n      return a + BASE;"),), ()),
    ask=cuts_change_no_general_state,
)
