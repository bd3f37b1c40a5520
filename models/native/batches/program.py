"""The code of batches of one machine: text, and what is made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from pgcheck.isa.terms import Term
from pgcheck.models.native.batches import cases, monitored, steps
from pgcheck.models.native.batches.text import Text
from pgcheck.models.native.lowering.code import Code
from pgcheck.models.native.lowering.layout import Layout
from pgcheck.models.native.lowering.llvm import Body
from pgcheck.models.native.lowering.plan import Plan, Unsupported
from pgcheck.models.native.lowering.text import module

FUNCTIONS: Final[tuple[Callable[[Layout], Text], ...]] = (
    steps.asked, steps.interrupted, steps.step, steps.executed, steps.exited, steps.served_above, steps.run,
    monitored.entered, monitored.lost, monitored.guest, monitored.stepped, monitored.served, monitored.mapped,
    cases.drawn, cases.made, cases.written, cases.begun, cases.differs, cases.beside, cases.laid, cases.one, cases.batch,
)  # fmt: skip
EXPORTED: Final = ("made", "differs", "one", "batch", "drawn", "begun", "guest", "run")


def _alone(name: str, tracked: bool) -> str:
    """No function of the specification's is here."""
    raise Unsupported


def text(plan: Plan, predicates: Mapping[str, Term]) -> str:
    """The code of batches, with predicates over state. Raises Unsupported."""
    layout = plan.layout
    texts = [monitored.SERVED, _word(plan), *(write(layout).text for write in FUNCTIONS)]
    for name, predicate in predicates.items():
        body = Body(layout, "export", name, (), ())
        code = Code(plan, body, False, _alone)
        body.finish([(0, code.root(predicate))])
        texts.append(body.text)
    for name in EXPORTED:
        count = len(next(w for w in FUNCTIONS if w.__name__ == name)(layout).parameters)
        given = ", ".join(f"i64 %p{k}" for k in range(count))
        texts.append(
            f"define i64 @x_{name}({given}) nounwind {{\n"
            f"  %found = call fastcc {{i1, i64}} @{name}(ptr null, {given})\n"
            "  %result = extractvalue {i1, i64} %found, 1\n  ret i64 %result\n}\n"
        )
    return module(texts)


def _word(plan: Plan) -> str:
    """The generator, of the same term as Python's."""
    body = Body(plan.layout, "function", "word", (64, 64), (64,))
    code = Code(plan, body, False, _alone)
    code.names = {cases.SEED.name: "%p0", cases.COUNTER.name: "%p1"}
    body.finish([(64, code.root(cases.word()))])
    return body.text
