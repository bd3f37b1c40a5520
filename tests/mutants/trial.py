"""Whether a property kills a mutant: cases until it fails, and the failing case replayed with the mutant and without.

All of it runs in children of this process, so that a mutant never leaks; nothing is started anew, so a trial costs its cases.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from pgcheck.checker.campaign.cases.tape import counted
from tests.mutants.apart import Lost, apart
from tests.mutants.properties import PROPERTIES, Property


@dataclass(frozen=True, slots=True)
class Kill:
    """A property killed a mutant: in the median of all seeds it took so many cases. `tape` is a witness and `failure` what it shows."""

    property: str
    cases: float
    tape: str
    failure: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Survival:
    """No kill, and why: the last thing that each property came to."""

    why: str


def found(case: Callable[[bytes], str | None], seed: int, length: int, cases: int) -> dict[str, Any]:
    """The first failing case of a seed: how many it took, its tape and its failure; only the number when none fails."""
    for number in range(cases):
        tape = counted(f"mutants {seed}", number, length)
        failure = case(tape)
        if failure is not None:
            return {"cases": number + 1, "tape": tape.hex(), "failure": failure[:500]}
    return {"cases": cases}


def trial(
    apply: Callable[[], None], properties: Sequence[str], seeds: int = 3, cases: int = 0, seconds: float = 60.0
) -> Kill | Survival:
    """Let the properties try to kill what `apply` does to a process; the first that does, on every seed, ends it."""
    reasons: list[str] = []
    for name in properties:
        one = PROPERTIES.get(name)
        if one is None:
            reasons.append(f"{name}: no such property")
            continue
        try:
            kill = _killed(apply, one, seeds, cases or one.cases, seconds)
        except Lost as lost:
            reasons.append(f"{name}: {lost}")
            continue
        if isinstance(kill, Kill):
            return kill
        reasons.append(f"{name}: {kill}")
    return Survival("; ".join(reasons))


def _killed(apply: Callable[[], None], one: Property, seeds: int, cases: int, seconds: float) -> Kill | str:
    started = time.monotonic()

    def search() -> Any:
        apply()
        return [found(one.case, seed, one.length, cases) for seed in range(seeds)]

    def replay() -> Any:
        apply()
        return one.case(tape)

    one.prepare()
    results = apart(search, seconds)
    failing = [r for r in results if "tape" in r]
    if not failing:
        return f"passes {cases} cases of each of {seeds} seeds"
    tape = bytes.fromhex(failing[0]["tape"])
    again, clean = apart(replay, seconds), apart(lambda: one.case(tape), seconds)
    if again is None:
        return "the witness does not reproduce"
    if clean is not None:
        return f"fails on the code as shipped: {clean}"
    if len(failing) < seeds:
        return f"killed with {len(failing)} of {seeds} seeds only"
    spent = time.monotonic() - started
    return Kill(one.name, median(r["cases"] for r in results), tape.hex(), failing[0]["failure"], spent)
