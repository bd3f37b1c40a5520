"""What a specification claims about access is so."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pgcheck.checker.example import CHECKED, Example, operation
from pgcheck.checker.law import InstructionLaw
from pgcheck.checker.questions.copies import Copy, as_it_is, fresh, instantiate, over
from pgcheck.checker.questions.legality import legal
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import PAPER
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.machine import Instruction, Machine, ModeClass
from pgcheck.isa.terms import Term, constant, lnot, lor
from pgcheck.isa.terms.ir import TRANSLATE
from pgcheck.models.symbolic import Transition


def access_claims_hold(
    machine: Machine, instruction: Instruction, step: Transition, evidence: Evidence
) -> Iterator[Finding]:
    """`access:` says truly who may run an instruction: always, sometimes, never."""
    for mode, mode_class in (("supervisor", machine.modes.supervisor), ("user", machine.modes.user)):
        claim = instruction.access.get(mode)
        if claim is None:
            continue
        found = _access(machine, instruction, step, mode_class, evidence)
        if found != claim:
            yield LAW.broken(instruction, f"in {mode} mode the claim is `{claim}`, the semantics say `{found}`")


def _access(
    machine: Machine, instruction: Instruction, step: Transition, mode_class: ModeClass, evidence: Evidence
) -> str:
    """What the semantics say: `always` unless it is refused, `never` when all that can happen is to be refused."""

    def possible(wanted: Callable[[Copy], Term]) -> bool:
        for value in mode_class.values:
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
    "never, sometimes or always.",
    formula="access(mode) = always iff no s in mode is refused; = never iff every s in mode is refused",
    reference=f"{PAPER}: the definition of a privileged instruction",
    example=Example(
        (operation(CHECKED + "IE = 1'b0;", "    access: {user: always}\n"),),
        (operation(CHECKED + "IE = 1'b0;", "    access: {user: never}\n"),),
    ),
    ask=access_claims_hold,
)
