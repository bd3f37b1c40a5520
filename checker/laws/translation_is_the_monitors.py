"""The stage of translation that the monitor controls is its own."""

from __future__ import annotations

from collections.abc import Iterator

from pgcheck.checker.example import PAGED, Example
from pgcheck.checker.hypotheses import MAPPING
from pgcheck.checker.law import MachineLaw
from pgcheck.checker.questions.translated import leading
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import PAPER
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import parameter, walk
from pgcheck.isa.terms.names import CHOICE, READ
from pgcheck.isa.terms.reads import free_leaves
from pgcheck.models.symbolic import Execution, initial


def translation_is_the_monitors(machine: Machine, evidence: Evidence) -> Iterator[Finding]:
    """Base, limit, root and what is given are control state that no deployment mirrors; translation leaves nothing open."""
    translation = machine.code.translation
    if translation is None:
        return
    body = Execution(machine, initial(machine), {}, cuts=False)
    parameters = machine.code.functions[translation.function].parameters
    answer = body.call(translation.function, tuple(parameter(w, n) for n, w in parameters))
    names = (t.free for t in walk([*answer, *(e.guard for e in body.exits)]))
    if open_ := sorted({n.text for n in names if n is not None and n.space in (CHOICE, READ)}):
        message = f"translation depends on {', '.join(open_)}, so it does not answer alike all through a step"
        yield LAW.finding("error", translation.function, message)
    read = free_leaves([*answer, *(e.guard for e in body.exits)])
    if asked := sorted(read & {*machine.platform.lines}):
        message = f"devices set and clear {', '.join(asked)}, which translation depends on"
        yield LAW.finding("error", translation.function, message)
    own = sorted(leading(machine))
    if general := [name for name in own if not machine.state.leaves[name].control]:
        message = f"{', '.join(general)}: the monitor translates with this, so it is control state and no program's"
        yield LAW.finding("error", translation.function, message)
    for deployment in machine.deployments:
        if mirrored := [name for name in own if name in deployment.mirror]:
            message = f"deployment {deployment.name} mirrors {', '.join(mirrored)}, which the monitor translates with"
            yield LAW.finding("error", translation.function, message)


LAW = MachineLaw(
    id="PG123",
    name="translation_is_the_monitors",
    level="error",
    title="What the monitor translates with is not its own",
    law="The base and the limit, or what leads to the tables, and the leaves that `realise.given` names are control state, and "
    "no deployment mirrors them: else a guest moves itself. Translation gives the same for the same arguments all through a step, "
    "whatever a device asks for.",
    formula="forall x in base, limit, root, given: x is control and is not mirrored",
    reference=f"{PAPER}: resource control",
    hypothesis=MAPPING,
    example=Example(
        (("  ROOT: {type: Bits<4>, role: relocation}", "  ROOT: {type: Bits<4>, role: general}"),), (), PAGED
    ),
    ask=translation_is_the_monitors,
)
