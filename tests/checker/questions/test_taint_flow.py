"""The data-flow graph of a step has exactly the edges of its semantics."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.questions.subject import subject
from pgcheck.checker.questions.taint import flow
from pgcheck.isa.machine.machine import Machine
from tests.checker.judging import setting_of
from tests.checker.variants import with_instruction
from tests.specifications import machine_of


def edges(machine: Machine, identifier: str) -> set[tuple[str, str]]:
    setting = setting_of(machine)
    graph = flow(subject(setting, machine.instruction(identifier), machine.instruction(identifier).rows[0]), machine)
    for node, data in graph.nodes(data=True):
        assert data["role"] == (machine.state.leaves[node].role if node in machine.state.leaves else "exit")
    return set(graph.edges)


# The program counter goes on wherever the step does.
NEXT = ("P", "P")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("C = 1'b0;", {NEXT}),
        ("C = A[r][0];", {NEXT, ("A", "C")}),
        ("C = A[r][0] ^ A[r][0];", {NEXT}),
        ("if (M == 1) { C = 1'b1; }", {NEXT, ("M", "C"), ("C", "C")}),
        ("R.l = A[r][9:0];", {NEXT, ("A", "R.l")}),
        ("A[r] = {22'd0, R.l};", {NEXT, ("A", "A"), ("R.l", "A")}),
        ("if (C == 1) { trap(Cause::Service); }", {NEXT, ("C", "exit trap")}),
        ("trap(M == 1 ? Cause::Service : Cause::Undefined);", {NEXT, ("M", "exit trap")}),
        ("$pc = A[r][9:0];", {("A", "P")}),
    ],
)
def test_each_edge_is_a_dependence(body: str, expected: set[tuple[str, str]], tmp_path: Path) -> None:
    assert edges(with_instruction(tmp_path, body), "new") == expected


def test_a_leaf_that_is_set_to_a_constant_is_a_node_without_a_source(tmp_path: Path) -> None:
    machine = with_instruction(tmp_path, "R.l = 10'd3;")
    setting = setting_of(machine)
    graph = flow(subject(setting, machine.instruction("new"), machine.instruction("new").rows[0]), machine)
    assert graph.nodes["R.l"] == {"role": "relocation"} and not list(graph.predecessors("R.l"))


def test_shipped_leaks_are_edges() -> None:
    assert ("SR.S", "MEM") in edges(machine_of("m68000"), "move.from_sr")
    assert not {e for e in edges(machine_of("m68000"), "move.to_ccr") if e[1] == "SR.S"}
