"""From a refuted obligation to the smallest witness that the reference binding reproduces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pgcheck.checker.questions.answers import state_under
from pgcheck.checker.questions.copies import HOSTMAP, MISS
from pgcheck.checker.questions.hole import Question
from pgcheck.checker.questions.subject import Setting, Subject
from pgcheck.checker.result import Witness
from pgcheck.checker.solving.evidence import Contradiction, Evidence, Undecided
from pgcheck.checker.solving.expansion import ROUNDS, Expansion
from pgcheck.checker.solving.model import Model, Wish, zero
from pgcheck.checker.values import WAYS, Mismatch
from pgcheck.checker.witnesses.witness_replay import replay_witness, values_of
from pgcheck.isa.encoding.codec import encode, length
from pgcheck.isa.encoding.templates import disassemble
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import (
    Term,
    eq,
    lnot,
    operand,
    parameter,
    rewrite,
    walk,
)
from pgcheck.isa.terms.names import CHOICE, INDEX, OPERAND, PROBE, READ, REAL, TABLE, VIRTUAL
from pgcheck.models.symbolic import ADDRESS, FAULT, Execution, initial


def minimal(
    setting: Setting,
    subject: Subject,
    question: Question,
    model: Model,
    evidence: Evidence,
    played: Expansion | None = None,
) -> Witness:
    """The witness of a hole, minimised and replayed, against every choice that was `played`.

    Raises Contradiction when the reference does not reproduce it, Undecided when no small one stands against every choice.
    """
    goal, model, key = _smallest(setting.machine, question, model, evidence, played, subject.id)
    witness = extracted(setting, subject, question, model, goal, key)
    replayed = replay_witness(setting.machine, witness)
    if not replayed.reproduced:
        raise Contradiction(
            f"{subject.id}: checker bug: the witness for {key} does not replay (saw {', '.join(map(str, replayed.differs))})"
        )
    witness = replace(
        witness,
        differs=(key, *(d for d in replayed.differs if d != key)),
        virtual_after=replayed.virtual_after,
        real_after=replayed.real_after,
        virtual_exit=replayed.virtual_exit,
        real_exit=replayed.real_exit,
    )
    return _hardened(setting.machine, witness)


def _smallest(
    machine: Machine, question: Question, model: Model, evidence: Evidence, played: Expansion | None, label: str
) -> tuple[list[Term], Model, Mismatch]:
    """The plainest difference that is possible, its goal and a small model of it that no other choice closes."""
    for _ in range(ROUNDS):
        against = () if played is None else tuple(played.copies)
        key = _first(question, against, evidence, label)
        goal = [*question.assumptions, question.mismatches[key], *against]
        if not model.satisfies(goal):
            found = evidence.model(goal, f"{label}:witness:{key}")
            if found is None:
                raise Contradiction(f"{label}: the difference {key} vanished")
            model = found
        small = evidence.solver.minimise(goal, model, list(wishes(machine, goal)))
        if played is None or not played.closed(small):
            return goal, small, key
    raise Undecided(label, f"no witness stands against every choice after {ROUNDS} of them")


def _hardened(machine: Machine, witness: Witness) -> Witness:
    """The witness through the specification's own translation, where it is the identity; else as it is."""
    if machine.code.translation is None or not machine.code.translation.replay:
        return witness
    again = replay_witness(machine, witness, hard=True)
    return replace(witness, hard=again.reproduced)


def _first(question: Question, against: tuple[Term, ...], evidence: Evidence, label: str) -> Mismatch:
    """The plainest difference that is possible."""
    keys = sorted(question.mismatches, key=lambda k: list(WAYS).index(k.way))
    for key in keys:
        if evidence.possible([*question.assumptions, question.mismatches[key], *against], f"{label}:differs:{key}"):
            return key
    raise Contradiction(f"{label}: a hole without a difference")


