"""`pgcheck prove-monitor`: the proofs of the monitor of one specification, with progress, as text or JSON, and the exit code."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from pgcheck import console
from pgcheck.checker.monitor.proof import Proved, prove_monitor
from pgcheck.checker.monitor.result import MonitorProof
from pgcheck.checker.result import ExitCode
from pgcheck.checker.solving.evidence import Undecided
from pgcheck.isa.machine.machine import Machine
from pgcheck.machines.proofs.document import document
from pgcheck.machines.proofs.report import report
from pgcheck.request import Request
from pgcheck.running import progress
from pgcheck.running.run import selected, under
from pgcheck.vmm.kind import Kind
from pgcheck.vmm.translate import Unmappable

CODES = {
    "proved": ExitCode.PROVED,
    "refuted": ExitCode.REFUTED,
    "unknown": ExitCode.UNKNOWN,
    "vacuous": ExitCode.UNKNOWN,
    "error": ExitCode.INTERNAL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofRequest:
    """How to prove and to show: the kind of monitor (None: what the check allows), whether native code too, and the parts of the report."""

    kind: Kind | None = None
    force: bool = False
    json: bool = False
    timing: bool = True
    every: bool = False
    native: bool = False


def prove(machine: Machine, request: Request, asked: ProofRequest) -> ExitCode:
    """Prove, print, and say what it means. Raises Failure for names that the machine does not have."""
    machine = under(machine, request.deployment)
    options = replace(request.options, only=selected(request.only, machine))
    try:
        with _shown(machine.identity.name) as subscriber:
            found = prove_monitor(machine, options, subscriber, kind=asked.kind, force=asked.force, native=asked.native)
    except (Undecided, Unmappable) as undecided:
        print(f"{machine.identity.name}: not decided: {undecided}", file=sys.stderr)
        return ExitCode.UNKNOWN
    console.say(_document(found, asked))
    return CODES[found.verdict]


def _document(found: MonitorProof, asked: ProofRequest) -> str:
    if asked.json:
        return document(found, timing=asked.timing)
    return report(found, timing=asked.timing, every=asked.every)


class _Progress:
    """One line on standard error that tells how far the proofs are."""

    def __init__(self, name: str) -> None:
        self.name, self.done, self.bad, self.started = name, 0, 0, time.monotonic()
        self.total = 0

    def __call__(self, event: Proved) -> None:
        """The rows of one deployment after the other, and the routines of the generated code; each count begins anew when it is complete."""
        going_on = event.total == self.total and self.done < self.total
        self.done, self.total = self.done + 1 if going_on else 1, event.total
        self.bad += sum(o.verdict not in ("proved", "vacuous") for o in event.obligations)
        line = f"{self.name}: {self.done} of {event.total} done, {self.bad} not proved, {time.monotonic() - self.started:.0f} s"
        print(f"\r{line[:70]:70}", end="", file=sys.stderr, flush=True)


@contextmanager
def _shown(name: str) -> Iterator[Callable[[Proved], None]]:
    if not progress.wanted():
        yield lambda event: None
        return
    try:
        yield _Progress(name)
    finally:
        print("\r" + " " * 70 + "\r", end="", file=sys.stderr, flush=True)
