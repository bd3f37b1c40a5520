"""A witness run again on the reference binding: no solver, no terms, only the specification and integers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pgcheck.checker.questions.copies import HOSTMAP
from pgcheck.checker.questions.hole import REAL_LEFT
from pgcheck.checker.result import StateValue, Witness
from pgcheck.isa.idl.state import ArrayLeaf, Leaf, ScalarLeaf
from pgcheck.isa.idl.types import Bitfield
from pgcheck.isa.machine.machine import MIRROR, Deployment, Instruction, Machine
from pgcheck.isa.terms import Name
from pgcheck.isa.terms.ir import EXECUTE, HALT, NEXT, UNMODELLED, UNPREDICTABLE
from pgcheck.isa.terms.names import CHOICE, PROBE, READ, REAL, TABLE, VIRTUAL, Tag
from pgcheck.models.reference.cycle import canonical, deliver, holds, step
from pgcheck.models.state import Cells, State, Surroundings, copied, holding


class BadWitness(Exception):
    """A witness does not fit the specification; the message says how."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay showed: whether the first difference that the witness names is there, and all that differs."""

    reproduced: bool
    differs: tuple[str, ...]
    virtual_after: Mapping[str, StateValue]
    real_after: Mapping[str, StateValue]
    virtual_exit: str
    real_exit: str


