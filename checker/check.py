"""The whole check of one machine: the answer that is known, or a new one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pgcheck.checker.options import Limits, Options
from pgcheck.checker.result import Event, Finished, MachineResult, Started
from pgcheck.checker.verdicts.result_cache import load_result
from pgcheck.isa.files import door
from pgcheck.isa.files.cache import Cache

if TYPE_CHECKING:
    from pgcheck.checker.solving.smtlib import Script
    from pgcheck.checker.solving.solver import Solver
    from pgcheck.isa.machine.machine import Machine

__all__ = ["Options", "check", "solver_for"]


def solver_for(options: Options) -> Solver:
    """A solver as the options ask for."""
    from pgcheck.checker.solving.solver import Solver

    cache = Cache() if options.cache else None
    dump = _dumper(options.dump) if options.dump is not None else None
    return Solver(replace(Limits(), rlimit=options.rlimit), cache, options.second, dump=dump)


def _dumper(folder: Path) -> Callable[[str, Script], None]:
    def dump(label: str, script: Script) -> None:
        name = "".join(c if c.isalnum() or c in "._-@" else "_" for c in label)
        door.write(folder / f"{name}.smt2", f"; {label}\n{script.text}".encode(), over="written")

    return dump


def check(machine: Machine, options: Options, on_event: Callable[[Event], None] = lambda event: None) -> MachineResult:
    """The answer for a machine, from the cache if nothing that it depends on has changed; with those for guests that are another machine.

    KeyboardInterrupt passes through after the workers have ended.
    """
    result = _check(machine, options, on_event)
    for virtual in machine.virtual:
        if virtual.machine is not None:
            result = _with_guest(result, _check(virtual.machine, options, on_event))
    on_event(Finished(result))
    return result


def _with_guest(host: MachineResult, guest: MachineResult) -> MachineResult:
    """A machine's answer with that of a deployment in which another machine is the guest, whose findings are told apart by its name."""
    (deployment,) = guest.deployments
    told = tuple(
        f if f.subject.partition(":")[0] == deployment.name else replace(f, message=f"{deployment.name}: {f.message}")
        for f in guest.findings
        if f not in host.findings
    )
    return replace(
        host,
        deployments=(*host.deployments, deployment),
        findings=(*host.findings, *told),
        unmodelled=tuple(dict.fromkeys((*host.unmodelled, *guest.unmodelled))),
        effort=host.effort + guest.effort,
    )


def _check(machine: Machine, options: Options, on_event: Callable[[Event], None]) -> MachineResult:
    started = time.perf_counter()
    kept = Cache() if options.cache and options.dump is None else None
    known = load_result(kept, machine, options) if kept is not None else None
    if known is not None:
        on_event(Started(machine.identity.name, sum(len(d.instructions) for d in known.deployments)))
        return replace(known, effort=replace(known.effort, seconds=time.perf_counter() - started, cached=True))
    from pgcheck.checker.judging import judged

    return judged(machine, options, on_event, kept, lambda: solver_for(options))
