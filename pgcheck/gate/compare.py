"""`pgcheck compare`: whether two specifications are the same machine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pgcheck import console
from pgcheck.checker.comparison.compare import compare
from pgcheck.checker.comparison.result import CODES, Part
from pgcheck.checker.result import ExitCode
from pgcheck.checker.solving.evidence import Undecided
from pgcheck.gate import compare_text
from pgcheck.request import Request
from pgcheck.running import progress
from pgcheck.running.finding import loaded
from pgcheck.running.run import selected


def compared(first: str, second: str, request: Request, *, as_json: bool) -> ExitCode:
    """Compare two specifications, print what was found, and say what it means. Raises Failure."""
    machines = loaded(first), loaded(second)
    only = selected(request.only, *machines)
    try:
        with _shown() as told:
            found = compare(*machines, request.options, told, only=only)
    except Undecided as undecided:
        print(f"not decided: {undecided}", file=sys.stderr)
        return ExitCode.UNKNOWN
    console.say(compare_text.document(found) if as_json else compare_text.report(found, machines))
    return CODES[found.status]


@contextmanager
def _shown() -> Iterator[Callable[[int, Part], None]]:
    """Progress on a terminal, and nothing left of it afterwards."""
    if not progress.wanted():
        yield lambda total, part: None
        return
    done = 0

    def told(total: int, part: Part) -> None:
        nonlocal done
        done += 1
        print(f"\r{f'{done} of {total} compared: {part.name}'[:70]:70}", end="", file=sys.stderr, flush=True)

    try:
        yield told
    finally:
        print("\r" + " " * 70 + "\r", end="", file=sys.stderr, flush=True)
