"""The rules about what a change of a specification does to traps: `pgcheck diff` names each change by its rule, and `--fail-on` takes their names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pgcheck.checker.example import CHECKED, REFUSED, SILENT, Edit, Example, operation
from pgcheck.checker.rule import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRule(Rule):
    """A rule that a change breaks or keeps: its example is the specification after the change, and what it was before."""


_BOTH: Final = ("if (IE == 1) { trap(Cause::Service); }", "if (A == 7) { trap(Cause::Undefined); }")
_THREE_MODES: Final[tuple[Edit, ...]] = (
    ("M: {type: Bits<1>", "M: {type: Bits<2>"),
    ("supervisor: {values: [0]}", "supervisor: {values: [0, 2]}"),
    ("Bits<1> mode\n    description { adds", "Bits<2> mode\n    description { adds"),
    ("Bits<1> mode\n    description { a tr", "Bits<2> mode\n    description { a tr"),
    ("functions: |\n", 'legal: ["M != 3"]\nfunctions: |\n'),
    ("M = 1'b1; $pc = OLD;", "M = 1; $pc = OLD;"),
)
_HARD: Final = "if (A * A * A == OLD * A + 8'd3 && A[0] == OLD[5]) { trap(Cause::Privileged); }"

LOST_TRAP: Final = ChangeRule(
    id="PG301",
    name="lost-trap",
    level="error",
    title="completes where it trapped",
    law="What trapped in a state traps in it after the change.",
    formula="forall s: old(s) traps implies new(s) does not complete",
    reference="a trap that is gone is how a sensitive instruction stops being privileged",
    example=Example((SILENT,), (REFUSED,)),
)
NEW_TRAP: Final = ChangeRule(
    id="PG302",
    name="new-trap",
    level="warning",
    title="traps where it completed",
    law="What completed in a state completes in it after the change.",
    formula="forall s: old(s) completes implies new(s) does not trap",
    reference="a program that ran is stopped",
    example=Example((REFUSED,), (SILENT,)),
)
OTHER_CAUSE: Final = ChangeRule(
    id="PG303",
    name="other-cause",
    level="error",
    title="traps with another cause",
    law="What traps in a state before and after a change traps with the same cause.",
    formula="forall s: old(s) and new(s) trap implies cause(old(s)) = cause(new(s)), unless each is a cause of both",
    reference="handlers decide by the cause, and so does a monitor",
    example=Example((operation(CHECKED.replace("Privileged", "Undefined") + "IE = 1'b0;"),), (REFUSED,)),
)
OTHER_PRIORITY: Final = ChangeRule(
    id="PG304",
    name="other-priority",
    level="warning",
    title="of two traps the other one comes first",
    law="Where two traps are due, the one that came first before a change comes first after it.",
    formula="forall s: old(s) and new(s) trap implies cause(old(s)) = cause(new(s)), where each is a cause of both",
    reference="manuals give the order of exceptions in tables of their own",
    example=Example((operation(f"{_BOTH[1]}\n{_BOTH[0]}"),), (operation(f"{_BOTH[0]}\n{_BOTH[1]}"),)),
)
OTHER_DELIVERY: Final = ChangeRule(
    id="PG305",
    name="other-delivery",
    level="error",
    title="a trap is delivered elsewhere",
    law="A trap that a change does not touch enters the same mode as before, or raises the same exit on its way.",
    formula="forall cause, s: mode(deliver_old(cause, s)) = mode(deliver_new(cause, s))",
    reference="who handles a trap is what delegation is about",
    example=Example((("M = 0; $pc = 8'd4;", "M = 2; $pc = 8'd4;"),), (), _THREE_MODES),
)
OTHER_END: Final = ChangeRule(
    id="PG306",
    name="other-end",
    level="warning",
    title="ends otherwise",
    law="What halts, waits, goes on or is left out in a state does so after the change.",
    formula="forall s: end(old(s)) = end(new(s)), where one of them is neither a trap nor a completion",
    reference="an end that is no trap does not reach the monitor",
    example=Example((operation("if (M == 1) { halt(); }\nIE = 1'b0;"),), (REFUSED,)),
)
NOT_COMPARED: Final = ChangeRule(
    id="PG307",
    name="traps-not-compared",
    level="warning",
    title="whether it ends otherwise is not decided",
    law="The solver decides, within its budget, whether an instruction ends otherwise than before.",
    formula="old(s) and new(s) end otherwise: sat or unsat, and not unknown",
    reference="no answer is no agreement",
    example=Example((operation(_HARD),), (SILENT,), budget=1),
)
LOST_KNOB: Final = ChangeRule(
    id="PG308",
    name="lost-knob",
    level="error",
    title="control state no longer makes anything trap",
    law="Control state on which it depended whether some row traps still decides that for some row.",
    formula="leaf in knobs(old) and leaf in state(new) implies leaf in knobs(new)",
    reference="a monitor that fixes such state has nothing left to ask for a trap with",
    example=Example((SILENT,), (operation("if (M == 1 && BASE == 0) { trap(Cause::Privileged); }\nIE = 1'b0;"),)),
)

CHANGES: Final = (
    LOST_TRAP, NEW_TRAP, OTHER_CAUSE, OTHER_PRIORITY, OTHER_DELIVERY, OTHER_END, NOT_COMPARED, LOST_KNOB,
)  # fmt: skip
