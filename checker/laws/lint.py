"""What must be true of a specification before its verdicts mean anything. One function per law."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from pgcheck.checker.laws.canaries import canaries
from pgcheck.checker.questions.copies import Copy, as_it_is, differ, fresh, instantiate, over
from pgcheck.checker.questions.entry import translation_faults_enter
from pgcheck.checker.questions.realise import realisable
from pgcheck.checker.result import Finding
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.solving.pool import Pool
from pgcheck.checker.solving.solver import Solver
from pgcheck.checker.verdicts.row_cache import RowCache
from pgcheck.isa.machine.machine import Instruction, Machine, ModeClass
from pgcheck.isa.machine.schemes import Entries
from pgcheck.isa.terms import (
    FALSE,
    Term,
    conjunction,
    constant,
    disjunction,
    evaluate,
    extract,
    land,
    lnot,
    lor,
    mk,
    rewrite,
    substitute,
    variable,
    walk,
)
from pgcheck.isa.terms.ir import BUILTIN_EXITS, EXECUTE
from pgcheck.models.symbolic import (
    ADDRESS,
    Execution,
    Exit,
    Transition,
    delivered,
    exit_kinds,
    initial,
    predicate,
    resized,
    run,
    transition,
)

Law = Callable[[Machine, Evidence], Iterator[Finding]]


def lint(
    machine: Machine, pool: Pool, second: bool, instructions: Sequence[Instruction], kept: RowCache
) -> list[Finding]:
    """Every finding about a machine and the given instructions of it; an obligation without an answer is a finding too.

    Raises Contradiction, or WorkerFailed from a worker: solvers that disagree say nothing about the specification.
    """
    evidence = Evidence(pool.solver, second)
    findings = [f for law in LAWS for f in _settled(law.__name__, machine.identity.name, law(machine, evidence))]

    def one(instruction: Instruction, solver: Solver) -> list[Finding]:
        return examine(machine, instruction, Evidence(solver, second))

    return findings + list(kept.examined(pool, one, instructions))


def _settled(law: str, subject: str, findings: Iterator[Finding]) -> list[Finding]:
    """The findings of a law up to the first obligation that has no answer, which is one too."""
    settled: list[Finding] = []
    try:
        for finding in findings:
            settled.append(finding)
    except Undecided as undecided:
        settled.append(Finding(law, "unknown", subject, str(undecided)))
    return settled


def examine(machine: Machine, instruction: Instruction, evidence: Evidence) -> list[Finding]:
    """The laws of one instruction. Raises Contradiction."""
    step = transition(machine, instruction)
    laws = (
        ("legal_is_inductive", legal_is_inductive(machine, instruction, step, evidence)),
        ("traps_are_precise", traps_are_precise(machine, instruction, step, evidence)),
        ("access_claims_hold", access_claims_hold(machine, instruction, step, evidence)),
        ("addresses_are_no_values", addresses_are_no_values(machine, instruction, step)),
        ("accesses_stay_in_their_page", accesses_stay_in_their_page(machine, instruction, step, evidence)),
    )
    return [f for name, findings in laws for f in _settled(name, instruction.id, findings)]


def _finding(law: str, instruction: Instruction, message: str, status: str = "error") -> Finding:
    return Finding(law, "error" if status == "error" else "warning", instruction.id, message, instruction.position)


# ---- the machine


def _legal(machine: Machine) -> tuple[Term, ...]:
    return tuple(predicate(machine, t) for t in machine.legal)


def legal_after_reset(machine: Machine, evidence: Evidence) -> Iterator[Finding]:
    """The state after reset is legal."""
    terms = _legal(machine)
    values = evaluate(
        terms,
        lambda t: machine.state.leaves[t.name[2:]].reset,
        lambda a, i: machine.state.leaves[a.name[2:]].reset,
        lambda n, a, w: 0,
    )
    for number, value in enumerate(values):
        if not value:
            yield Finding(
                "legal_after_reset",
                "error",
                machine.identity.name,
                f"conjunct {number + 1} of `legal` is false after reset",
            )


def undefined_encodings_trap(machine: Machine, evidence: Evidence) -> Iterator[Finding]:
    """Bits that no encoding accepts never complete, in any mode."""
    step = run(machine, machine.code.undefined, {}, constant(1, 0))
    goes_on = disjunction(
        [step.completes, *(e.guard for e in step.exits if EXECUTE in exit_kinds(machine, e.function, e.args))]
    )
    if evidence.possible([*_legal(machine), goes_on], "undefined:completes"):
        yield Finding(
            "undefined_encodings_trap", "error", machine.identity.name, "`decode.undefined` may complete without a trap"
        )


def encodings_are_disjoint(machine: Machine, evidence: Evidence) -> Iterator[Finding]:
    """No bits mean two instructions: the pairs that enumeration left open."""
    for pair in machine.decoding.undecided:
        if evidence.possible([pair.accepts_a, pair.accepts_b], f"overlap:{pair.a}:{pair.b}"):
            yield Finding("encodings_are_disjoint", "error", pair.a, f"some bits are also {pair.b}")


def _broken(
    machine: Machine, legal: Sequence[Term], alive: Term, state: Mapping[str, Term], exits: Sequence[Exit]
) -> Term:
    """The run ends in a state that is not legal: in `state` where it is `alive`, or in one of `exits` that is delivered."""
    before, ends = (
        conjunction(legal),
        [(alive, state), *((e.guard, e.state) for e in exits if e.function not in BUILTIN_EXITS)],
    )
    after = (
        (g, conjunction(substitute(legal, {leaf.term: s[n] for n, leaf in machine.state.leaves.items()})))
        for g, s in ends
    )
    return disjunction(land(guard, lnot(kept)) for guard, kept in after if kept is not before)


def deliveries_keep_legal(machine: Machine, evidence: Evidence) -> Iterator[Finding]:
    """A trap's delivery from a legal state ends in one, whatever its payload, be it in a nested exit."""
    legal = _legal(machine)
    for name in machine.code.exits:
        args = tuple(variable(w, f"p.{n}") for n, w in machine.code.functions[name].parameters)
        delivery = delivered(machine, name, args, initial(machine))
        broken = _broken(machine, legal, delivery.frame.alive, delivery.frame.state, delivery.exits)
        if evidence.possible([*legal, broken], f"delivery:{name}:legal"):
            yield Finding("deliveries_keep_legal", "error", name, "the delivery may leave the legal states")


