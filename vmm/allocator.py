"""The allocator: which of the host's page frames belong to whom."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Sequence


class OutOfMemory(Exception):
    """The host has no free frame left."""


class Allocator:
    """Page frames of the host's RAM by number; each has one owner, or is free.

    `pick` says which of the free frames, in ascending order, is given next: its position (by default the lowest).
    """

    __slots__ = ("free", "owner", "pick")

    def __init__(self, frames: Iterable[int], pick: Callable[[Sequence[int]], int] = lambda free: 0) -> None:
        self.free = sorted(set(frames))
        self.owner: dict[int, str] = {}
        self.pick = pick

    def take(self, owner: str) -> int:
        """A free frame. Raises OutOfMemory."""
        if not self.free:
            raise OutOfMemory(f"no frame left for {owner}")
        frame = self.free.pop(self.pick(self.free))
        self.owner[frame] = owner
        return frame

    def take_run(self, owner: str, count: int) -> range:
        """`count` consecutive free frames, the lowest such. Raises OutOfMemory, ValueError for a count below 1."""
        if count < 1:
            raise ValueError(f"{owner} asks for {count} frames")
        free = self.free
        for at in range(len(free) - count + 1):
            first = free[at]
            if free[at + count - 1] == first + count - 1:
                del free[at : at + count]
                run = range(first, first + count)
                self.owner.update(dict.fromkeys(run, owner))
                return run
        raise OutOfMemory(f"no {count} consecutive frames left for {owner}")

    def release(self, frame: int, owner: str) -> None:
        """Give a frame back. Raises ValueError when it is not the owner's."""
        if self.owner.get(frame) != owner:
            raise ValueError(f"frame {frame:#x} is not {owner}'s")
        del self.owner[frame]
        insort(self.free, frame)

    def owned(self, owner: str) -> frozenset[int]:
        """The frames of an owner."""
        return frozenset(f for f, who in self.owner.items() if who == owner)
