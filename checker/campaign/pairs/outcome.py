"""What a property says about a case, and the machines that it is tried on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pgcheck.checker.campaign.cases.case import Author, Case
from pgcheck.checker.campaign.pairs.account import account
from pgcheck.checker.campaign.pairs.pair import TABLES, Arrangement, Pair, pair
from pgcheck.checker.campaign.pairs.recording import Taken
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms.ir import UNMODELLED, UNPREDICTABLE
from pgcheck.models.state import Exit
from pgcheck.vmm.allocator import OutOfMemory
from pgcheck.vmm.mmu import asked
from pgcheck.vmm.paging.shadow import fewest

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
    """What a case did: the steps of the bare machine, whether the specification left it open how it goes on, the failure if any.

    `events` counts what happened besides what the machines count themselves (`account.EVENTS`).
    """

    log: tuple[Taken, ...]
    excluded: bool = False
    failure: Failure | None = None
    taken: int = 0
    events: Mapping[str, int] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """The steps looked at: of the bare machine, or `taken` where there is none."""
        return self.taken or len(self.log)


class Ground:
    """The machines on which properties try their cases; made when first used.

    `used` are those that were asked for since it was cleared.
    """

    def __init__(self, author: Author) -> None:
        self.author = author
        self.used: list[Pair] = []
        self._pairs: dict[Arrangement, Pair] = {}

    def pair(
        self, case: Case | None = None, *, guests: int = 1, depth: int = 1, plain: bool = False, lean: bool = False
    ) -> Pair:
        """Machines without devices, used again and again, as a case wants them.

        `plain`: all on the reference binding; `lean`: nobody asks what the bare machine noted, so that it may run on generated blocks.
        """
        least = self._least
        swift = (
            lean
            and case is not None
            and (
                bool(case.site % 2 or not compiles(self.author.machine))
                if case.hot
                else bool(case.events) and case.site % 2 == 1
            )
        )
        arrangement = Arrangement(
            guests=guests,
            depth=depth,
            plain=plain,
            tables=least if case is not None and case.tight else TABLES,
            least=least,
            hot=case is not None and case.hot,
            swift=swift,
        )
        return self._arranged(arrangement)

    def mixed(self, case: Case) -> Pair:
        """Machines of which the bare one runs on the plain evaluator."""
        tables = self._least if case.tight else TABLES
        return self._arranged(Arrangement(checked=True, hot=case.hot, tables=tables, least=self._least))

    def furnished(self) -> Pair:
        """Machines with devices, which are new: their state cannot be put back."""
        self.used.append(self._made(Arrangement(devices=True, least=self._least)))
        return self.used[-1]

    def room(self, guests: int, depth: int) -> bool:
        """Whether the machine has room for so many guests, of a monitor at a depth."""
        try:
            self.pair(guests=guests, depth=depth)
        except OutOfMemory:
            return False
        return True

    def account(self) -> Counter[str]:
        """What happened to the guests of the machines in use."""
        return account(self.used)

    @property
    def _least(self) -> int:
        """The frames that one walk through shadow tables takes, beside those for the monitor's own pages."""
        tables, crossing = self.author.tables, self.author.policy.crossing
        return 0 if tables is None else fewest(tables.shape.levels, 0 if crossing is None else len(crossing.pages))

    def _arranged(self, arrangement: Arrangement) -> Pair:
        if arrangement not in self._pairs:
            self._pairs[arrangement] = self._made(arrangement)
        found = self._pairs[arrangement]
        if all(found is not other for other in self.used):
            self.used.append(found)
        return found

    def _made(self, arrangement: Arrangement) -> Pair:
        author = self.author
        return pair(author.machine, author.policy, author.layout, arrangement)


def compiles(machine: Machine) -> bool:
    """Whether guests run on generated code: not where the processor asks the monitor for what it looks up."""
    return not (machine.code.tables or asked(machine))


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
