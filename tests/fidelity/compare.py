"""A machine beside a peer: states and sequences, and whether each disagreement is in the table of what is known."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

from pgcheck.isa.machine.machine import Machine
from tests.fidelity.ours import Clash, Ours, Run, Taken
from tests.fidelity.peer import Peer, Values

TABLE = Path(__file__).resolve().parents[1] / "data" / "fidelity.yaml"
ATTEMPTS = 40
MEMORY = "MEMORY"
SEQUENCE = 6


@dataclass(frozen=True, slots=True)
class Row:
    """A difference that is known: in which steps, in what, why, and what the manual says.

    `instructions`, `exits` and `keys` are patterns, `before` values of keys before the step, `operands` ranges of operands, ends included,
    `seen` other values that the peer comes to. "" is the instruction of no encoding and the exit of a step that completed. Memory's key is `MEMORY`.
    """

    peer: str
    reason: str
    manual: str
    instructions: Sequence[str] = ("*",)
    exits: Sequence[str] = ("*",)
    keys: Sequence[str] = ("*",)
    before: Mapping[str, int] = field(default_factory=dict)
    operands: Mapping[str, Sequence[Sequence[int]]] = field(default_factory=dict)
    seen: Mapping[str, int] = field(default_factory=dict)

    def concerns(self, taken: Taken, before: Values) -> bool:
        return (
            any(fnmatchcase(taken.instruction, p) for p in self.instructions)
            and any(fnmatchcase(taken.exit, p) for p in self.exits)
            and all(before[key] == value for key, value in self.before.items())
            and all(
                any(low <= taken.operands.get(name, -1) <= high for low, high in ranges)
                for name, ranges in self.operands.items()
            )
        )


def listed(machine: str, peer: str) -> tuple[Row, ...]:
    """The rows of a machine and a peer."""
    rows = yaml.safe_load(TABLE.read_text(encoding="utf-8")).get(machine, ())
    return tuple(Row(**row) for row in rows if row["peer"] == peer)


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a step differs: key to what the specification says and what the peer does (None: the peer's own write)."""

    run: Run
    step: int
    keys: Mapping[str, tuple[int, int]]

    @property
    def before(self) -> Values:
        return self.run.steps[self.step - 1].values if self.step else self.run.start

    def unexplained(self, rows: Sequence[Row]) -> tuple[set[str], list[Row]]:
        """The keys that no row covers, and the rows that were needed."""
        taken = self.run.steps[self.step]
        left, used = set(self.keys), list[Row]()
        for row in rows:
            if row.concerns(taken, self.before) and all(self.keys.get(k, (0, -1))[1] == v for k, v in row.seen.items()):
                covered = {k for k in left if any(fnmatchcase(k.partition("@")[0], p) for p in row.keys)}
                if covered:
                    used.append(row)
                left -= covered
        return left, used

    def __str__(self) -> str:
        taken = self.run.steps[self.step]
        parts = ", ".join(f"{k} is {theirs:#x}, not {ours:#x}" for k, (ours, theirs) in sorted(self.keys.items()))
        code = "".join(f"{self.run.before.get(self.before['PC'] + i, 0):02x}" for i in range(8))
        return f"step {self.step}, {taken.instruction or 'no encoding'} {taken.exit} at {self.before['PC']:#x} ({code}): {parts}"


def difference(peer: Peer, run: Run) -> Difference | None:
    """The first difference of a run; None if there is none."""
    found = _played(peer, run, len(run.steps))
    if found is None or MEMORY not in next(iter(found.keys)):
        return found
    played = (_played(peer, run, steps) for steps in range(1, len(run.steps)))  # memory is looked at in the end
    return next((d for d in played if d is not None), found)


def _played(peer: Peer, run: Run, steps: int) -> Difference | None:
    """The first difference in values of so many steps, or that of memory after them."""
    peer.begin(run.start, run.before)
    for number, taken in enumerate(run.steps[:steps]):
        seen = peer.step()
        found = {
            key: (value, seen[key])
            for key, value in taken.values.items()
            if (value ^ seen[key]) & ~taken.unknown.get(key, 0)
        }
        if found:
            peer.memory(run.before)
            return Difference(run, number, found)
    last = run.steps[steps - 1]
    wanted = {**run.before, **last.written}
    wrong = {
        f"{MEMORY}@{a:#x}": (wanted.get(a, 0), byte)
        for a, byte in peer.memory(wanted).items()
        if byte != wanted.get(a, 0) and a not in last.vague
    }
    return Difference(run, steps - 1, wrong) if wrong else None


@dataclass(slots=True)
class Tally:
    """What a comparison came to; states are steps that were compared."""

    machine: str
    peer: str
    states: int = 0
    runs: int = 0
    explained: int = 0
    needed: Counter[str] = field(default_factory=Counter)
    instructions: set[str] = field(default_factory=set)
    exits: Counter[str] = field(default_factory=Counter)
    unexplained: list[Difference] = field(default_factory=list)

    def add(self, run: Run, found: Difference | None, rows: Sequence[Row]) -> None:
        self.runs += 1
        steps = run.steps[: found.step + 1] if found is not None else run.steps
        self.states += len(steps)
        self.instructions |= {s.instruction for s in steps}
        self.exits.update(s.exit for s in steps)
        if found is None:
            return
        left, used = found.unexplained(rows)
        if left:
            self.unexplained.append(found)
        else:
            self.explained += 1
            self.needed.update(row.reason for row in used)

    def __str__(self) -> str:
        agree = self.states - self.explained - len(self.unexplained)
        return (
            f"{self.machine} beside {self.peer}: {self.states} states, {agree} agree, {self.explained} explained by "
            f"{len(self.needed)} rows, {len(self.unexplained)} unexplained; {len(self.instructions - {''})} instructions"
        )


def compared(
    machine: Machine,
    peer: Peer,
    states: int,
    seed: str = "",
    enough: int = 1 << 30,
    patterns: Sequence[str] = ("*",),
) -> Tally:
    """Hold `states` steps against a peer: half of the runs are one step, the others up to SEQUENCE; ends after `enough` that nothing explains.

    `patterns` are those of the instructions that are drawn.
    """
    ours, rows = Ours(machine, peer, patterns), listed(machine.identity.name, peer.name)
    rng = random.Random(f"{machine.identity.name} {seed}")
    tally = Tally(machine.identity.name, peer.name)
    turn, failed = 0, 0
    while tally.states < states and len(tally.unexplained) < enough:
        instruction = ours.instructions[turn % len(ours.instructions)]
        codes = [ours.code(rng, instruction)]
        if rng.getrandbits(1):
            codes += [ours.code(rng, rng.choice(ours.instructions)) for _ in range(rng.randrange(1, SEQUENCE))]
        if not rng.randrange(32):
            codes[0] = rng.randbytes(len(codes[0]))
        try:
            run = ours.run(ours.start(rng), codes, rng.getrandbits(32))
        except Clash:
            failed += 1
            if failed > ATTEMPTS:
                turn, failed = turn + 1, 0
            continue
        turn, failed = turn + 1, 0
        tally.add(run, difference(peer, run), rows)
    return tally
