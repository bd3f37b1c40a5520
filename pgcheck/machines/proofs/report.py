"""What the proofs of a monitor found, for people: at most 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping

from pgcheck.checker.monitor.result import (
    EQ4,
    FAMILIES,
    ORDER,
    CodeProof,
    DeploymentProof,
    MonitorProof,
    Obligation,
    counts,
)
from pgcheck.checker.result import StateValue
from pgcheck.words import hidden, wrapped

WIDTH = 80
MAX_SHOWN = 12


def report(proof: MonitorProof, *, timing: bool = True, every: bool = False) -> str:
    """The report of one specification; `every` shows each obligation that is not proved."""
    lines = [
        f"{proof.name}: the monitor is {proof.verdict}" if proof.verdict != "unknown" else f"{proof.name}: not decided"
    ]
    for deployment in proof.deployments:
        lines += ["", *_deployment(deployment, every)]
    if proof.code.obligations:
        lines += ["", f"generated code: {proof.code.verdict}", *_families(proof.code), *_open(proof.code, every)]
    if proof.native.obligations:
        lines += ["", f"native code: {proof.native.verdict}", *_families(proof.native), *_open(proof.native, every)]
        for claim in proof.native.assumed:
            lines += wrapped(f"Assumed: {claim}", "  ", "  ")
    if timing:
        total = sum(len(d.obligations) for d in proof.deployments)
        total += len(proof.code.obligations) + len(proof.native.obligations)
        lines += ["", f"{total} obligations in {proof.seconds:.1f} s"]
    return "\n".join(lines)


def _deployment(found: DeploymentProof, every: bool) -> Iterator[str]:
    if found.refused:
        yield from _wrapped(f"{found.name}: no {found.kind} monitor: {found.refused}", "  ")
        return
    yield f"{found.name}: {found.kind} monitor: {found.verdict}"
    yield from _families(found)
    yield from wrapped(hidden(found.hidden), "    ", "  ")
    if found.left_out:
        yield f"  {found.left_out} obligations are about states that the specification leaves out"
    yield from _open(found, every)


def _families(found: DeploymentProof | CodeProof) -> Iterator[str]:
    for family, claim in FAMILIES.items():
        known = counts(found.obligations, family)
        if known:
            told = ", ".join(f"{known[v]} {v}" for v in reversed(ORDER) if known.get(v))
            yield from _wrapped(f"  {family:5} {claim}: {told}", "        ")


def _open(found: DeploymentProof | CodeProof, every: bool) -> Iterator[str]:
    """What is not proved, and why."""
    for canary in found.canaries:
        if not canary.fired:
            yield from _wrapped(f"  {canary.family} proves nothing: canary '{canary.name}': {canary.reason}", "    ")
    bad = [o for o in found.obligations if o.verdict != "proved"]
    bad.sort(key=lambda o: ORDER.index(o.verdict))
    for obligation in bad if every else bad[:MAX_SHOWN]:
        yield from _obligation(obligation)
    if len(bad) > MAX_SHOWN and not every:
        yield f"  ... and {len(bad) - MAX_SHOWN} more (--all)"


def _obligation(found: Obligation) -> Iterator[str]:
    yield from _wrapped(f"  {found.verdict}: {found.family} {found.subject}: {found.reason}", "      ")
    example = found.counterexample
    if example is None:
        return
    where = "generated code gives" if found.family == EQ4 else "in the real monitor:"
    yield from _wrapped(f"      {where} " + (", ".join(example.differs) or "no difference"), "        ")
    yield from _wrapped("      from " + (_values(example.virtual) or "the state of zeros"), "        ")
    if example.operands:
        operands = ", ".join(f"{n}={v:#x}" for n, v in example.operands.items())
        yield from _wrapped(f"      with {operands}", "        ")


def _values(state: Mapping[str, StateValue]) -> str:
    def shown(name: str, value: StateValue) -> Iterable[str]:
        if isinstance(value, Mapping):
            return [f"{name}[{'*' if k < 0 else hex(k)}]={v:#x}" for k, v in value.items()]
        return [f"{name}={value:#x}"]

    return ", ".join(part for name, value in state.items() for part in shown(name, value))


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, subsequent_indent=indent, drop_whitespace=True, break_on_hyphens=False, break_long_words=True
    ) or [text]
