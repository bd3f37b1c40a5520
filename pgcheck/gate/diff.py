"""`pgcheck diff`: two versions of specifications, compared by meaning."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from pgcheck import console
from pgcheck.checker.check import solver_for
from pgcheck.checker.result import ExitCode
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.traps.changes import CHANGES
from pgcheck.checker.traps.difference import Side, TrapChange, changes
from pgcheck.checker.verdicts.difference import Difference, Version, appeared, difference, disappeared, version
from pgcheck.gate import diff_text
from pgcheck.gate.revisions import Added, Both, Pair, Removed, sides
from pgcheck.isa.machine.machine import Machine
from pgcheck.language import load
from pgcheck.request import Request
from pgcheck.running import run
from pgcheck.running.trouble import troubles


def _breaks(name: str, difference: Difference) -> bool:
    """Whether a change breaks the rule of that name."""
    broken = [t.rule for t in difference.traps] + [k.rule for k in difference.lost]
    return any(rule.name == name for rule in broken)


FAIL_ON: Final[Mapping[str, Callable[[Difference], bool]]] = {
    "regression": lambda d: d.regressions,
    "hole": lambda d: any(c.after == "hole" and c.before != "hole" for c in d.instructions),
    "class": lambda d: d.regressions or any(c.before != c.after for c in d.instructions),
    "traps": lambda d: bool(d.traps),
    **{rule.name: partial(_breaks, rule.name) for rule in CHANGES},
    "any": lambda d: not d.empty,
    "never": lambda d: False,
}


def compare(
    words: Sequence[str], paths: Sequence[str], request: Request, fail_on: Sequence[str], *, as_json: bool
) -> ExitCode:
    """Compare both sides and print what changed; a pair that cannot be checked does not stop the others. Raises Failure."""
    codes: list[ExitCode] = []
    found: list[Difference] = []
    with sides(words, paths) as pairs:
        for pair in pairs:
            with troubles(codes):
                answer = _compared(pair, request)
                found.append(answer)
                codes.append(_code(answer, fail_on))
                if not as_json:
                    console.say(diff_text.report(answer, partly=bool(request.only)))
    if as_json:
        console.say(diff_text.document(found))
    return ExitCode.worst(codes)


def _code(answer: Difference, fail_on: Sequence[str]) -> ExitCode:
    """What a difference means: a new specification that breaks a law answers nothing, whatever is asked."""
    if answer.void:
        return ExitCode.USAGE
    return ExitCode.REFUTED if any(FAIL_ON[what](answer) for what in fail_on) else ExitCode.PROVED


def _compared(pair: Pair, request: Request) -> Difference:
    match pair:
        case Both(_, old, new):
            before, after = load(old), load(new)
            asked = _about(request, before, after)
            was, now = (version(m, run.judged(m, asked)) for m in (before, after))
            return replace(
                difference(was, now), traps=_traps(Side(before, was.meanings), Side(after, now.meanings), asked)
            )
        case Added(_, new):
            return appeared(_version(new, request))
        case Removed(_, old):
            return disappeared(_version(old, request))


def _about(request: Request, *machines: Machine) -> Request:
    """The request for each of the machines, about the instructions that it names on any of them. Raises Failure."""
    return replace(request, options=replace(request.options, only=run.selected(request.only, *machines)))


def _traps(old: Side, new: Side, request: Request) -> tuple[TrapChange, ...]:
    """How instructions end otherwise than before."""
    solver = solver_for(request.options)
    try:
        evidence = Evidence(solver, request.options.second)
        return changes(old, new, request.options.only, evidence)
    finally:
        solver.close()


def _version(path: Path, request: Request) -> Version:
    machine = load(path)
    return version(machine, run.judged(machine, request))
