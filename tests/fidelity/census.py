"""Which words are instructions, which are not, and which are privileged: a machine beside a peer, for every word that the peer names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import yaml

from pgcheck.isa.machine.machine import Machine
from tests.fidelity.compare import TABLE
from tests.fidelity.ours import Clash, Ours
from tests.fidelity.peer import Judge


@dataclass(frozen=True, slots=True)
class Words:
    """Words about which a peer is known to differ: those of `words` (ranges, ends included) whose bits under `mask` are `bits`."""

    peer: str
    reason: str
    manual: str
    words: Sequence[Sequence[int]]
    mask: int = 0
    bits: int = 0

    def concerns(self, word: int) -> bool:
        return word & self.mask == self.bits and any(low <= word <= high for low, high in self.words)


def known(machine: str, peer: str) -> tuple[Words, ...]:
    """The rows of a machine and a peer."""
    rows = yaml.safe_load(TABLE.read_text(encoding="utf-8")).get("census", {}).get(machine, ())
    return tuple(Words(**row) for row in rows if row["peer"] == peer)


@dataclass(slots=True)
class Judged:
    """How a machine judges words: decoded, and each instruction run once in each mode, or with each word where the report has rows of it."""

    ours: Ours
    peer: Judge
    found: dict[tuple[str | None, bool], str] = field(default_factory=dict)

    def __call__(self, word: int, user: bool) -> str:
        machine = self.ours.machine
        decode = machine.decoding.decode
        code = self.peer.code(word)
        size = decode.unit // 8
        units = [int.from_bytes(code[k : k + size], decode.order) for k in range(0, len(code), size)]
        decoded = machine.decoding.decoder.decode(lambda k: units[k])
        if decoded is not None and any(row.operand for row in machine.instruction(decoded.id).rows):
            return self._run(code, user)
        key = (None if decoded is None else decoded.id, user)
        if key not in self.found:
            self.found[key] = self._run(code, user)
        return self.found[key]

    def _run(self, code: bytes, user: bool) -> str:
        try:
            ended = self.ours.run(self.peer.at(user), [code], 0).steps[0].exit
        except Clash:
            return ""
        return self.peer.causes.get(ended, "")


@dataclass(slots=True)
class Census:
    """What a census came to: how many words are what, and those about which the two differ (word, user: ours, theirs)."""

    machine: str
    peer: str
    kinds: Counter[str] = field(default_factory=Counter)
    explained: Counter[str] = field(default_factory=Counter)
    unexplained: dict[tuple[int, bool], tuple[str, str]] = field(default_factory=dict)

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.kinds.items()))
        return (
            f"{self.machine} beside {self.peer}: {sum(self.kinds.values())} words, {kinds}; "
            f"{sum(self.explained.values())} explained by {len(self.explained)} rows, {len(self.unexplained)} unexplained"
        )


def kind(privileged: str, user: str) -> str:
    """What a word is by how it traps in the most and the least privileged mode."""
    return privileged or ("privileged" if user else "legal")


def taken(machine: Machine, peer: Judge, words: Iterable[int] | None = None) -> Census:
    """The census of a machine beside a peer."""
    judged, rows = Judged(Ours(machine, peer), peer), known(machine.identity.name, peer.name)
    census = Census(machine.identity.name, peer.name)
    for word in peer.words() if words is None else words:
        both: Mapping[bool, tuple[str, str]] = {
            user: (judged(word, user), peer.trapped(word, user)) for user in (False, True)
        }
        census.kinds[kind(both[False][0], both[True][0])] += 1
        different = {user: pair for user, pair in both.items() if pair[0] != pair[1]}
        reason = next((row.reason for row in rows if row.concerns(word)), "") if different else ""
        if reason:
            census.explained[reason] += 1
        else:
            census.unexplained |= {(word, user): pair for user, pair in different.items()}
    return census