@dataclass(frozen=True, slots=True)
class _Answers:
    """The oracle of one side of a witness."""

    machine: Machine
    witness: Witness
    real: bool
    hard: bool

    def translate(self, args: tuple[int, ...]) -> tuple[bool, int] | None:
        if self.hard:
            return None
        args, rest = self._in_virtual_mode(args)
        found = {a: (f, p) for a, f, p in self.witness.translations}
        fault, address = found.get(args, (0, 0))
        missed = self.real and bool(dict(self.witness.misses).get(rest, 0))
        return bool(fault) or missed, address

    def _in_virtual_mode(self, args: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        assert self.machine.code.translation is not None
        at = self.machine.code.translation.mode
        mode = self.witness.virtual_mode if self.real else args[at]
        return (*args[:at], mode, *args[at + 1 :]), (*args[:at], *args[at + 1 :])

    def probe(self, name: str, args: tuple[int, ...]) -> int | None:
        found = {(n, a): v for n, a, v in self.witness.probes}
        value = found.get((str(Name(PROBE, name)), self._in_virtual_mode(args)[0]), 0)
        return found.get((str(HOSTMAP), (value,)), 0) if self.real else value

    def table(self, name: str, args: tuple[int, ...]) -> int | None:
        found = {(n, a): v for n, a, v in self.witness.tables}
        response = self.witness.configuration.get(f"@{name}")
        if not self.real or response is not None:
            value = found.get((str(Name(TABLE, name)), args), 0)
            if self.real and isinstance(response, Mapping):
                value = self.machine.code.tables[name].responded(value, response)
            return value
        return found.get((str(Name(TABLE, name, copy=REAL)), args), 0)


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
    """Run both sides of a witness. With `hard` the specification's own translation runs instead of the oracle. Raises BadWitness."""
    deployment, instruction = _named(machine, witness)
    pre: dict[Tag, State] = {VIRTUAL: state_of(machine, witness.virtual), REAL: state_of(machine, witness.real)}
    if hard:
        assert machine.code.translation is not None
        for state in pre.values():
            state.update(holding(machine, machine.code.translation.replay))
    missing = set(instruction.operands) - set(witness.operands)
    if missing:
        raise BadWitness(f"no value for operand {', '.join(sorted(missing))} of {instruction.id}")
    for name, type_ in instruction.operands.items():
        if witness.operands[name] >> type_.width:
            raise BadWitness(f"{witness.operands[name]} does not fit operand {name} of {instruction.id}")
    for name, response in witness.configuration.items():
        _checked_response(machine, name, response)
    post: dict[Tag, State] = {}
    outcome: dict[Tag, tuple[str, tuple[int, ...]]] = {}
    for tag in (VIRTUAL, REAL):
        post[tag] = copied(pre[tag])
        outcome[tag] = _run(machine, witness, instruction, post[tag], tag, hard)
    differs = _differences(machine, deployment, witness, pre, post, outcome)
    return Replayed(
        bool(witness.differs) and witness.differs[0] in differs,
        differs,
        values_of(post[VIRTUAL]),
        values_of(post[REAL]),
        outcome[VIRTUAL][0],
        outcome[REAL][0],
    )


def _checked_response(machine: Machine, name: str, response: object) -> None:
    """A table's response names a table and its fields; a leaf's value is in the states already. Raises BadWitness."""
    if not name.startswith("@") or not isinstance(response, Mapping):
        return
    type_ = machine.code.tables[name[1:]].type if name[1:] in machine.code.tables else None
    if not isinstance(type_, Bitfield) or not set(response) <= set(type_.ranges):
        raise BadWitness(
            f"no table of {machine.identity.name} has the entry {name[1:]}: {', '.join(map(str, response))}"
        )


def _named(machine: Machine, witness: Witness) -> tuple[Deployment, Instruction]:
    deployment = next((d for d in machine.deployments if d.name == witness.deployment), None)
    if deployment is None:
        raise BadWitness(f"{machine.identity.name} has no deployment '{witness.deployment}'")
    try:
        return deployment, machine.instruction(witness.instruction)
    except KeyError:
        raise BadWitness(f"{machine.identity.name} has no instruction '{witness.instruction}'") from None


def _run(
    machine: Machine, witness: Witness, instruction: Instruction, state: State, tag: Tag, hard: bool
) -> tuple[str, tuple[int, ...]]:
    """One side; the name of its outcome (`next`, the terminator, ...) and its payload."""
    choices = witness.choices

    def chosen(name: Name) -> int:
        return choices.get(str(name.of(tag)), choices.get(str(name), 0))

    def undefined(site: str, instance: int, width: int) -> int:
        return chosen(Name(CHOICE, site, instance))

    def volatile(leaf: Leaf, instance: int, index: int | None) -> int:
        return chosen(Name(READ, leaf.name, instance))

    def changed(leaf: Leaf, instance: int) -> Cells | int:
        name = Name(READ, leaf.name, instance)
        if isinstance(leaf, ScalarLeaf):
            return chosen(name)
        head = f"{name.of(tag)}["
        return Cells(0, {int(k[len(head) : -1]): v for k, v in choices.items() if k.startswith(head)})

    surroundings = Surroundings(undefined, volatile, changed, _Answers(machine, witness, tag == REAL, hard))
    ended = step(machine, canonical(instruction, witness.operands), state, surroundings)
    while ended is not None and ended.function in witness.continued:
        ended = deliver(machine, ended, state, surroundings)
    if ended is None:
        return NEXT, ()
    return ended.function, ended.args


def _goes_on(machine: Machine, outcome: tuple[str, tuple[int, ...]]) -> bool:
    rule = machine.code.exits.get(outcome[0])
    return outcome[0] == NEXT or (rule is not None and rule.kind == EXECUTE)


def _differences(
    machine: Machine,
    deployment: Deployment,
    witness: Witness,
    pre: Mapping[Tag, State],
    post: Mapping[Tag, State],
    outcome: Mapping[Tag, tuple[str, tuple[int, ...]]],
) -> tuple[str, ...]:
    """The mismatches of the relation (docs/definitions.md), on values; nothing when the real machine trapped into the monitor."""
    v, r = outcome[VIRTUAL], outcome[REAL]
    if v[0] in (UNMODELLED, UNPREDICTABLE):
        return ()
    found: list[str] = []
    if r[0] in (UNMODELLED, UNPREDICTABLE):
        return (r[0],)
    if r[0] == HALT:
        return (HALT,)
    if not _goes_on(machine, r):
        return ()
    same = v[0] == r[0]
    if not same:
        found.append(f"trap:{r[0]}")
    relation = {leaf.name: _relation(machine, deployment, witness, leaf) for leaf in machine.state.leaves.values()}
    for prefix in ("virtual", "real", "mirror", "general"):
        for name, how in relation.items():
            match prefix:
                case "virtual" if how == "own" and same:
                    differ = post[VIRTUAL][name] != pre[VIRTUAL][name]
                case "real" if how == "own":
                    differ = post[REAL][name] != pre[REAL][name]
                case "mirror" | "general" if how == prefix and same:
                    differ = post[VIRTUAL][name] != post[REAL][name]
                case _:
                    continue
            if differ:
                found.append(f"{prefix}:{name}")
    if same and _leaves_real(machine, deployment, relation, pre[REAL], post[REAL]):
        found.append(REAL_LEFT)
    if same and v[1] != r[1]:
        found.append(f"payload:{v[0]}")
    return tuple(found)


def _leaves_real(
    machine: Machine, deployment: Deployment, relation: Mapping[str, str], pre: State, post: State
) -> bool:
    """`real` held, and no longer does with the monitor's own leaves as before."""
    after: State = {n: pre[n] if relation[n] == "own" else value for n, value in post.items()}
    return holds(machine, deployment.real, pre) and not holds(machine, deployment.real, after)


def _relation(machine: Machine, deployment: Deployment, witness: Witness, leaf: Leaf) -> str:
    if not leaf.control:
        return "general"
    if leaf.name == machine.modes.leaf:
        return "own" if deployment.real_mode is not None else "mirror"
    mirrored = leaf.name in deployment.mirror or witness.configuration.get(leaf.name) == MIRROR
    return "mirror" if mirrored else "own"
