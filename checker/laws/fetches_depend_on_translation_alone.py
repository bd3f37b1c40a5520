"""Which word is fetched hangs on general state and on translation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pgcheck.checker.example import Example
from pgcheck.checker.hypotheses import MEMORY
from pgcheck.checker.law import MachineLaw
from pgcheck.checker.laws.accesses_are_translated import astray
from pgcheck.checker.questions.legality import legal
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import PAPER
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import Term
from pgcheck.isa.terms.ir import TRANSLATE
from pgcheck.isa.terms.names import CHOICE, READ
from pgcheck.models.symbolic import ADDRESS, FAULT, Execution, initial


def fetches_depend_on_translation_alone(machine: Machine, evidence: Evidence) -> Iterator[Finding]:
    """Both machines fetch the same word: at an address that was translated in the current mode, whatever else control state holds."""
    before = initial(machine)
    run = Execution(machine, dict(before), {})
    results = run.call(machine.code.fetch, (before[machine.state.pc],))
    message = astray(machine, run.accesses, legal(machine), evidence, machine.code.fetch)
    if message:
        yield LAW.finding("error", machine.code.fetch, message)
    exits = [e for e in run.exits if e.function != TRANSLATE]
    told = [*results, *(t for e in exits for t in (e.guard, *e.args)), *(a.guard for a in run.accesses)]
    shown = sorted(_shown(machine, told))
    if shown:
        message = f"what is fetched depends on {', '.join(shown)} other than through the mode of a translation"
        yield LAW.finding("error", machine.code.fetch, message)
    ends = [run.frame.state, *(e.state for e in run.exits)]
    if changed := sorted(n for n in before if any(state[n] is not before[n] for state in ends)):
        yield LAW.finding("error", machine.code.fetch, f"a fetch changes {', '.join(changed)}")


def _shown(machine: Machine, roots: Iterable[Term]) -> set[str]:
    """The control leaves, and what is left open, that terms depend on; the mode as an argument of translation does not count."""
    translation, control = machine.code.translation, {leaf.name for leaf in machine.state.control}
    mode = machine.state.leaves[machine.modes.leaf].term
    found: set[str] = set()
    todo, seen = list(roots), set[Term]()
    while todo:
        term = todo.pop()
        if term in seen:
            continue
        seen.add(term)
        if (leaf := term.leaf) in control and leaf is not None:
            found.add(leaf)
        elif (name := term.free) is not None and name.space in (CHOICE, READ):
            found.add(name.text)
        args = list(term.args)
        if translation is not None and term.op == "uf" and term.name in (ADDRESS, FAULT):
            asked = args.pop(translation.mode)
            if asked is not mode:
                found.add("another mode than the current one")
        todo += args
    return found


LAW = MachineLaw(
    id="PG120",
    name="fetches_depend_on_translation_alone",
    level="error",
    title="A fetch depends on more than general state and translation",
    law="An instruction is fetched at an address that `translate` returned in the current mode, and depends on "
    "control state in no other way; so the guest's next instruction is that of the bare machine.",
    formula="forall v, r related: fetch(v) = fetch(r), or translate faults in r",
    reference=f"{PAPER}: the equivalence property",
    hypothesis=MEMORY,
    example=Example(
        (
            (
                "return read_physical_memory<8>(translate(address, Op::Fetch, M));",
                "return read_physical_memory<8>(address);",
            ),
        ),
        (),
    ),
    ask=fetches_depend_on_translation_alone,
)
