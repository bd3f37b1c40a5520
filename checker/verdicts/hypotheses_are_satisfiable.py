"""There is something that a survey's answers are about: states in both modes, guests, and a real state for every virtual one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pgcheck.checker.example import Example, legal_if
from pgcheck.checker.hypotheses import CONFIGURATION
from pgcheck.checker.questions.configuration import admissible
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import Rule
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.values import NOTHING, Configuration
from pgcheck.isa.terms import Term, disjunction, eq


def vacuous(setting: Setting, evidence: Evidence) -> Iterator[Finding]:
    """An error for each hypothesis that no state meets: everything said under it would be said of nothing, or of fewer states."""
    machine, deployment = setting.machine, setting.deployment
    modes, real_mode = deployment.modes, deployment.real_mode

    def in_modes(values: Iterable[int]) -> Term:
        return disjunction(eq(machine.state.leaves[machine.modes.leaf].term, setting.mode(v)) for v in values)

    real = in_modes((*modes.supervisor.values, *modes.user.values) if real_mode is None else (real_mode,))
    hypotheses = {
        "no legal state in supervisor mode": [in_modes(modes.supervisor.values)],
        "no legal state in user mode": [in_modes(modes.user.values)],
        "no legal state satisfies `guest`": [setting.guest],
        "no legal state in the real mode satisfies `real`": [setting.real, real],
    }
    empty = [
        m
        for m, terms in hypotheses.items()
        if not evidence.possible([*setting.legal, *terms], f"{deployment.name}:{m}")
    ]
    if not empty and not admissible(setting, NOTHING, evidence):
        empty.append("`legal`, `real` or `realise.given` leaves some virtual state without a real one")
    for message in empty:
        yield RULE.finding("error", deployment.name, f"vacuous: {message}")


def excludes(setting: Setting, configuration: Configuration, evidence: Evidence) -> str:
    """Why a configuration proves nothing; "" for one that excludes no state."""
    try:
        return (
            ""
            if admissible(setting, configuration, evidence)
            else f"vacuous: `legal`, `real` and `realise` do not allow {configuration} in every state"
        )
    except Undecided as undecided:
        return f"vacuous, perhaps: {undecided}"


RULE = Rule(
    id="PG113",
    name="hypotheses_are_satisfiable",
    level="error",
    title="A hypothesis excludes states",
    law="There are legal states in both modes, guests, and a real state for every virtual one; otherwise "
    "everything is proved of no state, or of fewer than there are.",
    formula="exists s: legal(s) and mode(s), and forall v exists r: related(v, r)",
    reference="vacuity of a proof",
    hypothesis=CONFIGURATION,
    example=Example((legal_if("M == 0"),), ()),
)
