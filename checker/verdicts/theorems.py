"""Theorems 1, 2 and 3 of Popek and Goldberg from the classical booleans, and whether a monitor exists from the exact verdicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from pgcheck.checker.example import CHECKED, REFUSED, Example, operation
from pgcheck.checker.hypotheses import ROWS
from pgcheck.checker.result import Finding, InstructionResult, Status, TheoremResult
from pgcheck.checker.rule import PAPER, Rule
from pgcheck.checker.values import Configuration

Rows = Sequence[InstructionResult]


def theorems(rows: Rows, configuration: Configuration, granted: Sequence[Finding] = ()) -> dict[str, TheoremResult]:
    """The four answers by name; `granted` is what was found of the premises that are about the machine and not about a row.

    Theorem 1 is sufficient only: that its premise fails does not say that no monitor exists.
    """
    first, third = (_agreed(premise(name, rows, configuration), rows) for name in ("theorem1", "theorem3"))
    answers = {
        "theorem1": first,
        "theorem2": _recursive(first, rows, configuration),
        "theorem3": third,
        "monitor": _monitor(rows, configuration),
    }
    return {name: _granted(answer, granted) for name, answer in answers.items()}


def _granted(answer: TheoremResult, granted: Sequence[Finding]) -> TheoremResult:
    """What the rows say, on a machine of which a premise may be refuted or open."""
    lacking, open_ = ({f.law: None for f in granted if f.status == status} for status in ("fails", "unknown"))
    if not lacking and (not open_ or answer.status == "fails"):
        return answer
    status: Status = "fails" if lacking else "unknown"
    failing = answer.failing if answer.status == status else ()
    return TheoremResult(answer.name, status, failing, premises=tuple(lacking or open_))


# By theorem: what needs to be privileged over all legal states, what under the configuration, and what is a hole where its monitor runs directly.
_NEEDS: Mapping[str, tuple[Callable[[InstructionResult], bool], ...]] = {
    "theorem1": (
        lambda r: r.sensitive,
        lambda r: r.sensitive_under_configuration,
        lambda r: r.verdict == "hole",
    ),
    "theorem3": (
        lambda r: r.user_sensitive,
        lambda r: r.user_sensitive_under_configuration,
        lambda r: r.verdict == "hole" and r.holed_user,
    ),
}


def premise(name: str, rows: Rows, configuration: Configuration) -> TheoremResult:
    """The premise of Theorem 1 or 3: every row that needs to be privileged is, over all legal states, or else under the configuration."""
    needs, needs_under, _ = _NEEDS[name]
    always = [r.id for r in rows if needs(r) and not r.privileged]
    under = [r.id for r in rows if needs_under(r) and not r.privileged_under_configuration]
    unknown = [r.id for r in rows if r.verdict == "unknown" and not r.privileged_under_configuration]
    return _decided(name, always, under, unknown, configuration)


def contradicting(answer: TheoremResult, rows: Rows) -> tuple[str, ...]:
    """The holes in modes that the monitor of a premise would run directly, if the premise says that there is one."""
    _, _, holed = _NEEDS[answer.name]
    return tuple(r.id for r in rows if holed(r)) if answer.status in ("holds", "conditional") else ()


def _agreed(answer: TheoremResult, rows: Rows) -> TheoremResult:
    """The answer that no hole contradicts: where the definitions see less than the exact question does, that has the last word."""
    holes = contradicting(answer, rows)
    return TheoremResult(answer.name, "fails", holes) if holes else answer


def _decided(
    name: str, always: list[str], under: list[str], unknown: list[str], configuration: Configuration
) -> TheoremResult:
    if under:
        return TheoremResult(name, "fails", tuple(under))
    if unknown:
        return TheoremResult(name, "unknown", tuple(unknown))
    if always:
        return TheoremResult(name, "conditional", tuple(always), configuration)
    return TheoremResult(name, "holds")


def void(answers: Mapping[str, TheoremResult]) -> dict[str, TheoremResult]:
    """The answers about a specification that breaks a law: none."""
    return {n: TheoremResult(n, "void") for n in answers}


def untested(answers: Mapping[str, TheoremResult]) -> dict[str, TheoremResult]:
    """The answers of a check that did not give the known ones to canaries: nothing is proved, and what is refuted stays refuted."""
    return {n: t if t.status in ("fails", "unknown") else TheoremResult(n, "unknown") for n, t in answers.items()}


def _recursive(first: TheoremResult, rows: Rows, configuration: Configuration) -> TheoremResult:
    """Theorem 2: Theorem 1, and every instruction that shows time traps, so that the monitor can give logical time."""
    if first.status not in ("holds", "conditional"):
        return TheoremResult("theorem2", first.status, first.failing)
    always = [r.id for r in rows if r.timing and not r.privileged]
    under = [r.id for r in rows if r.timing and not r.privileged_under_configuration]
    result = _decided("theorem2", always, under, [], configuration)
    if result.status == "holds" and first.status == "conditional":
        return TheoremResult("theorem2", "conditional", first.failing, configuration)
    return result


def _monitor(rows: Rows, configuration: Configuration) -> TheoremResult:
    """Whether a trap-and-emulate monitor exists: no row is a hole. Where clocks tell, it exists but for what they tell."""
    holes = [r.id for r in rows if r.verdict == "hole"]
    unknown = [r.id for r in rows if r.verdict == "unknown"]
    conditional = [r.id for r in rows if r.verdict == "conditional"]
    answer = _decided("monitor", conditional, holes, unknown, configuration)
    timing = tuple(r.id for r in rows if r.verdict == "timing")
    if not timing or answer.status not in ("holds", "conditional"):
        return answer
    return replace(answer, status="conditional", configuration=configuration, timing=timing)


THEOREM1 = Rule(
    id="PG011",
    name="theorem1",
    level="error",
    title="The premise of Theorem 1 fails",
    law="Every sensitive instruction is privileged; if so, a virtual machine monitor exists. The premise "
    "is sufficient and not necessary: whether a monitor exists all the same is PG014.",
    formula="forall i: sensitive(i) implies privileged(i)",
    reference=f"{PAPER}: Theorem 1",
    example=Example(
        (operation("if (M == 1 && A == 8'd0) { trap(Cause::Undefined); }\nA = 8'd0;"),),
        (operation("if (A == 8'd0) { trap(Cause::Undefined); }\nA = 8'd0;"),),
    ),
)
_TIMER = ("  IE:", "  T: {type: Bits<8>, role: timing, volatile: true}\n  IE:")
THEOREM2 = Rule(
    id="PG012",
    name="theorem2",
    level="error",
    title="The premise of Theorem 2 fails",
    law="The machine is virtualizable, and its monitor can be built without timing dependencies: every "
    "instruction that shows time is privileged, so that monitors run under monitors.",
    formula="theorem1 and forall i: timing_sensitive(i) implies privileged(i)",
    reference=f"{PAPER}: Theorem 2",
    example=Example((operation("A = T;"),), (operation(CHECKED + "A = T;"),), (_TIMER,)),
)
THEOREM3 = Rule(
    id="PG013",
    name="theorem3",
    level="error",
    title="The premise of Theorem 3 fails",
    law="Every user sensitive instruction is privileged; if so, a hybrid monitor exists, which interprets "
    "all virtual supervisor code.",
    formula="forall i: user_sensitive(i) implies privileged(i)",
    reference=f"{PAPER}: Theorem 3",
    example=Example((operation("A = BASE;"),), (operation(CHECKED + "A = BASE;"),)),
)
MONITOR = Rule(
    id="PG014",
    name="monitor",
    level="error",
    title="No monitor by trap and emulate exists",
    law="No instruction is a hole, perhaps under one configuration of what the monitor may fix. This is "
    "the exact question, weaker than the premise of Theorem 1.",
    formula="exists configuration: forall i, v, r: not hole(i, v, r)",
    reference=f"{PAPER}: the definition of a virtual machine monitor, read step by step",
    hypothesis=ROWS,
    example=Example((operation("if (M == 0) { IE = 1'b0; }"),), (REFUSED,)),
)
