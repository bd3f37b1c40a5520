"""What changed in how instructions end: each kind of change on the smallest machine that has it, and none where nothing changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.example import MACHINE, REFUSED, SILENT, Edit, operation
from pgcheck.checker.options import Limits
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.solver import Solver
from pgcheck.checker.traps.difference import Side, TrapChange, changes
from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.meaning import meanings
from pgcheck.shipped import shipped

ONE, OTHER = "if (IE == 1) { trap(Cause::Service); }", "if (A == 7) { trap(Cause::Undefined); }"
ENTRY = "OLD = $pc; M = 0; $pc = 8'd4;"
GATED = "if (M == 1 && BASE == 3) { trap(Cause::Privileged); }\nIE = 1'b0;"
HALTING = "if (M == 1) { halt(); }\nIE = 1'b0;"
CASES: list[tuple[Edit, Edit, list[tuple[str, ...]]]] = [
    (REFUSED, SILENT, [("lost-trap", "M=1", "trap(Privileged)", "completes", "true")]),
    (SILENT, REFUSED, [("new-trap", "M=1", "completes", "trap(Privileged)", "true")]),
    (REFUSED, operation(GATED), [("lost-trap", "M=1", "trap(Privileged)", "completes", "BASE != 3")]),
    (
        REFUSED,
        operation("if (M == 1) { trap(Cause::Undefined); }\nIE = 1'b0;"),
        [("other-cause", "M=1", "trap(Privileged)", "trap(Undefined)", "true")],
    ),
    (
        operation(f"{ONE}\n{OTHER}"),
        operation(f"{OTHER}\n{ONE}"),
        [("other-priority", f"M={m}", "trap(Service)", "trap(Undefined)", "IE == 1 && A == 7") for m in (0, 1)],
    ),
    (REFUSED, operation(HALTING), [("other-end", "M=1", "trap(Privileged)", "halt", "true")]),
    (REFUSED, operation("if (M != 0) { trap(Cause::Privileged); }\nIE = 1'b0;"), []),
    (SILENT, operation("IE = 1'b1;"), []),
    (operation(f"{ONE}\nA = 0;"), operation(f"{ONE}\nA = 1;"), []),
]


def side(folder: Path, *edits: Edit) -> Side:
    text = MACHINE
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    path = folder / "toy.yaml"
    path.write_text(text, "utf-8")
    machine = load(path, shipped=shipped)
    return Side(machine, meanings(machine))


def told(found: tuple[TrapChange, ...]) -> list[tuple[str, ...]]:
    return [(c.rule.name, c.mode, c.before, c.after, c.when) for c in found]


@pytest.mark.parametrize(("before", "after", "wanted"), CASES)
def test_what_changed(
    before: Edit, after: Edit, wanted: list[tuple[str, ...]], tmp_path: Path, evidence: Evidence
) -> None:
    found = changes(side(tmp_path, before), side(tmp_path, after), (), evidence)
    assert told(found) == wanted
    assert all(c.rows == ("cli",) for c in found)
    assert not changes(side(tmp_path, before), side(tmp_path, before), (), evidence)


def test_a_trap_that_is_delivered_elsewhere(tmp_path: Path, evidence: Evidence) -> None:
    after = ENTRY, "OLD = $pc; M = (IE == 1) ? 1'b0 : M; $pc = 8'd4;"
    found = changes(side(tmp_path), side(tmp_path, after), (), evidence)
    assert told(found) == [("other-delivery", "M=1", "to M=0", "to M=1", "IE == 0")]
    assert found[0].rows == ("trap(Privileged)", "trap(Service)", "trap(Memory)", "trap(Undefined)")


def test_only_some_instructions_are_compared(tmp_path: Path, evidence: Evidence) -> None:
    old, new = side(tmp_path, REFUSED), side(tmp_path, SILENT)
    assert changes(old, new, ("ret",), evidence) == ()
    assert len(changes(old, new, ("cli",), evidence)) == 1


def test_what_the_solver_does_not_decide_is_no_agreement(tmp_path: Path) -> None:
    hard = "if (A * A * A == OLD * A + 8'd3 && A[0] == OLD[5]) { trap(Cause::Privileged); }"
    solver = Solver(Limits(rlimit=1), second=False)
    found = changes(side(tmp_path, operation(hard)), side(tmp_path, SILENT), (), Evidence(solver, False))
    solver.close()
    assert {c.rule.name for c in found} == {"traps-not-compared"}
