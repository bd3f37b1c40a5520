"""How to check."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pgcheck.checker.solving.solver import Limits


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
