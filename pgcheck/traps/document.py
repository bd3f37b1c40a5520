"""A trap table for programs (docs/json.md)."""

from __future__ import annotations

import json
from typing import Any, Final

from pgcheck.checker.solving.versions import versions
from pgcheck.checker.traps.registers import knobs
from pgcheck.checker.traps.table import Arrival, Ending, RowTraps, When
from pgcheck.checker.traps.ways import Cause
from pgcheck.traps.view import View

SCHEMA_VERSION: Final = "1.0"


def document(view: View) -> str:
    """The table as JSON; equal tables give equal bytes."""
    table, machine = view.table, view.machine
    user = machine.modes.user.values
    whole = {
        "schema_version": SCHEMA_VERSION,
        "specification": table.name,
        "digest": table.digest,
        "solvers": dict(versions()),
        "modes": [
            {
                "value": m,
                "name": view.mode(m),
                "class": "user" if m in user else "supervisor" if m in machine.modes.supervisor.values else None,
            }
            for m in table.modes
        ],
        "rows": [_row(view, row) for row in table.rows],
        "delivered": [
            {**_cause(cause), "from": view.mode(mode), "to": [_arrival(view, a) for a in arrivals]}
            for (cause, mode), arrivals in table.delivered.items()
        ],
        "registers": [
            {
                "name": r.name,
                "address": r.address,
                "access": [
                    {
                        "mode": view.mode(m),
                        "read": r.read[m],
                        "written": r.written[m],
                        "traps": [str(way) for way in r.refused[m]],
                    }
                    for m in table.modes
                ],
            }
            for r in view.registers
        ],
        "knobs": [
            {"leaf": k.leaf, "mode": view.mode(k.mode), "cause": str(k.way), "when": list(k.when), "rows": list(k.rows)}
            for k in knobs(table)
        ],
    }
    return json.dumps(whole, indent=1, ensure_ascii=False)


def _row(view: View, row: RowTraps) -> dict[str, Any]:
    place = row.position
    return {
        "id": row.id,
        "instruction": row.instruction,
        "row": row.row.removeprefix(":") or None,
        "location": {"file": place.path, "line": place.line, "column": place.column},
        "endings": [{"mode": view.mode(m), **_ending(e)} for m, endings in row.endings.items() for e in endings],
    }


def _ending(ending: Ending) -> dict[str, Any]:
    return {"way": ending.way.what, "causes": [_cause(c) for c in ending.way.causes], "when": _when(ending.when)}


def _cause(cause: Cause) -> dict[str, Any]:
    return {"cause": str(cause), "exit": cause.function, "values": list(cause.members), "kind": cause.kind}


def _arrival(view: View, arrival: Arrival) -> dict[str, Any]:
    to = None if arrival.mode is None else view.mode(arrival.mode)
    return {"mode": to, "nested": arrival.nested or None, "when": _when(arrival.when)}


def _when(when: When) -> dict[str, Any]:
    return {
        "status": when.status,
        "condition": when.text if when.status == "proved" else None,
        "reason": when.text or None if when.status != "proved" else None,
        "through": list(when.through),
        "leaves": [leaf for leaf, _ in when.about],
    }
