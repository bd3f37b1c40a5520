"""Mutants: specifications with one small bug of the kind that opens a hole. `fate` says what becomes of them.

A mutant changes one instruction, in its own body or in a copy of a function that it calls, at a place where control state
matters. Instructions that are holes already are left alone: they have nothing to lose.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from pgcheck.checker.questions.subject import Setting, Subject, subject
from pgcheck.checker.questions.taint import Footprint, footprint
from pgcheck.checker.result import InstructionResult
from pgcheck.checker.solving.smtlib import ABSTRACTED
from pgcheck.checker.values import NOTHING, Configuration
from pgcheck.isa.idl.state import ArrayLeaf, Leaf, read_leaf
from pgcheck.isa.machine.machine import Instruction, Machine, Row
from pgcheck.isa.terms import (
    FALSE,
    TRUE,
    Term,
    conjunction,
    constant,
    disjunction,
    extract,
    ite,
    land,
    lnot,
    local,
    mk,
    node,
    operand,
    rewrite,
    substitute,
    walk,
)
from pgcheck.isa.terms.ir import (
    Bind,
    Block,
    Do,
    Function,
    Functions,
    If,
    Raise,
    Return,
    SetElement,
    SetLeaf,
    SetLocal,
    SetNext,
    Statement,
    Store,
)
from pgcheck.isa.terms.names import LOCAL, READ, STATE
from pgcheck.models.symbolic import NEXT_PC, Execution, Transition, exit_kinds, initial, resized
from pgcheck.models.symbolic import Path as Frame

Edit = tuple[str, tuple[Statement, ...]]
Editor = Callable[[Statement], Iterator[Edit]]
Guards = dict[int, set[tuple[Term, Term]]]
OWN = "~"
COMPARISONS = frozenset({"eq", "ult", "ule", "slt", "sle"})
PASSING = frozenset({"innocuous", "intentional", "privileged", "trap-mediated", "conditional"})


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed instruction: `operator` is the kind of bug, `place` says what was changed, `functions` are the machine's and the instruction's own copies."""

    instruction: Instruction
    row: Row
    operator: str
    place: str
    functions: Mapping[str, Function]

    @property
    def id(self) -> str:
        return f"{self.instruction.id}{self.row.label} {self.operator}: {self.place}"

    @property
    def order(self) -> bytes:
        """A fixed shuffle of all mutants."""
        return hashlib.blake2b(self.id.encode(), digest_size=8).digest()


@dataclass(frozen=True)
class Original:
    """A row as the specification has it, with its report: the classical answer, and no hole under `configuration`."""

    setting: Setting
    subject: Subject
    verdict: str
    privileged: bool
    sensitivities: frozenset[str]
    configuration: Configuration = NOTHING

    @cached_property
    def footprint(self) -> Footprint:
        return footprint(self.setting, self.subject)


# ---- generating


def mutants(original: Original) -> Iterator[Mutant]:
    """Every mutant of a row that changes its transition where control state is involved, in a fixed order."""
    setting, subject_ = original.setting, original.subject
    machine, instruction = setting.machine, subject_.instruction
    body, functions = owned(machine, expanded(machine, instruction.body))
    here, owner = replace(instruction, body=body), with_functions(machine, functions)
    own = called(owner, body)
    guards = guards_of(owner, here, dict(subject_.fixed))
    roles_written = _written_roles(machine, [body, *(functions[f].body for f in own)])
    seen = {subject_.transition.roots}
    for operator, editor in _operators(original, guards, roles_written).items():
        for place, changed in one_edit(body, editor):
            yield from _made(
                original, seen, Mutant(replace(here, body=changed), subject_.row, operator, place, functions)
            )
        if operator in ("leak control", "silent trap"):
            continue
        for name in own:
            for place, changed in one_edit(functions[name].body, editor):
                edited = {**functions, name: replace(functions[name], body=changed)}
                yield from _made(original, seen, Mutant(here, subject_.row, operator, f"{name[:-1]}: {place}", edited))


