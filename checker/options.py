"""How to check, and what an obligation may cost."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Limits:
    """What one obligation may cost.

    `rlimit` and `wish_rlimit` are in z3's own unit and decide `unknown`; wall-clock `seconds` and `memory` (MiB of
    address space) are a safety net far above them, and `second_seconds` is all that the second solver has.
    z3 does not count what making circuits costs: products and quotients may have `circuit` gates, of a product as many as the square of its
    width, and an obligation that has any `circuit_seconds`.
    """

    rlimit: int = 20_000_000
    wish_rlimit: int = 300_000
    seconds: float = 600.0
    memory: int = 6144
    second_seconds: float = 10.0
    circuit: int = 1 << 16
    circuit_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Options:
    """How to check: worker processes, z3's budget per obligation, the cache, the second solver, which instructions, where to dump."""

    jobs: int = 1
    rlimit: int = Limits().rlimit
    cache: bool = True
    second: bool = True
    only: tuple[str, ...] = ()
    dump: Path | None = None
    trust_taint: bool = True


def default_jobs() -> int:
    """As many workers as there are processors to use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
