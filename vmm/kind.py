"""Kinds of monitor: which virtual states the processor runs, and which promise of a check that takes. A kind is one file in kinds/."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from pgcheck.isa.rows import rows

if TYPE_CHECKING:  # the command line names the kinds, and starts without the language
    from pgcheck.isa.machine.machine import Deployment
    from pgcheck.isa.terms import Term


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of monitor.

    A result that promises `theorem` promises one; `premise` is what people call that. `direct` gives, for a deployment, the conditions of
    the virtual states that run on the processor, and `runs` says them in words. Kinds are tried in the order of `rank`.
    """

    name: str
    title: str
    theorem: str
    premise: str
    runs: str
    rank: int
    direct: Callable[[Deployment], tuple[Term, ...]]


@cache
def kinds() -> Mapping[str, Kind]:
    """Every kind by its name, in the order in which they are tried."""
    return {kind.name: kind for kind in sorted(rows("pgcheck.vmm.kinds", Kind), key=lambda kind: kind.rank)}
