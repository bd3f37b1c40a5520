"""Theorems 1, 2 and 3 of Popek and Goldberg from the classical booleans, and whether a monitor exists from the exact verdicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pgcheck.checker.result import InstructionResult, TheoremResult

Rows = Sequence[InstructionResult]


def theorems(rows: Rows, configuration: Mapping[str, object]) -> dict[str, TheoremResult]:
    """The four answers by name. Theorem 1 is sufficient only: that its premise fails does not say that no monitor exists."""
    first = _premise("theorem1", rows, configuration, lambda r: r.sensitive, lambda r: r.sensitive_under_configuration)
    third = _premise(
        "theorem3", rows, configuration, lambda r: r.user_sensitive, lambda r: r.user_sensitive_under_configuration
    )
    return {
        "theorem1": first,
        "theorem2": _recursive(first, rows, configuration),
        "theorem3": third,
        "monitor": _monitor(rows, configuration),
    }


def _premise(
    name: str,
    rows: Rows,
    configuration: Mapping[str, object],
    needs: Callable[[InstructionResult], bool],
    needs_under: Callable[[InstructionResult], bool],
) -> TheoremResult:
    """Every row that needs to be privileged is: over all legal states, or else under the configuration."""
    always = [r.id for r in rows if needs(r) and not r.privileged]
    under = [r.id for r in rows if needs_under(r) and not r.privileged_under_configuration and r.verdict != "unknown"]
    unknown = [r.id for r in rows if r.verdict == "unknown"]
    return _decided(name, always, under, unknown, configuration)


def _decided(
    name: str, always: list[str], under: list[str], unknown: list[str], configuration: Mapping[str, object]
) -> TheoremResult:
    if under:
        return TheoremResult(name, "fails", tuple(under))
    if unknown:
        return TheoremResult(name, "unknown", tuple(unknown))
    if always:
        return TheoremResult(name, "conditional", tuple(always), configuration)
    return TheoremResult(name, "holds")


def untested(answers: Mapping[str, TheoremResult]) -> dict[str, TheoremResult]:
    """The answers of a check that did not give the known ones to canaries: nothing is proved, and what is refuted stays refuted."""
    return {n: t if t.status in ("fails", "unknown") else TheoremResult(n, "unknown") for n, t in answers.items()}


def _recursive(first: TheoremResult, rows: Rows, configuration: Mapping[str, object]) -> TheoremResult:
    """Theorem 2: Theorem 1, and every instruction that shows time traps, so that the monitor can give logical time."""
    if first.status not in ("holds", "conditional"):
        return TheoremResult("theorem2", first.status, first.failing)
    always = [r.id for r in rows if r.timing and not r.privileged]
    under = [r.id for r in rows if r.timing and not r.privileged_under_configuration]
    result = _decided("theorem2", always, under, [], configuration)
    if result.status == "holds" and first.status == "conditional":
        return TheoremResult("theorem2", "conditional", first.failing, configuration)
    return result


def _monitor(rows: Rows, configuration: Mapping[str, object]) -> TheoremResult:
    """Whether a trap-and-emulate monitor exists: no row is a hole."""
    holes = [r.id for r in rows if r.verdict == "hole"]
    unknown = [r.id for r in rows if r.verdict == "unknown"]
    conditional = [r.id for r in rows if r.verdict == "conditional"]
    return _decided("monitor", conditional, holes, unknown, configuration)
