"""The share of a campaign that goes in batches: which cases there are, which differ, what was met."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from pgcheck.checker.campaign.batches.pair import Batches
from pgcheck.checker.campaign.cases.case import TAPE, Author, Case
from pgcheck.checker.campaign.cases.tape import Tape, counted
from pgcheck.checker.campaign.pairs.coverage import COMPLETED, NO_INSTRUCTION, Cell
from pgcheck.models.native.batches.steps import End
from pgcheck.models.state import Fetched
from pgcheck.vmm.statistics import row

NAME: Final = "EQ2 in batches"
"""What the shards of this share are called."""
SHARD: Final = 1 << 14
LIKE: Final = 1 << 12
"""Cases like one that was drawn."""
TRIED: Final = 32
DRAWS: Final = 8
"""Drawn cases of which the first `TRIED` like them do not compare are passed over, up to so many."""
DIFFERING: Final = 8
"""Differing cases that are looked at of those like one."""
ENDED: Final = "any exit"
"""How steps end that do not complete: a batch counts no kinds."""


@dataclass(slots=True)
class Met:
    """What happened in a shard: `compared` of its `cases` were run on both machines to the end, of which `differing` differ, `aside` are Python's, `excluded` the specification leaves open."""

    cases: int = 0
    steps: int = 0
    aside: int = 0
    differing: int = 0
    excluded: int = 0
    events: Counter[str] = field(default_factory=Counter)

    @property
    def compared(self) -> int:
        return self.cases - self.aside - self.excluded


class Share:
    """The batches of an author's machine. Raises Unavailable, Unsupported and ValueError where native code cannot run them."""

    def __init__(self, author: Author) -> None:
        self.author, self.batches = author, Batches(author)
        self._instructions = {i.id: i for i in author.machine.instructions}
        self._rows: dict[int, str] = {}
        self._seen: dict[int, tuple[int, ...]] = {}

    def drawn(self, tape: bytes) -> tuple[Case, ...]:
        """The case of a tape: of a drawn one, and behind it of what differs."""
        return (self.batches.variants.case(self.base(tape[:TAPE]), tape[TAPE:]),)

    def base(self, tape: bytes) -> Case:
        """A case that batches begin with: nothing happens from outside, and all undefined sites give 0."""
        case = self.author.case(Tape(tape))
        return replace(case, site=0, events=(), writes=(), commands=(), tight=False, hot=False, plain=False)

    def _begun(self, name: str) -> bytes:
        """Go on with cases like one that is drawn, some of which compare; its tape."""
        tape = b""
        for draw in range(DRAWS):
            tape = counted(name, draw, TAPE)
            self.batches.begin(self.base(tape))
            before = self.counts()
            self.batches.batch.run(_seed(name), 0, TRIED)
            if (self.counts() - before)["compared"]:
                break
        return tape

    def run(self, name: str, count: int, met: Met) -> Iterator[bytes]:
        """Run cases like one that is drawn, a function of the name alone: the tapes of those that differ, the first of them, and the last of all, for a closer look."""
        tape, batch, before = self._begun(name), self.batches.batch, self.counts()
        number, found = batch.run(_seed(name), 0, count), list[bytes]()
        while number is not None:
            met.differing += 1
            if len(found) < DIFFERING:
                found.append(tape + batch.tape())
            number = batch.run(_seed(name), number + 1, count)
        found.append(tape + batch.tape())
        after = self.counts() - before
        met.cases += after["cases"]
        met.steps += after["taken"]
        met.aside += after["asides"]
        met.excluded += after["excluded"]
        exits = after["exits"] + after["interpreted"]
        met.events += Counter(
            {"direct": after["direct steps"], "exit": exits, "trap": after["traps"], "interrupt": after["interrupts"]}
        )
        yield from found

    def first(self, shape: bytes, seed: int, count: int = LIKE) -> bytes | None:
        """The tape of the first case that differs, of `count` that a seed gives like the one that is drawn from a shape."""
        self.batches.begin(self.base(shape[:TAPE]))
        if self.batches.batch.run(seed, 0, count) is None:
            return None
        return shape[:TAPE].ljust(TAPE, b"\0") + self.batches.batch.tape()

    def differs(self, tape: bytes) -> str:
        """Where the machines differ in the case of a tape; empty where they do not."""
        self.batches.begin(self.base(tape[:TAPE]))
        ended, place = self.batches.batch.one(tape[TAPE:])
        return "" if ended == End.ASIDE else place

    def counts(self) -> Counter[str]:
        """What happened in all batches so far."""
        found = Counter(self.batches.batch.counts())
        found["compared"] = found["cases"] - found["asides"] - found["excluded"]
        return found

    def cells(self) -> Counter[Cell]:
        """How often each row has run in each mode since this was asked last, and how that ended."""
        found, taken = Counter[Cell](), self.batches.batch.taken()
        for number, counts in taken.items():
            name = self._row(number)
            before = self._seen.get(number, (0,) * len(counts))
            for (mode, end), now, then in zip(_ENDS, counts, before, strict=True):
                if now > then:
                    found[name, mode, end] += now - then
        self._seen = taken
        return found

    def _row(self, number: int) -> str:
        """The row of an instruction that native code knows, by its number there."""
        if number not in self._rows:
            decoded = self.batches.batch.known.found[number]
            instruction = None if decoded is None else self._instructions[decoded.id]
            self._rows[number] = (
                NO_INSTRUCTION
                if decoded is None or instruction is None
                else row(Fetched(instruction, decoded.operands, decoded.length))
            )
        return self._rows[number]


_ENDS: Final = tuple((mode, end) for mode in ("user", "supervisor") for end in (COMPLETED, ENDED))


def _seed(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
