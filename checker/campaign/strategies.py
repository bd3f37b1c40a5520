"""Hypothesis strategies over specifications, for tests of one's own.

Every strategy draws one tape (bytes) and decodes it as the campaigns do, so that shrinking makes a case simpler and what is drawn here can
be replayed there. An `Author(machine, policy)` is the decoder; `policy_of` derives the policy by checking the machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from hypothesis import strategies as st

from pgcheck.checker.campaign.batches.share import Share
from pgcheck.checker.campaign.cases.case import TAPE, Author, Case
from pgcheck.checker.campaign.cases.inventory import Units
from pgcheck.checker.campaign.cases.tape import Tape
from pgcheck.checker.check import check, solver_for
from pgcheck.checker.options import Options
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.verdicts.policy import policy
from pgcheck.isa.machine.machine import Machine
from pgcheck.vmm.kind import kinds
from pgcheck.vmm.policy import Policy

__all__ = [
    "Author", "Case", "Share", "devices", "guests", "page_tables", "policy_of", "programs", "schedules", "shapes", "tapes", "trap_handlers",
]  # fmt: skip
T = TypeVar("T")
Placed = tuple[int, int, int]


def policy_of(machine: Machine, kind: str = "type1", *, force: bool = False) -> Policy:
    """The policy that a check of the machine promises a kind of monitor. Raises KeyError for an unknown kind; NoMonitor, unless `force`."""
    options = Options()
    solver = solver_for(options)
    try:
        return policy(
            machine, check(machine, options).deployments[0], Evidence(solver, second=False), kinds()[kind], force=force
        )
    finally:
        solver.close()


def tapes(size: int = TAPE) -> st.SearchStrategy[bytes]:
    """Tapes of `size` bytes."""
    return st.binary(min_size=size, max_size=size)


def guests(author: Author) -> st.SearchStrategy[Case]:
    """Whole guests: a legal start state, programs, trap handlers, page tables, schedule and values of undefined sites."""
    return tapes().map(lambda data: author.case(Tape(data)))


def shapes() -> st.SearchStrategy[tuple[bytes, int]]:
    """A shape and a seed, for `Share.first`: the tape of a case, and what thousands of cases like it are made from in native code."""
    return st.tuples(tapes(), st.integers(0, (1 << 64) - 1))


def programs(author: Author, *, kernel: bool = True, length: int = 16) -> st.SearchStrategy[tuple[Units, ...]]:
    """Programs of `length` valid instructions, for supervisor (`kernel`) or user mode: the units of each instruction."""
    return _from(lambda tape: tuple(author.program(tape, length, kernel=kernel)))


def trap_handlers(author: Author) -> st.SearchStrategy[tuple[Units, ...]]:
    """Trap handlers: some instructions, then mostly one that returns."""
    return _from(lambda tape: tuple(author.handler(tape, author.start_state())))


def page_tables(author: Author) -> st.SearchStrategy[tuple[Placed, ...]]:
    """Page tables for two roots, as stores (address, units, value); empty for machines without."""

    def drawn(tape: Tape) -> tuple[Placed, ...]:
        found = author.tables
        return (
            ()
            if found is None
            else tuple((at, found.shape.units, held) for at, held in found.draw(tape).entries.items())
        )

    return _from(drawn)


def devices(author: Author, steps: int = 64) -> st.SearchStrategy[tuple[tuple[int, str, int], ...]]:
    """What interrupt lines do: (step, leaf, level) in order; empty for machines without lines."""
    return _from(lambda tape: author.events(tape, steps))


def schedules(turns: int = 4, longest: int = 24) -> st.SearchStrategy[tuple[int, ...]]:
    """Lengths of a guest's turns, in steps."""
    return st.lists(st.integers(1, longest), min_size=turns, max_size=turns).map(tuple)


def _from(decode: Callable[[Tape], T]) -> st.SearchStrategy[T]:
    return tapes().map(lambda data: decode(Tape(data)))
