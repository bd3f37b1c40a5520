"""What a specification claims about access is so."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pgcheck.checker.example import CHECKED, Example, operation
from pgcheck.checker.law import InstructionLaw
from pgcheck.checker.questions.copies import Copy, as_it_is, fresh, instantiate, over
from pgcheck.checker.questions.legality import legal
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import PAPER
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.traps.condition import ALWAYS, NEVER, Question, minimal
from pgcheck.checker.traps.reading import Reading, mode_name, named_mode
from pgcheck.checker.traps.table import modes_of
from pgcheck.checker.traps.together import Together, TooMany
from pgcheck.checker.traps.ways import Step, Way, said, step
from pgcheck.isa.machine.machine import Claim, Instruction, Machine, Row
from pgcheck.isa.terms import FALSE, TRUE, Term, constant, eq, land, lnot, lor
from pgcheck.isa.terms.ir import TRANSLATE, UNMODELLED
from pgcheck.models.symbolic import Transition

ANY = Row("")


def access_claims_hold(
    machine: Machine, instruction: Instruction, step: Transition, evidence: Evidence
) -> Iterator[Finding]:
    """`access:` says truly who may run an instruction: always, sometimes, never; or with which trap it ends, and when."""
    for mode, claim in instruction.access.items():
        found = _access(machine, instruction, step, _values(machine, mode), evidence)
        if found != claim:
            yield LAW.broken(instruction, f"in {mode} mode the claim is `{claim}`, the semantics say `{found}`")
    for one in instruction.claims:
        yield from _ends(machine, instruction, one, evidence)


def _values(machine: Machine, mode: str) -> tuple[int, ...]:
    """The values of the mode leaf that a claim is about: those of a class, or the one of that name."""
    match mode:
        case "supervisor":
            return machine.modes.supervisor.values
        case "user":
            return machine.modes.user.values
    return tuple(v for v in modes_of(machine) if named_mode(machine, v) == mode)


def _ends(machine: Machine, instruction: Instruction, claim: Claim, evidence: Evidence) -> Iterator[Finding]:
    """Where the instruction ends as claimed and the condition does not hold, or the other way round."""
    for mode in _values(machine, claim.mode):
        taken = step(machine, instruction, ANY, mode)
        label = f"{instruction.id}:access@{mode}:{claim.cause}"
        ends = _so(taken, claim.cause, label)
        when = said(machine, instruction, claim.when, mode)
        left_out = taken.ways.get(Way(UNMODELLED), FALSE)
        differs = land(lnot(left_out), lnot(eq(ends, when)))
        if not evidence.possible([*taken.known, differs], label):
            continue
        name, written = mode_name(machine, mode), Reading(machine, mode)
        claimed = "always" if when is TRUE else f"if {written.term(when)}"
        found = _found(machine, ends, taken.known, Together(evidence), label, written)
        yield LAW.finding(
            "error",
            instruction.id,
            f"in {claim.mode} mode{'' if name == claim.mode else f' ({name})'} the claim is `{claim.cause}` {claimed}, the semantics say {found}",
            claim.position,
        )


def _so(taken: Step, cause: str, label: str) -> Term:
    """The condition on which a step ends with a cause. Raises Undecided where memory decides between that and another."""
    found = FALSE
    for way, guard in taken.ways.items():
        called = [c.called(cause) for c in way.causes] or [way.what == cause]
        if any(called) and not all(called):
            raise Undecided(label, f"memory decides which it is: {way}")
        found = lor(found, guard) if all(called) else found
    return found


def _found(
    machine: Machine, ends: Term, known: tuple[Term, ...], together: Together, label: str, written: Reading
) -> str:
    """The condition that the semantics have."""
    control = frozenset(leaf.name for leaf in machine.state.control)
    try:
        found = minimal(ends, Question(known, control, together, label))
    except TooMany:
        return "otherwise"
    return {ALWAYS: "always", NEVER: "never"}.get(found) or f"if {written.condition(found)}"


def _access(
    machine: Machine, instruction: Instruction, step: Transition, values: tuple[int, ...], evidence: Evidence
) -> str:
    """What the semantics say: `always` unless it is refused, `never` when all that can happen is to be refused."""

    def possible(wanted: Callable[[Copy], Term]) -> bool:
        for value in values:
            pre = fresh(machine, "a")
            pre[machine.modes.leaf] = constant(machine.state.leaves[machine.modes.leaf].width, value)
            copy = instantiate(machine, step, pre, as_it_is, "a", frozenset())
            known = [over(legal(machine), pre, machine), instruction.canonical, lnot(copy.unmodelled), wanted(copy)]
            if evidence.possible(known, f"{instruction.id}:access@{value}"):
                return True
        return False

    if not possible(lambda copy: copy.ends("privileged")):
        return "always"
    others = possible(lambda copy: lor(lnot(_trapped(copy)), copy.ends("memory", "intent", "other", TRANSLATE)))
    return "sometimes" if others else "never"


def _trapped(copy: Copy) -> Term:
    return copy.ends("privileged", "memory", "intent", "other", TRANSLATE)


LAW = InstructionLaw(
    id="PG111",
    name="access_claims_hold",
    level="error",
    title="A claim of access is wrong",
    law="`access:` says truly whether an instruction is refused in a mode for control state's sake: "
    "never, sometimes or always; or with which trap it ends there, and under which condition.",
    formula="access(mode) = always iff no s in mode is refused; = never iff every s in mode is refused; "
    "= {cause, when} iff for all s in mode: the step from s ends with the cause iff s satisfies when",
    reference=f"{PAPER}: the definition of a privileged instruction",
    example=Example(
        (operation(CHECKED + "IE = 1'b0;", "    access: {user: always}\n"),),
        (operation(CHECKED + "IE = 1'b0;", "    access: {user: never}\n"),),
    ),
    ask=access_claims_hold,
)
