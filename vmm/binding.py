"""What the dispatcher asks of a binding: decode, run and deliver an instruction, on integers or on the values of a proof."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import Term
from pgcheck.models.engine import pending, waiting
from pgcheck.models.reference.cycle import enter, execute, fetch, holds
from pgcheck.models.state import Exit, Fetched, State, Surroundings


@dataclass(frozen=True, slots=True)
class Binding:
    """The questions; the reference binding's answers by default.

    A proof gives the same dispatcher a binding on terms, so that the code that runs is the code that is proved.
    """

    pending: Callable[[Machine, State, Surroundings], bool] = pending
    waiting: Callable[[Machine, State, Surroundings], bool] = waiting
    holds: Callable[[Machine, Term, State, Surroundings], bool] = holds
    fetch: Callable[[Machine, State, Surroundings], Fetched | Exit | None] = fetch
    execute: Callable[[Machine, Fetched | None, State, Surroundings], tuple[Exit | None, Fetched | None]] = execute
    enter: Callable[[Machine, Exit, State, Surroundings], Exit | None] = enter


REFERENCE = Binding()
