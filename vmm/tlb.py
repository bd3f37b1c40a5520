"""What a processor may remember of translations, and when a monitor tells it to forget."""

from __future__ import annotations

from collections.abc import Callable


class Tlb:
    """The monitor's side of one processor's translation cache, shared by all guests that run on it.

    A cache need not be tagged: what was remembered under one set of tables is forgotten before another is used. `forget` is the
    processor's own way to do it (nothing for one that looks at its tables each time); `flushes` counts.
    """

    __slots__ = ("flushes", "forget", "used")

    def __init__(self, forget: Callable[[], None] = lambda: None) -> None:
        self.forget, self.flushes = forget, 0
        self.used: object = None

    def use(self, tables: object) -> None:
        """From now on the processor walks `tables`."""
        if tables is not self.used:
            self.flush()
            self.used = tables

    def used_in_turn(self, tables: object, times: int) -> None:
        """The processor has walked other tables so many times since it was told, at last `tables`; it looked at each anew."""
        self.flushes += times - 1
        self.used = tables
        self.flush()

    def flush(self) -> None:
        """Forget everything."""
        self.flushes += 1
        self.forget()