def cuts_change_no_general_state(machine: Machine, evidence: Evidence) -> Iterator[Finding]:
    """A cut's body writes no general leaf but memory (accessed and dirty updates): the oracle that stands for it writes nothing."""
    translation = machine.code.translation
    for name in (*(() if translation is None else (translation.function, *translation.probes)), *machine.code.tables):
        before = initial(machine)
        body = Execution(machine, dict(before), {}, cuts=False)
        body.call(name, tuple(variable(w, f"p.{n}") for n, w in machine.code.functions[name].parameters))
        ends = [body.frame.state, *(e.state for e in body.exits)]
        general = [leaf.name for leaf in machine.state.general if leaf.name != machine.state.memory]
        if changed := [n for n in general if any(state[n] is not before[n] for state in ends)]:
            message = f"the body of this cut writes {', '.join(changed)}; write general state outside it"
            yield Finding("cuts_change_no_general_state", "error", name, message)


LAWS: tuple[Law, ...] = (
    legal_after_reset, undefined_encodings_trap, encodings_are_disjoint, cuts_change_no_general_state, realisable,
    translation_faults_enter, canaries, deliveries_keep_legal,
)  # fmt: skip


# ---- one instruction


def legal_is_inductive(
    machine: Machine, instruction: Instruction, step: Transition, evidence: Evidence
) -> Iterator[Finding]:
    """Every step from a legal state ends in one: where it completes, goes on with another instruction, or traps."""
    legal = _legal(machine)
    broken = _broken(machine, legal, step.completes, step.post, step.exits)
    if broken is not FALSE and evidence.possible([*legal, instruction.canonical, broken], f"{instruction.id}:legal"):
        yield _finding("legal_is_inductive", instruction, "a step may leave the legal states")


