"""What each row of a machine reads and writes, kept between runs: to find it out takes most of the time of a page."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Container, Mapping
from contextlib import suppress

from pgcheck.isa.kept import store
from pgcheck.isa.kept.tool import ROOMS, digest
from pgcheck.isa.machine.machine import Machine
from pgcheck.reports.html.flow import Flow, access


def accesses(machine: Machine, rows: Container[str]) -> Mapping[str, Flow]:
    """The access of each of these rows that the machine has."""
    return {row: found for row, found in _all(machine, rows).items() if row in rows}


def _all(machine: Machine, rows: Container[str]) -> Mapping[str, Flow]:
    """Those of all rows are kept of a machine that was kept itself, for one that was changed since it was read is another; of others only these `rows` are looked at."""
    if machine.later is None:
        return _found(machine, rows)
    name = _name(machine)
    try:
        content = store.read(store.folder(), name)
        if content is not None:
            return {row: _flow(*parts) for row, parts in json.loads(content).items()}
    except (OSError, RuntimeError, ValueError, TypeError, AttributeError, store.Unsafe):
        pass  # it is found out again
    found = _found(machine, None)
    said = {row: (one.reads, one.writes, one.exits, one.edges) for row, one in found.items()}
    with suppress(OSError, RuntimeError, store.Unsafe):
        store.write(store.folder(), name, json.dumps(said).encode())
    return found


def _found(machine: Machine, wanted: Container[str] | None) -> dict[str, Flow]:
    from pgcheck.checker.questions.subject import judgeable

    rows = ((i, row) for i in judgeable(machine) for row in i.rows)
    return {i.id + r.label: access(machine, i, r) for i, r in rows if wanted is None or i.id + r.label in wanted}


def _flow(reads: list[str], writes: list[str], exits: list[str], edges: list[tuple[str, str]]) -> Flow:
    return Flow(tuple(reads), tuple(writes), tuple(exits), tuple((source, target) for source, target in edges))


def _name(machine: Machine) -> str:
    """What the accesses hang on: the files, the deployment that they are looked at under, and the code that looks."""
    tool = digest(*ROOMS, "reports.html"), sys.implementation.cache_tag
    parts = machine.identity.digest, machine.identity.path, machine.deployments[0].name, tool
    return f"accesses-{hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()}"
