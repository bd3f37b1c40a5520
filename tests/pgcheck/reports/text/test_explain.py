"""Explanations: the words, the specification's own lines, and the witness as a table."""

from dataclasses import replace
from pathlib import Path

import click
import pytest

from pgcheck.checker.result import InstructionResult
from pgcheck.checker.witnesses.witness_replay import Replayed
from pgcheck.isa.files.errors import Position
from pgcheck.isa.machine.machine import Machine
from pgcheck.reports.text.explain import explained, replayed, source
from tests.pgcheck.factory import CLI, HOLE, WITNESS, instruction, result
from tests.specifications import machine as shared


def machine() -> Machine:
    """A machine with the instruction and the leaves that the hand-made results speak of."""
    leaf = shared("popf").state.leaves["C"]
    leaves = {n: replace(leaf, name=n) for n in ("GPR", "IF", "IOPL", "MEM", "CPL", shared("popf").modes.leaf)}
    instructions = tuple(replace(shared("popf").instruction("popf"), id=n, name=n) for n in ("popf", "cli", "odd"))
    state = replace(shared("popf").state, leaves={**shared("popf").state.leaves, **leaves})
    return replace(shared("popf"), state=state, instructions=instructions)


def shown(row: InstructionResult) -> str:
    text = click.unstyle(explained(machine(), result(row)))
    assert max(map(len, text.splitlines())) <= 80
    return text


def test_a_hole_is_explained_by_predicates_text_and_witness() -> None:
    text = shown(HOLE)
    order = [
        "Verdict     hole",
        "Evidence    two solvers agree",
        "no  privileged",
        "yes sensitive: it changes interrupt",
        "yes user-sensitive",
        "yes a hole",
        "The specification says",
        "Witness",
    ]
    places = [text.index(word) for word in order]
    assert places == sorted(places)


def test_formulas_bind_each_state_once() -> None:
    flat = " ".join(shown(HOLE).split())
    assert "exists u in user mode: step(u) completes and interrupt(step(u)) != interrupt(u)" in flat
    assert "exists s in supervisor mode, u in user mode equal but for mode: both steps complete" in flat


def test_the_table_marks_what_differs() -> None:
    lines = [line for line in shown(HOLE).splitlines() if line.startswith((">", "  ")) and line[2:3].isalpha()]
    table = {line[2:].split()[0]: (line[0], line[2:].split()[1:]) for line in lines if len(line.split()) in (5, 6)}
    assert table["IF"] == (">", ["1", "0", "1", "1"])
    assert table["MEM[0x100]"] == (">", ["0", "7", "0", "6"])
    assert table["GPR[4]"] == (" ", ["8", "0xc", "8", "0xc"])
    assert table["CPL"] == (" ", ["0", "0", "3", "3"])


def test_what_is_no_hole_has_no_witness() -> None:
    text = shown(instruction("odd"))
    assert "Witness" not in text and "no  a hole" in text
    assert "no  sensitive: it neither changes nor reveals control state" in text


def test_a_configuration_is_shown_as_one_for_this_instruction() -> None:
    flat = " ".join(shown(CLI).split())
    assert "With IOPL = 0 (found for what is explained here alone)" in flat
    assert "yes a hole, with nothing configured" in flat and "no a hole under the configuration" in flat


def test_the_specification_is_quoted_to_the_next_item(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("instructions:\n  - name: a\n    operation(): |\n      x;\n\n  - name: b\n")
    assert source(Position(str(file), 2, 5)) == ["- name: a", "  operation(): |", "    x;"]
    assert source(Position(str(file), 6, 5)) == ["- name: b"]
    assert source(Position(str(tmp_path / "gone.yaml"), 1, 1)) == []


@pytest.mark.parametrize("reproduced, said", [(True, "Reproduced without a solver."), (False, "Not reproduced")])
def test_a_replay_says_whether_it_reproduced(reproduced: bool, said: str) -> None:
    after = WITNESS.virtual_after if reproduced else {}
    again = Replayed(reproduced, WITNESS.differs if reproduced else (), after, WITNESS.real_after, "next", "next")
    text = click.unstyle(replayed(machine(), WITNESS, again))
    assert said in text
    assert "has changed since" in text
    same = replace(WITNESS, digest=machine().identity.digest)
    assert "has changed since" not in click.unstyle(replayed(machine(), same, again))