def traps_are_precise(
    machine: Machine, instruction: Instruction, step: Transition, evidence: Evidence
) -> Iterator[Finding]:
    """No state has changed where an exit is taken, unless `restart: partial` says so."""
    early = _changed_before_exit(machine, instruction, step, evidence)
    if early is not None and not instruction.partial:
        yield _finding(
            "traps_are_precise",
            instruction,
            f"state changes before {early}; write after all checks, or declare `restart: partial`",
        )
    if instruction.partial and early is None:
        yield _finding(
            "traps_are_precise",
            instruction,
            "`restart: partial` is declared, but no state changes before a trap",
            "warning",
        )


def _changed_before_exit(
    machine: Machine, instruction: Instruction, step: Transition, evidence: Evidence
) -> str | None:
    """The first terminator that can be reached after a write, or None."""
    for e in step.exits:
        changed = disjunction(
            differ(machine.state.leaves[n], t, machine.state.leaves[n].term)
            for n, t in e.state.items()
            if t is not machine.state.leaves[n].term
        )
        if changed is FALSE or EXECUTE in exit_kinds(machine, e.function, e.args):
            continue
        if evidence.possible([*_legal(machine), instruction.canonical, e.guard, changed], f"{instruction.id}:precise"):
            return e.function
    return None


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
            yield _finding(
                "access_claims_hold", instruction, f"in {mode} mode the claim is `{claim}`, the semantics say `{found}`"
            )


def _access(
    machine: Machine, instruction: Instruction, step: Transition, mode_class: ModeClass, evidence: Evidence
) -> str:
    """What the semantics say: `always` unless it is refused, `never` when all that can happen is to be refused."""

    def possible(wanted: Callable[[Copy], Term]) -> bool:
        for value in mode_class.values:
            pre = fresh(machine, "a")
            pre[machine.modes.leaf] = constant(machine.state.leaves[machine.modes.leaf].width, value)
            copy = instantiate(machine, step, pre, as_it_is, "a", frozenset())
            known = [over(_legal(machine), pre, machine), instruction.canonical, lnot(copy.unmodelled), wanted(copy)]
            if evidence.possible(known, f"{instruction.id}:access@{value}"):
                return True
        return False

    if not possible(lambda copy: copy.ends("privileged")):
        return "always"
    others = possible(lambda copy: lor(lnot(_trapped(copy)), copy.ends("memory", "intent", "other")))
    return "sometimes" if others else "never"


def _trapped(copy: Copy) -> Term:
    return copy.ends("privileged", "memory", "intent", "other")


def addresses_are_no_values(machine: Machine, instruction: Instruction, step: Transition) -> Iterator[Finding]:
    """A physical address from the translation is only ever used to access memory; a result needs a probe."""
    carries: dict[Term, bool] = {}
    for term in walk(step.roots):
        match term.op:
            case "select":
                carries[term] = carries[term.args[0]]
            case "store":
                carries[term] = carries[term.args[0]] or carries[term.args[2]]
            case "uf" if term.name == ADDRESS:
                carries[term] = True
            case _:
                carries[term] = any(carries[a] for a in term.args)
    if any(carries[t] for t in step.roots):
        yield _finding(
            "addresses_are_no_values",
            instruction,
            "a translated address flows into a result; name the function under `translate.probe`",
        )


def accesses_stay_in_their_page(
    machine: Machine, instruction: Instruction, step: Transition, evidence: Evidence
) -> Iterator[Finding]:
    """What is accessed after one translation lies in the page that was translated: the frame behind it is somebody else's.

    A translated address has the low bits of the one asked for, which is what realisation shows.
    """
    found = machine.code.confined_by(Entries)
    if found is None:
        return
    translation, tables = found
    position = translation.position(tables.address)

    def asked(term: Term, args: tuple[Term, ...]) -> Term | None:
        return resized(args[position], term.width) if term.op == "uf" and term.name == ADDRESS else None

    for access in step.accesses:
        low = extract(rewrite([access.address], asked)[0], tables.shift - 1, 0)
        last = constant(tables.shift, (1 << tables.shift) - access.units)
        beyond = [*_legal(machine), instruction.canonical, access.guard, mk("ult", 0, last, low)]
        if evidence.possible(beyond, f"{instruction.id}:in its page"):
            yield _finding(
                "accesses_stay_in_their_page",
                instruction,
                f"{access.units} units are accessed after one translation and can cross the end of a page; translate both pages",
            )
            return