def _made(original: Original, seen: set[tuple[Term, ...]], mutant: Mutant) -> Iterator[Mutant]:
    """The mutant, unless its transition is one that was there before, or differs only in what general state computes."""
    changed = mutated(original, mutant)
    roots = changed.subject.transition.roots
    if roots in seen:
        return
    seen.add(roots)
    if mutant.operator == "widen mask" and original.footprint == changed.footprint:
        return
    if mutant.operator == "skip mode" and _in_user_mode(original, changed.subject) == _in_user_mode(
        original, original.subject
    ):
        return
    if _concerns_control(original, changed):
        yield mutant


def _in_user_mode(original: Original, one: Subject) -> list[list[object]]:
    """What a step that starts in user mode does, as terms; what it would have written if it completed is left out when it does not."""
    setting, step = original.setting, one.transition
    mode = setting.machine.state.leaves[setting.machine.modes.leaf].term
    found: list[list[object]] = []
    for value in setting.deployment.modes.user.values:
        fixed = {mode: setting.mode(value)}
        completes, *rest = substitute([step.completes, *step.post.values()], fixed)
        kinds = _ends(setting.machine, step)
        ends = [
            (k, g) for (k, _), g in zip(kinds, substitute([g for _, g in kinds], fixed), strict=True) if g is not FALSE
        ]
        found.append([completes, *ends, *(() if completes is FALSE else rest)])
    return found


def _ends(machine: Machine, step: Transition) -> list[tuple[str, Term]]:
    """Each kind of exit with its condition. What else an exit carries is no matter here: the monitor delivers it from the virtual state."""
    found: dict[str, Term] = {}
    for e in step.exits:
        for kind, guard in exit_kinds(machine, e.function, e.args).items():
            found[kind] = disjunction([found.get(kind, FALSE), land(e.guard, guard)])
    return sorted(found.items())


def _concerns_control(original: Original, changed: Original) -> bool:
    """Whether control state is involved in the original or the mutant, and more than general results have changed."""
    before, after = original.footprint, changed.footprint
    if before.innocuous and after.innocuous and before.never == after.never:
        return False
    control = {leaf.name for leaf in original.setting.machine.state.control}
    machine = original.setting.machine
    return before != after or _control_part(machine, original.subject.transition, control) != _control_part(
        machine, changed.subject.transition, control
    )


def _control_part(machine: Machine, step: Transition, control: set[str]) -> list[object]:
    return [step.completes, _ends(machine, step), *(t for n, t in step.post.items() if n in control)]


def mutated(original: Original, mutant: Mutant) -> Original:
    """The row with the mutant in place of the original's instruction; everything else is the specification's."""
    machine = original.setting.machine
    instructions = tuple(mutant.instruction if i.id == mutant.instruction.id else i for i in machine.instructions)
    changed = replace(with_functions(machine, mutant.functions), instructions=instructions)
    setting = replace(original.setting, machine=changed)
    return replace(original, setting=setting, subject=subject(setting, mutant.instruction, mutant.row))


def with_functions(machine: Machine, functions: Functions) -> Machine:
    return replace(machine, code=replace(machine.code, functions=functions))


def owned(machine: Machine, body: Block) -> tuple[Block, dict[str, Function]]:
    """A body that calls its own copies of all functions, named with a mark, and the machine's functions with these copies."""
    names = called(machine, body)

    def mine(block: Block) -> Block:
        return tuple(map(one, block))

    def one(statement: Statement) -> Statement:
        match statement:
            case If(condition, then, orelse):
                return If(renamed((condition,))[0], mine(then), mine(orelse))
            case Bind(targets, function, args):
                return Bind(targets, function + OWN if function in names else function, renamed(args))
            case _:
                return with_terms(statement, renamed(terms_of(statement)))

    def renamed(terms: tuple[Term, ...]) -> tuple[Term, ...]:
        def replace_(term: Term, args: tuple[Term, ...]) -> Term | None:
            own = term.op == "call" and term.data in names
            return node("call", term.width, *args, data=f"{term.data}{OWN}") if own else None

        return tuple(rewrite(terms, replace_))

    copies = {
        n + OWN: replace(machine.code.functions[n], name=n + OWN, body=mine(machine.code.functions[n].body))
        for n in names
    }
    return mine(body), {**machine.code.functions, **copies}


