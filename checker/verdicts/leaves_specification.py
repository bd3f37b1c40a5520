"""Rows whose answers are about fewer states than there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pgcheck.checker.example import CHECKED, Example, operation
from pgcheck.checker.hypotheses import HARDWARE
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import Rule
from pgcheck.checker.verdicts.judge import Judgement
from pgcheck.isa.machine.machine import Deployment


def leaving_rows(deployment: Deployment, judgements: Iterable[Judgement]) -> Iterator[Finding]:
    """The rows whose answers are about fewer states than there are."""
    judged = list(judgements)
    leaving = [j.id for j in judged if j.footprint.outside]
    if leaving:
        message = f"{len(leaving)} of {len(judged)} rows may leave the specification, and are judged where they do not: {', '.join(leaving)}"
        yield RULE.finding("ok", deployment.name, message)
    anything = [j.id for j in judged if j.footprint.may_do_anything]
    if anything:
        yield RULE.finding("warning", deployment.name, f"may do anything in both modes: {', '.join(anything)}")


RULE = Rule(
    id="PG116",
    name="leaves_specification",
    level="note",
    title="Rows are judged where they do not leave the specification",
    law="An instruction may come to what the specification leaves out, or may do anything in both modes; "
    "its answers are about all other states.",
    formula="exists s: step(s) is unmodelled or unpredictable",
    reference="the limits of the specification",
    hypothesis=HARDWARE,
    example=Example((operation(CHECKED + "if (A == 8'd0) { unmodelled(\"device\"); }\nIE = 1'b0;"),), ()),
)
