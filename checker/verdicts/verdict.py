"""What a row's answers mean: the exact verdict, and the line that says why."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pgcheck.checker.example import REFUSED, SILENT, Example
from pgcheck.checker.rule import PAPER, Rule
from pgcheck.checker.values import Configuration, Mismatch, Way
from pgcheck.checker.verdicts.judge import Judgement


def verdict(alone: Judgement, under: Judgement | None) -> str:
    """The exact verdict from a row's judgement on its own and under the machine-wide configuration (None: there is none)."""
    if alone.trouble or (under is not None and under.trouble):
        return "unknown"
    classical = alone.classical
    if classical is None:
        return "intentional" if alone.footprint.never else "innocuous"
    if not alone.holed:
        if not classical.completes_supervisor and not classical.completes_user:
            varies = classical.sensitive or classical.kind_varies or alone.footprint.outside
            return "trap-mediated" if varies else "intentional"
        if classical.privileged:
            return "privileged"
        return "trap-mediated" if classical.sensitive else "innocuous"
    if under is not None and not under.holed:
        return "conditional"
    if (under or alone).timing:
        return "timing"
    return "unknown" if alone.partial else "hole"


_SEEN: Mapping[Way, str] = {
    "trap": "the virtual machine would have trapped, the real one goes on",
    "virtual": "changes the virtual machine's {0} without a trap",
    "real": "changes the real machine's {0}",
    "mirror": "leaves the mirrored {0} different",
    "general": "the result in {0} shows the real machine's state",
    "assumed": "leaves the states that `{0}` allows",
    "payload": "goes on with another instruction word",
    "halt": "stops the real processor",
    "unpredictable": "may do anything on the real machine",
    "unmodelled": "does on the real machine what this specification leaves out",
}


def difference(seen: Mismatch) -> str:
    """A mismatch in words."""
    return _SEEN[seen.way].format(seen.place)


def reason(
    exact: str,
    alone: Judgement,
    under: Judgement | None,
    configuration: Configuration,
    name: Callable[[int], str] = lambda mode: "",
) -> str:
    """One line for people; `name` is what a specification calls a virtual mode, "" where it has no name for it."""
    judged = under if under is not None and under.witness is not None else alone
    match exact:
        case "unknown":
            return (
                alone.trouble
                or (under.trouble if under is not None else "")
                or "open: there are more configurations than were tried"
            )
        case "hole" if judged.witness is not None:
            where = "/".join(map(name, judged.modes)) or "/".join(sorted(judged.holed))
            return f"in virtual {where}: {difference(judged.witness.differs[0])}"
        case "conditional":
            return f"closed by {configuration}"
        case "trap-mediated":
            return "sensitive, but no difference shows: it traps first, or the state is mirrored"
        case "timing":
            return "shows real time only"
        case "innocuous" | "intentional" if alone.footprint.may_do_anything:
            return "may do anything in both modes; in all other states no difference shows"
        case "innocuous" if alone.classical is None:
            return "touches no control state"
    return ""


HOLE = Rule(
    id="PG001",
    name="hole",
    level="error",
    title="An instruction is a virtualization hole",
    law="In user mode on the real machine an instruction goes on without a trap, where the virtual "
    "machine would have trapped, halted or come to another state: the guest notices the monitor, or "
    "changes what is the monitor's. The witness is one such pair of states, replayed on integers.",
    formula="exists v, r: related(v, r) and r in user mode and step(r) does not enter the monitor and not "
    "related(step(v), step(r))",
    reference=f"{PAPER}: the equivalence and resource control properties of a virtual machine monitor, Lemmas 1 and 2",
    example=Example((SILENT,), (REFUSED,)),
)
UNDECIDED = Rule(
    id="PG002",
    name="undecided",
    level="warning",
    title="An instruction is not decided",
    law="The solver gave up on some obligation of this instruction within its budget. Nothing is known of "
    "it, and nothing that needs it is proved; a larger --budget may decide it.",
    formula="neither (exists v, r: hole(v, r)) nor (forall v, r: not hole(v, r)) was proved",
    reference="an answer of the solver, not of the specification",
    example=Example((SILENT,), (), budget=1),
)