def expanded(machine: Machine, body: Block, prefix: str = "") -> Block:
    """A body in which calls for effect alone of functions without `return` stand as statements; locals are renamed apart."""
    result: list[Statement] = []
    for number, statement in enumerate(body):
        match statement:
            case If(condition, then, orelse):
                here = f"{prefix}{number}"
                result.append(
                    If(condition, expanded(machine, then, here + "t."), expanded(machine, orelse, here + "e."))
                )
            case Do(call) if call.op == "call" and (inner := _plain(machine, str(call.data))) is not None:
                here = f"{prefix}{number}."
                names = {n: w for n, w in inner.parameters}
                result += [SetLocal(here + n, a) for n, a in zip(names, call.args, strict=True)]
                result += expanded(machine, _renamed(inner.body, here), here)
            case _:
                result.append(statement)
    return tuple(result)


def _plain(machine: Machine, name: str) -> Function | None:
    """A function that is no cut and never returns early."""
    translation = machine.code.translation
    cuts = {*machine.code.tables, *(() if translation is None else (translation.function, *translation.probes))}
    function = machine.code.functions[name]
    return None if name in cuts or any(isinstance(s, Return) for s in statements(function.body)) else function


def statements(block: Block) -> Iterator[Statement]:
    """Every statement of a block, those inside conditions too."""
    for statement in block:
        yield statement
        if isinstance(statement, If):
            yield from statements(statement.then)
            yield from statements(statement.orelse)


def _renamed(block: Block, prefix: str) -> Block:
    def rename(terms: Sequence[Term]) -> tuple[Term, ...]:
        mapping = {
            t: local(t.width, prefix + t.name.text) for t in walk(terms) if t.op == "var" and t.name.space == LOCAL
        }
        return tuple(substitute(terms, mapping))

    def one(statement: Statement) -> Statement:
        match statement:
            case SetLocal(name, value):
                return SetLocal(prefix + name, rename([value])[0])
            case Bind(targets, function, args):
                return Bind(tuple(None if t is None else prefix + t for t in targets), function, rename(args))
            case If(condition, then, orelse):
                return If(rename([condition])[0], _renamed(then, prefix), _renamed(orelse, prefix))
            case _:
                return with_terms(statement, rename(terms_of(statement)))

    return tuple(map(one, block))


def terms_of(statement: Statement) -> tuple[Term, ...]:
    """The expressions of a statement itself."""
    match statement:
        case SetLocal(_, value) | SetLeaf(_, value) | SetNext(value):
            return (value,)
        case SetElement(_, index, value) | Store(index, value):
            return (index, value)
        case If(condition, _, _):
            return (condition,)
        case Do(call):
            return (call,)
        case Bind(_, _, args) | Raise(_, args, _):
            return args
        case Return(values):
            return values


def with_terms(statement: Statement, new: tuple[Term, ...]) -> Statement:
    """The statement with other expressions."""
    match statement:
        case SetLocal() | SetLeaf() | SetNext():
            return replace(statement, value=new[0])
        case SetElement():
            return replace(statement, index=new[0], value=new[1])
        case Store():
            return replace(statement, address=new[0], value=new[1])
        case If():
            return replace(statement, condition=new[0])
        case Do():
            return Do(new[0])
        case Bind() | Raise():
            return replace(statement, args=new)
        case Return():
            return Return(new)


def one_edit(block: Block, editor: Editor, prefix: str = "") -> Iterator[tuple[str, Block]]:
    """Every block with one statement changed as `editor` offers, with the place."""
    for number, statement in enumerate(block):
        before, after = block[:number], block[number + 1 :]
        for what, new in editor(statement):
            yield f"{prefix}{number} {what}", (*before, *new, *after)
        if isinstance(statement, If):
            for place, then in one_edit(statement.then, editor, f"{prefix}{number}t."):
                yield place, (*before, replace(statement, then=then), *after)
            for place, orelse in one_edit(statement.orelse, editor, f"{prefix}{number}e."):
                yield place, (*before, replace(statement, orelse=orelse), *after)


def called(machine: Machine, body: Block) -> list[str]:
    """The functions that a body calls, directly or not, cuts and deliveries apart; in order of first call."""
    translation = machine.code.translation
    cuts = {*machine.code.tables, *(() if translation is None else (translation.function, *translation.probes))}
    found: dict[str, None] = {}
    todo = [body]
    while todo:
        for statement in statements(todo.pop(0)):
            names = [str(t.data) for t in walk(terms_of(statement)) if t.op == "call"]
            names += [statement.function] if isinstance(statement, Bind) else []
            for name in names:
                if name not in cuts and name not in found:
                    found[name] = None
                    todo.append(machine.code.functions[name].body)
    return list(found)


