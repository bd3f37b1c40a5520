"""What a property says about a case, and the machines that it is tried on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pgcheck.checker.campaign.cases.case import Author
from pgcheck.checker.campaign.pairs.pair import Arrangement, Pair, pair
from pgcheck.checker.campaign.pairs.recording import Taken
from pgcheck.isa.terms.ir import UNMODELLED, UNPREDICTABLE
from pgcheck.models.state import Exit

EXCLUDED: Final = (UNMODELLED, UNPREDICTABLE)


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that breaks a law: at which step, in which instruction, with which exits, and the first field that differs.

    `seen` says what was expected and what was found, for people.
    """

    law: str
    step: int
    instruction: str
    exits: tuple[str, ...]
    field: str
    seen: str

    @property
    def identity(self) -> str:
        """What makes two failures one finding."""
        return " ".join((self.law, self.instruction or "-", "+".join(self.exits) or "-", self.field))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a case did: the steps of the bare machine, whether the specification left it open how it goes on, the failure if any."""

    log: tuple[Taken, ...]
    excluded: bool = False
    failure: Failure | None = None
    taken: int = 0

    @property
    def steps(self) -> int:
        """The steps looked at: of the bare machine, or `taken` where there is none."""
        return self.taken or len(self.log)


class Ground:
    """The machines on which properties try their cases; made when first used."""

    def __init__(self, author: Author) -> None:
        self.author = author
        self._pairs: dict[Arrangement, Pair] = {}

    def pair(self, guests: int = 1, depth: int = 1, *, quick: bool = True) -> Pair:
        """Machines without devices, used again and again."""
        arrangement = Arrangement(guests, depth, quick=quick)
        if arrangement not in self._pairs:
            self._pairs[arrangement] = self._made(arrangement)
        return self._pairs[arrangement]

    def furnished(self) -> Pair:
        """Machines with devices, which are new: their state cannot be put back."""
        return self._made(Arrangement(devices=True))

    def _made(self, arrangement: Arrangement) -> Pair:
        author = self.author
        return pair(author.machine, author.policy, author.layout, arrangement)


def excluded(exit_: Exit | None) -> bool:
    """Whether the specification says no more about how a machine goes on."""
    return exit_ is not None and exit_.function in EXCLUDED


def failed(name: str, log: Sequence[Taken], since: int, what: str, seen: str) -> Outcome:
    """A failure in the steps from clock `since` on."""
    recent = [taken for taken in log if taken.clock >= since]
    exits = tuple(dict.fromkeys(t.function for t in recent if t.function))[:3]
    return Outcome(
        tuple(log), failure=Failure(name, since, recent[-1].instruction if recent else "", exits, what, seen)
    )
