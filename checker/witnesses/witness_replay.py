"""A witness run again on the reference binding: no solver, only the specification and integers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, TypeVar

from pgcheck.checker.questions.answers import Answers
from pgcheck.checker.questions.copies import MISS
from pgcheck.checker.questions.delegation import ran_on
from pgcheck.checker.questions.relation import CONST, OWN, How, relations
from pgcheck.checker.result import StateValue, Witness
from pgcheck.checker.solving.model import Model
from pgcheck.checker.values import REAL_LEFT, Configuration, Mismatch, Payload, Way, mismatch
from pgcheck.isa.idl.state import ArrayLeaf
from pgcheck.isa.idl.types import Bitfield
from pgcheck.isa.machine.machine import Deployment, Instruction, Machine
from pgcheck.isa.terms.ir import EXECUTE, HALT, NEXT, UNMODELLED, UNPREDICTABLE
from pgcheck.isa.terms.names import REAL, VIRTUAL, read
from pgcheck.models.reference.cycle import canonical, holds, step
from pgcheck.models.state import Cells, State, Surroundings, copied, holding
from pgcheck.models.symbolic import ADDRESS, FAULT

T = TypeVar("T")
Undefined: TypeAlias = Callable[[str, int, int], int]
MAX_RUNS: Final = 256


class BadWitness(Exception):
    """A witness does not fit the specification; the message says how."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay showed: whether the first difference that the witness names is there, and all that differs."""

    reproduced: bool
    differs: tuple[Mismatch, ...]
    virtual_after: Mapping[str, StateValue]
    real_after: Mapping[str, StateValue]
    virtual_exit: str
    real_exit: str


def model_of(witness: Witness) -> Model:
    """The answers of a witness: fresh variables and oracles. Raises BadWitness."""
    try:
        variables = {read(n): v for n, v in witness.choices.items() if "[" not in n}
        elements = {(read(n), int(i.removesuffix("]"))): v for n, i, v in _elements(witness)}
        functions = {(read(n), a): v for n, a, v in (*witness.probes, *witness.tables)}
    except ValueError as error:
        raise BadWitness(f"this answers nothing: {error}") from error
    translations = {(FAULT, a): f for a, f, _ in witness.translations} | {
        (ADDRESS, a): p for a, _, p in witness.translations
    }
    return Model(variables, elements, functions | translations | {(MISS, a): v for a, v in witness.misses})


def _elements(witness: Witness) -> Iterator[tuple[str, str, int]]:
    for text, value in witness.choices.items():
        name, found, index = text.partition("[")
        if found:
            yield name, index, value


def state_of(machine: Machine, values: Mapping[str, StateValue]) -> State:
    """A whole state from the leaves of a witness. Raises BadWitness."""
    for name, value in values.items():
        leaf = machine.state.leaves.get(name)
        if leaf is None:
            raise BadWitness(f"no state '{name}' in {machine.identity.name}")
        numbers = value.items() if isinstance(value, Mapping) else [(0, value)]
        if isinstance(value, Mapping) != isinstance(leaf, ArrayLeaf) or any(
            not 0 <= v < 1 << leaf.element_width for _, v in numbers
        ):
            raise BadWitness(f"{name} cannot have the value {value}")
        if isinstance(leaf, ArrayLeaf) and any(not -1 <= i < leaf.size for i, _ in numbers):
            raise BadWitness(f"{name} has {leaf.size} elements, and no others")
    state: State = {}
    for name, leaf in machine.state.leaves.items():
        value = values.get(name, 0)
        if isinstance(value, Mapping):
            state[name] = Cells(value.get(-1, 0), {k: v for k, v in value.items() if k >= 0})
        else:
            state[name] = Cells() if isinstance(leaf, ArrayLeaf) else value
    return state


def values_of(state: Mapping[str, int | Cells]) -> dict[str, StateValue]:
    """The leaves of a state that are not 0, as a witness gives them."""
    values: dict[str, StateValue] = {}
    for name, value in state.items():
        if isinstance(value, Cells):
            cells = {-1: value.fill, **value.apart()} if value.fill else value.apart()
            if cells:
                values[name] = cells
        elif value:
            values[name] = value
    return values


def replay_witness(machine: Machine, witness: Witness, *, hard: bool = False) -> Replayed:
    """Run both sides of a witness, the virtual one with every choice: none may do what the real one did. Raises BadWitness.

    With `hard` the specification's own translation runs instead of the oracle.
    """
    deployment, instruction = _named(machine, witness)
    missing = set(instruction.operands) - set(witness.operands)
    if missing:
        raise BadWitness(f"no value for operand {', '.join(sorted(missing))} of {instruction.id}")
    for name, type_ in instruction.operands.items():
        if witness.operands[name] >> type_.width:
            raise BadWitness(f"{witness.operands[name]} does not fit operand {name} of {instruction.id}")
    _check_responses(machine, witness.configuration)
    _check_traps(machine, witness.continued)
    model = model_of(witness)
    real, virtual = (
        Answers(machine, model, tag, witness.virtual_mode, witness.configuration.tables, hard)
        for tag in (REAL, VIRTUAL)
    )
    r = _side(machine, instruction, witness, witness.real, real.surroundings, hard=hard)
    surroundings, how = virtual.surroundings, relations(machine, deployment, witness.configuration)

    def chosen(undefined: Undefined) -> _Side:
        outside = replace(surroundings, undefined=undefined)
        return _side(machine, instruction, witness, witness.virtual, outside, hard=hard)

    v = chosen(surroundings.undefined)
    differs = _differences(machine, deployment, how, v, r)
    possible = (o for o in every_choice(chosen) if o.exit not in (UNMODELLED, UNPREDICTABLE))
    whatever = all(_differences(machine, deployment, how, other, r) for other in possible)
    return Replayed(
        whatever and bool(witness.differs) and witness.differs[0] in differs,
        differs,
        values_of(v.after),
        values_of(r.after),
        v.exit,
        r.exit,
    )