@dataclass
class _Tracing(Execution):
    """Runs code on terms and keeps, by the block it guards, the value of every condition, and that on which it is reached and holds."""

    def __init__(self, machine: Machine, operands: Mapping[str, Term]) -> None:
        super().__init__(machine, initial(machine), operands)
        self.seen: Guards = {}

    def branch(self, frame: Frame, guard: Term, block: Block) -> Frame:
        self.seen.setdefault(id(block), set()).add((guard, conjunction([*self.path, frame.alive, guard])))
        return super().branch(frame, guard, block)


def guards_of(machine: Machine, instruction: Instruction, fixed: Mapping[str, int]) -> Guards:
    """The conditions that guard each block, by the block's identity."""
    operands = {
        n: constant(b.width, fixed[n]) if n in fixed else operand(b.width, n) for n, b in instruction.operands.items()
    }
    execution = _Tracing(machine, operands)
    leaves = {operand(t.width, n): t for n, t in operands.items()}
    given = {"length": instruction.length, "encoding": instruction.encoding_term}
    execution.given = {n: substitute([t], leaves)[0] for n, t in given.items() if t is not None}
    execution.frame.state[NEXT_PC] = machine.state.leaves[machine.state.pc].term
    execution.block(instruction.body)
    return execution.seen


def _operators(original: Original, guards: Guards, roles: Mapping[str, int]) -> dict[str, Editor]:
    machine = original.setting.machine
    control = {leaf.name for leaf in machine.state.control}
    mode = machine.state.leaves[machine.modes.leaf].term

    users = [original.setting.mode(m) for m in original.setting.deployment.modes.user.values]

    def on_control(block: Block) -> bool:
        """Whether a condition on control state guards the block, and user mode may run into it."""
        found = guards.get(id(block), set())
        return any(
            (name := t.free) is not None and name.space in (STATE, READ) and name.text in control
            for t in walk(guard for guard, _ in found)
        ) and any(substitute([reached], {mode: user})[0] is not FALSE for _, reached in found for user in users)

    def refuses(block: Block) -> bool:
        """The block is nothing but a trap that control state decides."""
        match block:
            case (Raise(function, args, _),):
                return function in machine.code.exits and bool(
                    {"privileged", "other"} & set(exit_kinds(machine, function, args))
                )
        return False

    def drop_check(statement: Statement) -> Iterator[Edit]:
        if isinstance(statement, If):
            if refuses(statement.then) and on_control(statement.then):
                yield "trap dropped", statement.orelse
            if refuses(statement.orelse) and on_control(statement.orelse):
                yield "trap dropped", statement.then

    def silent_trap(statement: Statement) -> Iterator[Edit]:
        if isinstance(statement, If):
            if refuses(statement.then) and on_control(statement.then):
                yield "trap made silent", (replace(statement, then=(Return(()),)),)
            if refuses(statement.orelse) and on_control(statement.orelse):
                yield "trap made silent", (replace(statement, orelse=(Return(()),)),)
        elif isinstance(statement, Raise) and original.verdict == "intentional":
            yield "trap made silent", (Return(()),)

    def skip_mode(statement: Statement) -> Iterator[Edit]:
        def offered(term: Term) -> Iterator[tuple[str, Term]]:
            if term.op in COMPARISONS and mode in walk([term]):
                yield f"{term.op} with the mode taken as true", TRUE
                yield f"{term.op} with the mode taken as false", FALSE
                for k, a in enumerate(term.args):
                    if a.is_constant:
                        other = constant(a.width, a.value ^ 1)
                        yield (
                            f"{term.op} with another mode",
                            mk(term.op, 0, *(other if i == k else x for i, x in enumerate(term.args))),
                        )

        yield from _in_terms(statement, offered)

    def widen_mask(statement: Statement) -> Iterator[Edit]:
        def offered(term: Term) -> Iterator[tuple[str, Term]]:
            if term.op == "and":
                for k, a in enumerate(term.args):
                    if a.is_constant and (more := _one_more(a)) is not None:
                        yield "mask wider", mk("and", term.width, more, term.args[1 - k])
            if term.op == "zext" and term.args[0].op == "extract":
                inner = term.args[0]
                assert isinstance(inner.data, tuple)
                high, low = inner.data
                if high + 1 < inner.args[0].width and high - low + 2 <= term.width:
                    yield "range wider", resized(extract(inner.args[0], high + 1, low), term.width)

        yield from _in_terms(statement, offered)

    def drop_write(statement: Statement) -> Iterator[Edit]:
        if isinstance(statement, SetLeaf | SetElement) and roles.get(machine.state.leaves[statement.leaf].role) == 1:
            yield f"{statement.leaf} not written", ()

    leaks = list(_leaks(original))

    def leak(statement: Statement) -> Iterator[Edit]:
        match statement:
            case SetLeaf(name, value) | SetElement(name, _, value) if (
                not machine.state.leaves[name].control and name != machine.state.memory
            ):
                for leaf in leaks:
                    yield f"{leaf.name} shows in {name}", (replace(statement, value=_mixed(value, leaf)),)

    found: dict[str, Editor] = {"widen mask": widen_mask, "drop write": drop_write, "leak control": leak}
    if original.verdict == "conditional" and original.footprint.tables:
        return found  # of the many checks of a descriptor any one closes the hole
    return {"drop check": drop_check, "silent trap": silent_trap, "skip mode": skip_mode, **found}


