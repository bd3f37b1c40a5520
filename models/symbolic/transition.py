"""A step as terms: how it completes, its exits, and what it accesses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pgcheck.isa.terms import Name, Term
from pgcheck.isa.terms.names import TRANSLATION

FAULT, ADDRESS = Name(TRANSLATION, "fault"), Name(TRANSLATION, "pa")


@dataclass(frozen=True, slots=True)
class Exit:
    """One way a step ends early: `guard`, the terminator with its payload, and the state at that point."""

    guard: Term
    function: str
    args: tuple[Term, ...]
    note: str
    state: Mapping[str, Term]


@dataclass(frozen=True, slots=True)
class Access:
    """An access to physical memory of `units` from `address` on, made under `guard`; `write` where it stores."""

    guard: Term
    address: Term
    units: int
    write: bool


@dataclass(frozen=True, slots=True)
class Transition:
    """One step: it completes under `completes` with state `post`, or takes one of `exits`; `accesses` are those to memory."""

    completes: Term
    post: Mapping[str, Term]
    exits: tuple[Exit, ...]
    accesses: tuple[Access, ...] = ()

    @property
    def roots(self) -> tuple[Term, ...]:
        """Every term of the transition, in a fixed order."""
        parts = [self.completes, *self.post.values()]
        for e in self.exits:
            parts += [e.guard, *e.args, *e.state.values()]
        return tuple(parts)
