"""What a model says on integers: a copy's state, and the answers to all that a step on the reference binding asks of outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pgcheck.checker.questions.copies import HOSTMAP, MISS, in_mode, mode_position
from pgcheck.checker.solving.model import Model
from pgcheck.isa.idl.state import ArrayLeaf, Leaf, ScalarLeaf
from pgcheck.isa.machine.choices import Fields
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import Name, Term
from pgcheck.isa.terms.names import CHOICE, PROBE, READ, REAL, TABLE, Space, Tag
from pgcheck.models.state import Cells, State, Surroundings
from pgcheck.models.symbolic import ADDRESS, FAULT


def state_under(machine: Machine, leaves: Mapping[str, Term], model: Model) -> State:
    """The state that the terms `leaves` are under a model."""
    scalars = [n for n, leaf in machine.state.leaves.items() if isinstance(leaf, ScalarLeaf)]
    values = dict(zip(scalars, model.values([leaves[n] for n in scalars]), strict=True))
    return {n: values[n] if n in values else _cells(leaves[n], model) for n in machine.state.leaves}


def _cells(term: Term, model: Model) -> Cells:
    return Cells(term.value) if term.op == "karray" else Cells(0, model.cells(term.name))


@dataclass(frozen=True)
class Answers:
    """The oracle of the copy `tag` of a step under a model: cuts, nondeterministic sites and volatile reads.

    Of the real machine `virtual_mode` is the mode of the guest that it runs, and `responses` what the monitor has put into tables: its
    translation gives what the guest's gives in that mode, or faults besides; a probe gives the host's address. With `hard` the
    specification's own translation runs.
    """

    machine: Machine
    model: Model
    tag: Tag
    virtual_mode: int = 0
    responses: Mapping[str, Fields | None] = field(default_factory=dict)
    hard: bool = False

    @property
    def surroundings(self) -> Surroundings:
        """All answers, for a step."""
        return Surroundings(self.undefined, self.volatile, self.changed, self)

    def translate(self, args: tuple[int, ...]) -> tuple[bool, int] | None:
        if self.hard:
            return None
        asked, rest = self._in_mode(args)
        missed = self.tag == REAL and bool(self.model.function(MISS, rest, 0))
        return self.faults(args) or missed, self.model.function(ADDRESS, asked, 0)

    def faults(self, args: tuple[int, ...]) -> bool:
        """Whether the guest's own translation faults."""
        return bool(self.model.function(FAULT, self._in_mode(args)[0], 0))

    def _in_mode(self, args: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The arguments of a translation with the guest's own mode, and without any."""
        at = mode_position(self.machine)
        asked = in_mode(self.machine, args, self.virtual_mode) if self.tag == REAL else args
        return asked, (*args[:at], *args[at + 1 :])

    def probe(self, name: str, args: tuple[int, ...]) -> int | None:
        value = self.model.function(Name(PROBE, name), self._in_mode(args)[0], 0)
        return self.model.function(HOSTMAP, (value,), 0) if self.tag == REAL else value

    def table(self, name: str, args: tuple[int, ...]) -> int | None:
        if self.tag == REAL and name not in self.responses:
            return self.model.function(Name(TABLE, name, copy=REAL), args, 0)
        value = self.model.function(Name(TABLE, name), args, 0)
        return self.machine.code.tables[name].responded(value, self.responses[name]) if self.tag == REAL else value

    def undefined(self, site: str, instance: int, width: int) -> int:
        """The value of a nondeterministic site."""
        return self.model.variables.get(self._named(CHOICE, site, instance), 0)

    def volatile(self, leaf: Leaf, instance: int, index: int | None) -> int:
        """What a volatile leaf gives."""
        return self.model.variables.get(self._named(READ, leaf.name, instance), 0)

    def changed(self, leaf: Leaf, instance: int) -> Cells | int:
        """What a device's leaf becomes by a read."""
        name = self._named(READ, leaf.name, instance)
        return Cells(0, self.model.cells(name)) if isinstance(leaf, ArrayLeaf) else self.model.variables.get(name, 0)

    @cached_property
    def _own(self) -> frozenset[Name]:
        """The names that the model has for this copy alone."""
        names: Iterator[Name] = iter((*self.model.variables, *(array for array, _ in self.model.elements)))
        return frozenset(n for n in names if n.copy == self.tag)

    def _named(self, space: Space, text: str, instance: int) -> Name:
        """The copy's own fresh variable, or the one that both copies share."""
        name = Name(space, text, instance)
        return own if (own := name.of(self.tag)) in self._own else name