def _in_terms(statement: Statement, offered: Callable[[Term], Iterator[tuple[str, Term]]]) -> Iterator[Edit]:
    """The statement with one node of its expressions replaced."""
    terms = terms_of(statement)
    for part in walk(terms):
        for what, new in offered(part):
            changed = rewrite(terms, lambda t, _, part=part, new=new: new if t is part else None)  # type: ignore[misc]  # the defaults bind the loop variables
            yield what, (with_terms(statement, tuple(changed)),)


def _one_more(mask: Term) -> Term | None:
    """A constant with its lowest clear bit set."""
    clear = ~mask.value & (mask.value + 1)
    return constant(mask.width, mask.value | clear) if mask.width and clear < 1 << mask.width else None


def _written_roles(machine: Machine, blocks: Iterable[Block]) -> dict[str, int]:
    """How many statements write control state of each role."""
    found: dict[str, int] = {}
    for block in blocks:
        for statement in statements(block):
            if isinstance(statement, SetLeaf | SetElement) and machine.state.leaves[statement.leaf].control:
                role = machine.state.leaves[statement.leaf].role
                found[role] = found.get(role, 0) + 1
    return found


def _leaks(original: Original) -> Iterator[Leaf]:
    """One control leaf of every role of which the row reads nothing; none where a leak would go through a product or a quotient of two unknowns."""
    machine = original.setting.machine
    if any(
        t.op in ABSTRACTED and not any(a.is_constant for a in t.args) for t in walk(original.subject.transition.roots)
    ):
        return
    found = original.footprint
    known = {machine.state.leaves[n].role for n in found.reads | found.writes if n in machine.state.leaves}
    known |= {machine.code.tables[t].role for t in found.tables}
    known |= {"relocation"} if found.probes else set()
    if original.verdict in ("privileged", "intentional"):
        known.add("mode")  # the step completes in one mode at most, so that its name is no secret
    for leaf in machine.state.control:
        if leaf.role not in known:
            known.add(leaf.role)
            yield leaf


def _mixed(value: Term, leaf: Leaf) -> Term:
    """A value into which a control leaf goes."""
    secret = read_leaf(leaf, constant(leaf.index_width, 0) if isinstance(leaf, ArrayLeaf) else None)
    bits = ite(secret, constant(1, 1), constant(1, 0)) if secret.width == 0 else secret
    if value.width == 0:
        return ite(mk("eq", 0, extract(bits, 0, 0), constant(1, 1)), lnot(value), value)
    return mk("xor", value.width, value, resized(bits, value.width))


def original(
    setting: Setting, instruction: Instruction, row: Row, answer: InstructionResult, configuration: Configuration
) -> Original:
    """A row with its answer in a report; `configuration` is the report's."""
    under = configuration if answer.verdict == "conditional" else NOTHING
    one = subject(setting, instruction, row)
    return Original(setting, one, answer.verdict, answer.privileged, frozenset(map(str, answer.sensitivities)), under)