def wishes(machine: Machine, goal: list[Term]) -> Iterator[Wish]:
    """What a reader would like of a witness, most wanted first: small operands, no faults, identity translation, r like v, zeros."""
    nodes = list(walk(goal))
    scalars = {t.name: t for t in nodes if t.op == "var"}
    named = [scalars[name] for name in sorted(scalars)]
    yield from (zero(t) for t in named if t.name.space == OPERAND)
    closed = _identity(machine)
    for t in nodes:
        if t.op == "uf" and t.name in (FAULT, MISS):
            yield Wish(lnot(t))
        elif t.op == "uf" and t.name == ADDRESS and closed is not None:
            yield Wish(eq(t, _applied(closed, t.args)))
    for t in named:
        twin = scalars.get(t.name.of(VIRTUAL))
        if t.name.copy == REAL and twin is not None:
            yield Wish(eq(t, twin))
    rest = [t for t in named if t.name.space not in (OPERAND, INDEX)]
    cells = [t for t in nodes if t.op == "select" and t.args[0].op == "array"]
    answers = [t for t in nodes if t.op == "uf" and t.name not in (FAULT, MISS, ADDRESS)]
    yield from (zero(t) for t in (*rest, *cells, *answers))
    yield from (zero(t) for t in named if t.name.space == INDEX)


def _identity(machine: Machine) -> tuple[tuple[Term, ...], Term] | None:
    """The translation's own result in the state `replay:`, over its parameters; None when the specification names no such state."""
    translation = machine.code.translation
    if translation is None or not translation.replay:
        return None
    state = initial(machine)
    for name, value in translation.replay.items():
        state[name] = machine.state.leaves[name].holding(value)
    parameters = tuple(parameter(w, n) for n, w in machine.code.functions[translation.function].parameters)
    run = Execution(machine, state, {}, cuts=False)
    (result,) = run.call(translation.function, parameters)
    free = {t for t in walk([result]) if t.op in ("var", "array")}
    return (parameters, result) if free <= set(parameters) else None


def _applied(closed: tuple[tuple[Term, ...], Term], args: tuple[Term, ...]) -> Term:
    mapping = dict(zip(closed[0], args, strict=True))
    return rewrite([closed[1]], lambda t, _: mapping.get(t))[0]


def extracted(
    setting: Setting, subject: Subject, question: Question, model: Model, goal: list[Term], key: Mismatch
) -> Witness:
    """The witness that a model is, before it is replayed."""
    machine = setting.machine
    operands = {n: model.leaf(operand(b.width, n)) for n, b in subject.instruction.operands.items()}
    operands |= dict(subject.fixed)
    encoding = subject.instruction.encoding
    fresh = sorted(n for t in walk(goal) if t.op == "var" and (n := t.name).space in (CHOICE, READ))
    choices = {str(n): model.variables[n] for n in fresh if model.variables.get(n)}
    choices |= {f"{a}[{i}]": v for (a, i), v in sorted(model.elements.items()) if a.space == READ and v}
    functions = sorted(model.functions.items())
    faults = {a: v for (n, a), v in functions if n == FAULT}
    addresses = {a: v for (n, a), v in functions if n == ADDRESS}
    line = subject.instruction.line
    return Witness(
        specification=machine.identity.name,
        digest=machine.identity.digest,
        deployment=setting.deployment.name,
        instruction=subject.instruction.id,
        row=subject.row.label,
        virtual_mode=question.virtual_mode,
        configuration=question.configuration,
        units=machine.decoding.decoder.undefined() if encoding is None else encode(encoding, operands),
        assembly=disassemble(line, operands, length(encoding, operands), machine.decoding.csr_names)
        if line is not None and encoding is not None
        else subject.instruction.name,
        operands=operands,
        virtual=values_of(state_under(machine, question.virtual.pre, model)),
        real=values_of(state_under(machine, question.real.pre, model)),
        virtual_after={},
        real_after={},
        virtual_exit="",
        real_exit="",
        choices=choices,
        translations=tuple((a, faults.get(a, 0), addresses.get(a, 0)) for a in sorted({*faults, *addresses})),
        misses=tuple((a, v) for (n, a), v in functions if n == MISS and v),
        probes=tuple((str(n), a, v) for (n, a), v in functions if n.space == PROBE or n == HOSTMAP),
        tables=tuple((str(n), a, v) for (n, a), v in functions if n.space == TABLE),
        differs=(key,),
        continued=setting.continued,
    )