def _check_responses(machine: Machine, configuration: Configuration) -> None:
    """A table's response names a table and its fields; a leaf's value is in the states already. Raises BadWitness."""
    for name, response in configuration.tables.items():
        type_ = machine.code.tables[name].type if name in machine.code.tables else None
        if response is not None and not (isinstance(type_, Bitfield) and set(response) <= set(type_.ranges)):
            raise BadWitness(f"no table of {machine.identity.name} has the entry {name}: {', '.join(response)}")


def _check_traps(machine: Machine, traps: Iterable[Payload]) -> None:
    """A trap is one of the machine's, its values those of its arguments. Raises BadWitness."""
    for trap in traps:
        if trap.function not in machine.code.exits:
            raise BadWitness(f"{machine.identity.name} has no trap '{trap.function}'")
        widths = dict(machine.code.functions[trap.function].parameters)
        for name, value in trap.values:
            if name not in widths or value >> widths[name]:
                raise BadWitness(f"{trap.function} of {machine.identity.name} has no argument {name} of value {value}")


def _named(machine: Machine, witness: Witness) -> tuple[Deployment, Instruction]:
    deployment = next((d for d in machine.deployments if d.name == witness.deployment), None)
    if deployment is None:
        raise BadWitness(f"{machine.identity.name} has no deployment '{witness.deployment}'")
    try:
        return deployment, machine.instruction(witness.instruction)
    except KeyError:
        raise BadWitness(f"{machine.identity.name} has no instruction '{witness.instruction}'") from None


@dataclass(frozen=True, slots=True)
class _Side:
    """What one machine did: `exit` is `next`, or the terminator that took `payload`."""

    before: State
    after: State
    exit: str
    payload: tuple[int, ...]


def every_choice(run: Callable[[Undefined], T]) -> Iterator[T]:
    """What a run does whatever nondeterministic sites give, which it asks for; the first MAX_RUNS of it."""
    chosen: list[int] = []
    for _ in range(MAX_RUNS):
        largest: list[int] = []

        def undefined(site: str, instance: int, width: int, largest: list[int] = largest) -> int:
            """The next choice of this run."""
            if len(largest) == len(chosen):
                chosen.append(0)
            largest.append((1 << max(width, 1)) - 1)
            return chosen[len(largest) - 1]

        yield run(undefined)
        del chosen[len(largest) :]
        while chosen and chosen[-1] == largest[len(chosen) - 1]:
            chosen.pop()
        if not chosen:
            return
        chosen[-1] += 1


def _side(
    machine: Machine,
    instruction: Instruction,
    witness: Witness,
    before: Mapping[str, StateValue],
    surroundings: Surroundings,
    *,
    hard: bool,
) -> _Side:
    """One side run. Raises BadWitness."""
    state = state_of(machine, before)
    if hard and machine.code.translation is not None:
        state.update(holding(machine, machine.code.translation.replay))
    after = copied(state)
    ended = step(machine, canonical(instruction, witness.operands), after, surroundings)
    ended = ran_on(machine, witness.continued, ended, after, surroundings)
    return _Side(state, after, NEXT, ()) if ended is None else _Side(state, after, ended.function, ended.args)


def _goes_on(machine: Machine, side: _Side) -> bool:
    rule = machine.code.exits.get(side.exit)
    return side.exit == NEXT or (rule is not None and rule.kind == EXECUTE)


def _differences(
    machine: Machine, deployment: Deployment, how: Mapping[str, How], v: _Side, r: _Side
) -> tuple[Mismatch, ...]:
    """The mismatches of the relation (docs/definitions.md), on values; nothing when the real machine trapped into the monitor."""
    if v.exit in (UNMODELLED, UNPREDICTABLE):
        return ()
    if r.exit in (UNMODELLED, UNPREDICTABLE, HALT):
        return (mismatch(r.exit),)
    if not _goes_on(machine, r):
        return ()
    same, apart = v.exit == r.exit, [n for n, related in how.items() if related in (OWN, CONST)]
    found = [] if same else [Mismatch("trap", r.exit)]
    if same:
        found += [Mismatch("virtual", n) for n in apart if v.after[n] != v.before[n]]
    found += [Mismatch("real", n) for n in apart if r.after[n] != r.before[n]]
    if not same:
        return tuple(found)
    ways: tuple[Way, ...] = ("mirror", "general")
    found += [Mismatch(w, n) for w in ways for n, related in how.items() if related == w and v.after[n] != r.after[n]]
    left = r.after | {n: r.before[n] for n in apart}
    if holds(machine, deployment.real, r.before) and not holds(machine, deployment.real, left):
        found.append(REAL_LEFT)
    return (*found, Mismatch("payload", v.exit)) if v.payload != r.payload else tuple(found)
