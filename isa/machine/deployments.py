"""Modes, deployments and configurations of a specification."""

from __future__ import annotations

from collections.abc import Mapping

from pgcheck.isa.files import schema
from pgcheck.isa.files.errors import Text
from pgcheck.isa.idl.program import Program
from pgcheck.isa.idl.state import Leaf
from pgcheck.isa.machine.choices import MIRROR, Choice
from pgcheck.isa.machine.machine import Candidate, Deployment, ModeClass, Modes, Virtual
from pgcheck.isa.machine.resolve import leaf_number, leaves_of, one_leaf, truth_or
from pgcheck.isa.terms import TRUE, Term, constant, disjunction, eq

MODE = "mode"
MAX_MODE_BITS = 8


def modes(program: Program, given: schema.Modes) -> Modes | None:
    """The mode leaf and the classes of its values; None after a reported problem."""
    leaf = one_leaf(program, given.state, "the mode")
    if leaf is None:
        return None
    if leaf.role != MODE:
        program.problems.report(
            given.state.position,
            "the mode is control state of role mode",
            found=f"role {leaf.role}",
            expected=f"role {MODE}",
            hint=f"give {leaf.name} the role {MODE} under `state`, or name the leaf that has it",
        )
        return None
    if leaf.width > MAX_MODE_BITS:
        program.problems.report(
            given.state.position,
            "the mode is too wide to try all its values",
            found=f"{leaf.width} bits",
            expected=f"at most {MAX_MODE_BITS} bits",
        )
        return None
    return _classes(program, leaf, given)


def _classes(program: Program, leaf: Leaf, given: schema.ModeClasses) -> Modes:
    def mode_class(one: schema.ModeClass) -> ModeClass:
        if not one.values:
            program.problems.report(one.position, "a mode class needs a value", expected="values: [..]")
        values = tuple(leaf_number(program, leaf, v, one.position) for v in one.values)
        return ModeClass(values, truth_or(program, one.when, _one_of(leaf, values)))

    return Modes(leaf.name, mode_class(given.supervisor), mode_class(given.user))


def _one_of(leaf: Leaf, values: tuple[int, ...]) -> Term:
    return disjunction(eq(leaf.term, constant(leaf.width, v)) for v in values)


def deployments(program: Program, given: Mapping[Text, schema.Deployment], machine: Modes) -> tuple[Deployment, ...]:
    """Every deployment, in order; without any, the virtual machine runs in user mode."""
    leaf = program.leaves[machine.leaf]
    given = {name: one for name, one in given.items() if one.virtual is None}
    if not given:
        entered = _one_of(leaf, machine.supervisor.values)
        user = next(iter(machine.user.values), 0)
        return (Deployment("default", TRUE, user, TRUE, entered, frozenset(), machine),)
    return tuple(_deployment(program, str(name), one, leaf, machine) for name, one in given.items())


def virtual(program: Program, given: Mapping[Text, schema.Deployment], machine: Modes) -> tuple[Virtual, ...]:
    """The deployments that name another specification as the virtual machine, which is not read here."""
    leaf, found = program.leaves[machine.leaf], []
    for name, one in given.items():
        if one.virtual is None:
            continue
        for key, said in (("guest", one.guest), ("modes", one.modes)):
            if said is not None:
                hint = f"what the virtual machine is, {one.virtual} says in its first deployment"
                program.problems.report(said.position, f"`{key}` does not go with `virtual`", hint=hint)
        found.append(Virtual(_deployment(program, str(name), one, leaf, machine), one.virtual))
    return tuple(found)


def _deployment(program: Program, name: str, given: schema.Deployment, leaf: Leaf, machine: Modes) -> Deployment:
    own = machine if given.modes is None else _classes(program, leaf, given.modes)
    same = isinstance(given.real_mode, Text) and given.real_mode == "same"
    mode = None if same else leaf_number(program, leaf, given.real_mode, given.position)
    mirror = {leaf for path in given.mirror for leaf in leaves_of(program, path)}
    return Deployment(
        name,
        truth_or(program, given.guest, TRUE),
        mode,
        truth_or(program, given.real, TRUE),
        truth_or(program, given.monitor, _one_of(leaf, own.supervisor.values)),
        frozenset(mirror | {machine.leaf} if same else mirror),
        own,
    )


def candidates(program: Program, given: Mapping[Text, Mapping[Text, list[int | Text]]]) -> tuple[Candidate, ...]:
    """Every leaf that a monitor may fix, with its values."""
    return tuple(
        Candidate(str(name), leaf, tuple(_choice(program, program.leaves[leaf], v, path) for v in values))
        for name, listed in given.items()
        for path, values in listed.items()
        for leaf in leaves_of(program, path)
    )


def _choice(program: Program, leaf: Leaf, given: int | Text, path: Text) -> Choice:
    mirrored = isinstance(given, Text) and given == MIRROR
    return MIRROR if mirrored else leaf_number(program, leaf, given, path.position)
