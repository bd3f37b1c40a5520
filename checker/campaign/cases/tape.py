"""The tape: bytes that stand for every choice of a case, so that the input of a campaign is its witness."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TypeVar

from pgcheck.isa.terms import mask

T = TypeVar("T")


class Tape:
    """Choices read off bytes, in order; an exhausted tape gives zeros for ever, and 0 is always the simplest choice."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def byte(self) -> int:
        """0 to 255."""
        at = self.at
        self.at = at + 1
        return self.data[at] if at < len(self.data) else 0

    def below(self, count: int) -> int:
        """0 to count - 1; one byte up to 256, else as many as it takes."""
        if count <= 256:
            return self.byte() * count >> 8
        length = (count.bit_length() + 7) // 8
        return self.bits(8 * length) * count >> 8 * length

    def bits(self, width: int) -> int:
        """Any value of a width, least significant byte first."""
        length = (width + 7) // 8
        piece = self.data[self.at : self.at + length]
        self.at += length
        return int.from_bytes(piece, "little") & (1 << width) - 1

    def chance(self, parts: int) -> bool:
        """True in `parts` of 256 cases; false on an exhausted tape."""
        return self.byte() > 255 - parts

    def choose(self, values: Sequence[T]) -> T:
        """One of the values; the first is the simplest."""
        return values[self.below(len(values))]


def counted(campaign: str, number: int, length: int) -> bytes:
    """The tape of case `number` of a campaign: a function of the two alone, so that cases need no coordination."""
    head = hashlib.blake2b(campaign.encode(), digest_size=32).digest()
    return hashlib.shake_128(head + number.to_bytes(8, "big")).digest(length)


def sites(seed: int) -> Callable[[str, int, int], int]:
    """Values of nondeterministic sites: the same for an instance of a site wherever it is asked, all 0 for seed 0."""
    if not seed:
        return lambda site, instance, width: 0
    known: dict[tuple[str, int, int], int] = {}

    def value(site: str, instance: int, width: int) -> int:
        found = known.get((site, instance, width))
        if found is None:
            digest = hashlib.blake2b(f"{seed} {site}#{instance}".encode(), digest_size=max(1, width + 7 >> 3)).digest()
            found = known[site, instance, width] = int.from_bytes(digest, "little") & mask(width or 1)
        return found

    return value
