"""A difference for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

from pgcheck.checker.traps.difference import TrapChange
from pgcheck.checker.verdicts.difference import REGRESSIONS, Difference, InstructionChange
from pgcheck.reports.grouping import grouped, grouped_names

SCHEMA_VERSION: Final = "1.4"
_TITLES: Final = {
    "newly-hole": "newly a hole",
    "added-hole": "added, and a hole",
    "vanished-configuration": "a hole because the common configuration vanished",
    "newly-unknown": "newly not decided",
    "newly-fixed": "newly fixed",
    "class": "class changed",
    "added": "added",
    "removed": "removed",
    "semantics": "semantics changed, verdict equal",
    "encoding": "encoding changed, verdict equal",
    "renamed": "renamed",
}
_WIDTH: Final = 78


def report(difference: Difference, *, partly: bool = False) -> str:
    """The difference in lines of at most 80 columns, regressions first; `partly` says that only some instructions were judged."""
    return "\n".join(_lines(difference, partly))


def _lines(difference: Difference, partly: bool) -> Iterator[str]:
    verdict = "regressions" if difference.regressions else "no change" if difference.empty else "no regression"
    yield from _wrapped(f"{difference.name}: {verdict}{', of these instructions alone' if partly else ''}")
    for name, what in difference.deployments:
        yield f"  deployment {name} {what}"
    for theorem in difference.theorems:
        mark = "!" if theorem.worse else " "
        failing = f" on {', '.join(theorem.failing)}" if theorem.failing else ""
        seen = f", which says nothing of time: guests see it by {_some(theorem.timing)}" if theorem.timing else ""
        status = f"{theorem.before} -> {theorem.after}"
        yield from _wrapped(f" {mark}{theorem.deployment}: {theorem.name} {status}{failing}{seen}")
    for found in difference.findings:
        mark = "!" if found.worse else " "
        said = found.finding
        yield from _wrapped(
            f" {mark}{'newly' if found.new else 'no longer'} {said.law}: {said.subject}: {said.message}"
        )
    for knob in difference.lost:
        yield from _wrapped(
            f" !{knob.rule.name}: {knob.deployment}: {knob.leaf} no longer makes anything trap (it did {_some(knob.rows)})"
        )
    for change in difference.traps:
        yield from _wrapped(f"  {change.rule.name}: {_ends(change)}")
    for deployment, before, after in difference.configurations:
        yield from _wrapped(f"  {deployment}: configuration {before or 'none'} -> {after or 'none'}")
    for shared in difference.shared:
        yield from _wrapped(f"  {shared.part} changed: affects {_some(shared.affected)}")
    for kind, title in _TITLES.items():
        rows = [c for c in difference.instructions if c.kind == kind]
        if rows:
            mark = "!" if kind in REGRESSIONS else " "
            yield f" {mark}{title} ({len(rows)}):"
            for alike in grouped(rows, lambda row: (row.deployment, row.before, row.after, row.note), apart=False):
                yield from _wrapped(f"    {_change(alike)}")


def _ends(change: TrapChange) -> str:
    when = f" if {change.when}" if change.when not in ("", "true") else ""
    return f"{_some(change.rows)} in {change.mode}: {change.before} -> {change.after}{when}"


def _some(names: Sequence[str], most: int = 6) -> str:
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _change(alike: Sequence[InstructionChange]) -> str:
    row = alike[0]
    verdicts = (
        f"{row.before} -> {row.after}"
        if row.before and row.after and row.before != row.after
        else row.after or row.before
    )
    note = f": {row.note}" if row.note else ""
    return f"{row.deployment}: {grouped_names(alike)} ({verdicts}){note}"


def _wrapped(line: str) -> list[str]:
    import textwrap

    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.wrap(line, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def document(differences: Sequence[Difference]) -> str:
    """The differences as JSON, docs/json.md."""
    shown = [_machine(d) for d in differences]
    return json.dumps({"schema_version": SCHEMA_VERSION, "machines": shown}, indent=2, ensure_ascii=False)


def _trap(change: TrapChange) -> dict[str, Any]:
    rule = change.rule
    return {
        "kind": rule.name,
        "rule": rule.id,
        "level": rule.level,
        "title": rule.title,
        "mode": change.mode,
        "rows": list(change.rows),
        "before": change.before,
        "after": change.after,
        "when": change.when,
    }


def _machine(difference: Difference) -> dict[str, Any]:
    return {
        "name": difference.name,
        "regressions": difference.regressions,
        "theorems": [
            {**asdict(t), "failing": list(t.failing), "timing": list(t.timing), "worse": t.worse}
            for t in difference.theorems
        ],
        "configurations": [
            {"deployment": n, "before": b.shown(), "after": a.shown()} for n, b, a in difference.configurations
        ],
        "findings": [
            {
                "change": "new" if f.new else "gone",
                "regression": f.worse,
                "law": f.finding.law,
                "status": f.finding.status,
                "subject": f.finding.subject,
                "message": f.finding.message,
            }
            for f in difference.findings
        ],
        "lost": [
            {"rule": k.rule.id, "deployment": k.deployment, "leaf": k.leaf, "rows": list(k.rows)}
            for k in difference.lost
        ],
        "traps": [_trap(change) for change in difference.traps],
        "shared": [{"part": s.part, "affected": list(s.affected)} for s in difference.shared],
        "deployments": [{"name": n, "change": c} for n, c in difference.deployments],
        "instructions": [
            {
                "change": c.kind,
                "regression": c.kind in REGRESSIONS,
                "deployment": c.deployment,
                "id": c.id,
                "before": c.before or None,
                "after": c.after or None,
                "location": {"file": c.position.path, "line": c.position.line, "column": c.position.column},
                "note": c.note,
            }
            for c in difference.instructions
        ],
    }
