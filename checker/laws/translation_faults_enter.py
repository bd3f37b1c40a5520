"""A fault of address translation enters the monitor, as the oracle that stands for it assumes."""

from __future__ import annotations

from collections.abc import Iterator

from pgcheck.checker.example import Example
from pgcheck.checker.hypotheses import MAPPING
from pgcheck.checker.law import MachineLaw
from pgcheck.checker.questions.delegation import condition
from pgcheck.checker.questions.entry import escaping, valid
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import PAPER
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import disjunction, land, parameter, walk
from pgcheck.isa.terms.ir import EXECUTE, UNMODELLED
from pgcheck.models.symbolic import Execution, delivered, initial, predicate


def translation_faults_enter(machine: Machine, evidence: Evidence) -> Iterator[Finding]:
    """Every exit of the translation's body enters the monitor, as the oracle that stands for it assumes of its faults.

    So does every trap that loads its mode from memory: what lies there is the guest's in the virtual machine and the monitor's in the real one.
    """
    yield from _loaded_modes(machine, evidence)
    if machine.code.translation is None:
        return
    name = machine.code.translation.function
    parameters = {n: parameter(w, n) for n, w in machine.code.functions[name].parameters}
    body = Execution(machine, initial(machine), {}, cuts=False)
    body.call(name, tuple(parameters.values()))
    known = [*(predicate(machine, t) for t in machine.legal), *valid(machine.code.translation, parameters)]
    for function in sorted({e.function for e in body.exits if e.function != UNMODELLED}):
        raised = disjunction(e.guard for e in body.exits if e.function == function)
        if not evidence.possible([*known, raised], f"{name}:raises:{function}"):
            continue
        if function not in machine.code.exits:
            message = f"{name} may end {function}, where the checks know an address or a fault only: raise an exit of kind memory"
            yield LAW.finding("error", name, message)
            continue
        for deployment in machine.deployments:
            outside = escaping(machine, deployment, function, evidence)
            raised = disjunction(
                land(e.guard, condition(machine, outside, function, e.args))
                for e in body.exits
                if e.function == function
            )
            if outside and evidence.possible([*known, raised], f"{deployment.name}:{name}:escapes:{function}"):
                message = (
                    f"{name} may raise {function}, whose delivery need not enter the monitor under {deployment.name}, as the checks"
                    " assume of translation faults: correct the delivery, or the deployment's `real` and `monitor`"
                )
                yield LAW.finding("error", name, message)


def _loaded_modes(machine: Machine, evidence: Evidence) -> Iterator[Finding]:
    memory = machine.state.leaves[machine.state.memory].term
    for name, rule in machine.code.exits.items():
        if rule.kind == EXECUTE:
            continue
        args = tuple(parameter(w, n) for n, w in machine.code.functions[name].parameters)
        entry = delivered(machine, name, args, initial(machine))
        if memory not in set(walk([entry.frame.state[machine.modes.leaf]])):
            continue
        for deployment in machine.deployments:
            if escaping(machine, deployment, name, evidence):
                message = (
                    f"{name} loads its mode from memory, and need not enter the monitor under {deployment.name}: look it up in a function "
                    "under `tables`, whose `monitor` says what the monitor has put there"
                )
                yield LAW.finding("error", name, message)


LAW = MachineLaw(
    id="PG106",
    name="translation_faults_enter",
    level="error",
    title="A fault of address translation does not enter the monitor",
    law="Whatever exit address translation takes, its delivery on the real machine ends in the monitor, "
    "as the checks assume of memory traps; so does that of a trap that loads its mode from memory.",
    formula="forall real s: fault(translate(s)) implies monitor(deliver(s))",
    reference=f"{PAPER}: the definition of a memory trap",
    hypothesis=MAPPING,
    example=Example((("{ trap(Cause::Memory); }", "{ halt(); }"),), ()),
    ask=translation_faults_enter,
)
