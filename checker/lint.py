"""P0: what must be true of a specification before its verdicts mean anything."""

from __future__ import annotations

from pgcheck.checker.pool import Pool
from pgcheck.checker.result import Finding
from pgcheck.isa.machine import Machine


def lint(machine: Machine, pool: Pool, second: bool) -> list[Finding]:
    """Every finding about a machine."""
    return []
