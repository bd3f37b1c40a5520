"""The text of a specification follows its language: the law that loading asks (`pgcheck.isa.machine.build`), before all others."""

from __future__ import annotations

from pgcheck.checker.example import CHECKED, Example, operation
from pgcheck.checker.rule import Rule

RULE = Rule(
    id="PG200",
    name="specification",
    level="error",
    title="The specification is wrong",
    law="The text of a specification follows its language: every name is known, every type fits, every "
    "number has its width. Nothing is checked until it does.",
    formula="",
    reference="docs/language.md; `pgcheck schema` prints the JSON Schema",
    example=Example((operation(CHECKED + "IF = 1'b0;"),), ()),
)
