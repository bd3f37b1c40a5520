"""A device alone on a bench, and what is said where it differs from its manual."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from pgcheck.models.memory import Bus, Ram

WORD: Final = (1 << 32) - 1


@dataclass
class Bench:
    """A device's wires: a clock that its driver moves, and what the device signalled and expects."""

    bus: Bus
    now: int = 0
    level: bool = False
    expected: list[int] = field(default_factory=list)

    def clock(self) -> int:
        return self.now

    def signal(self, level: bool) -> None:
        self.level = level

    def expect(self, time: int) -> None:
        self.expected.append(time)


def bench(size: int = 0, base: int = 0) -> Bench:
    return Bench(Bus(Ram(base, size, 8, False), (), 8, False, 40))


def total(act: Callable[[], int | None]) -> int | None | str:
    """What a device answers; a device that raises anything at all breaks the rule that it is total, and the text says how."""
    try:
        return act()
    except Exception as error:
        return f"raises {type(error).__name__}"


def differs(what: str, ours: object, expected: object) -> str | None:
    return None if ours == expected else f"{what}: {ours!r}, the manual says {expected!r}"
