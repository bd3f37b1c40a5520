"""What a monitor intercepts and fixes, and how it leaves and enters guests: values that the checker derives from a result and a monitor obeys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pgcheck.isa.machine.machine import Deployment
from pgcheck.isa.terms import TRUE, Term, conjunction
from pgcheck.vmm.kind import Kind


@dataclass(frozen=True, slots=True)
class Copy:
    """A leaf, or the element at `index` of one that is an array, holds the value of a term over a state."""

    leaf: str
    index: int | None
    value: Term


@dataclass(frozen=True, slots=True)
class Recovery:
    """How the guest's state before a trap entry is read off the state after it (the recovery map).

    The copies are over the leaves after the entry, units of memory, and what the trap hands over; what they do not name is as the entry
    has left it. Where `located` does not hold of what is handed over, PC is not to be had, and the trap is the guest's as it stands.
    """

    copies: tuple[Copy, ...]
    located: Term = TRUE


@dataclass(frozen=True, slots=True)
class Return:
    """An instruction of the monitor's that leads to the states of which `when` holds (the entry map).

    It is executed in the state that is wanted, but for the copies `before`, with units of memory (address, value) that are `words`; it
    leaves the copies `left` in leaves of the monitor's own. All are terms over the state that is wanted.
    """

    instruction: str
    operands: Mapping[str, int]
    when: Term
    before: tuple[Copy, ...]
    left: tuple[Copy, ...]
    words: tuple[tuple[Term, Term], ...]


@dataclass(frozen=True, slots=True)
class Crossing:
    """A recovery for every way into the monitor ("b in a": the delivery of b within that of a), and returns for every state of a guest.

    The first `keep` units of RAM are the monitor's: there trap entries store and lead to, and returns find their words. Before a guest runs
    the units `laid` are there, the entries of its tables. `pages` are those that every shadow table maps for its modes alone, by the
    address at which they are reached: how many units into what it keeps each lies. `modes` are the real modes of guests. `refused` is what the processor raises where a unit outside it refuses an access, over the arguments of translation. `handed`
    says of what traps of an instruction with `restart: partial` hand over that they are the guest's as they stand, by instruction and terminator.
    """

    recoveries: Mapping[str, Recovery]
    returns: tuple[Return, ...]
    keep: int
    modes: frozenset[int]
    refused: tuple[str, tuple[Term, ...]] | None = None
    handed: Mapping[str, Mapping[str, Term]] = field(default_factory=dict)
    pages: Mapping[int, int] = field(default_factory=dict)
    laid: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policy:
    """The monitor's side of the relation between virtual and real machine (docs/definitions.md, The relation).

    `traps` are instructions (by id with row) whose user-mode execution enters the monitor; `intercept` the terminators whose
    delivery does. `fixed` control leaves hold constants, `mirrored` ones equal the guest's; `real` are the values of all other
    scalar control leaves while a guest runs. `responses` say what the monitor puts into each table it owns (None: the guest's own
    entry). `direct` is the predicate of the virtual states that may run on the processor,
    as the kind of monitor says.
    """

    deployment: str
    kind: Kind
    traps: frozenset[str]
    intercept: frozenset[str]
    fixed: Mapping[str, int]
    mirrored: frozenset[str]
    real: Mapping[str, int]
    responses: Mapping[str, Mapping[str, int] | None]
    direct: Term
    crossing: Crossing | None = None


def direct(kind: Kind, deployment: Deployment) -> Term:
    """The predicate of the virtual states that a kind of monitor runs on the processor."""
    return conjunction(kind.direct(deployment))
