"""The shipped machines beside emulators that nobody here wrote: whole states, traps with cause and frame, sequences, and the census of words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
from click.testing import CliRunner

from bench import fidelity
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.terms import mk
from pgcheck.isa.terms.ir import Block, If, SetLeaf, Statement
from tests.fidelity import musashi, spike
from tests.fidelity.census import known, taken
from tests.fidelity.compare import Row, compared, listed
from tests.fidelity.ours import Taken
from tests.fidelity.peer import Judge, Missing
from tests.fidelity.peers import JUDGES
from tests.specifications import machine

SOME, MANY, ROW = 3000, 100_000, 10_000
NOTICED = 4000


@cache
def judge(name: str) -> Judge:
    """Who judges a machine; skips where there is nobody."""
    try:
        return JUDGES[name](name)
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("states", [SOME, pytest.param(MANY, marks=pytest.mark.campaign)])
@pytest.mark.parametrize("name", JUDGES)
def test_states_after_a_step_are_those_of_the_peer_or_explained(name: str, states: int) -> None:
    described = machine(name)
    tally = compared(described, judge(name), states, enough=5)
    assert [str(d) for d in tally.unexplained] == []
    assert tally.states >= states
    assert {i.id for i in described.instructions if i.encoding is not None} <= tally.instructions


@pytest.mark.parametrize("name", JUDGES)
def test_every_word_is_legal_illegal_or_privileged_as_the_peer_has_it_or_explained(name: str) -> None:
    census = taken(machine(name), judge(name))
    assert census.unexplained == {}
    assert all(census.kinds[kind] > 50 for kind in ("legal", "illegal", "privileged"))
    assert {row.reason for row in known(name, judge(name).name)} == {*census.explained}


@pytest.mark.campaign
@pytest.mark.parametrize("name", JUDGES)
def test_no_row_explains_nothing(name: str) -> None:
    for row in listed(name, judge(name).name):
        seeds = (compared(machine(name), judge(name), ROW, f"{k}", patterns=row.instructions) for k in range(10))
        assert any(row.reason in tally.needed for tally in seeds), row.reason


# ---- what is wrong is noticed


def without(block: Block, leaf: str) -> Block:
    """The block with every assignment to `leaf` inverted."""
    changed: list[Statement] = []
    for statement in block:
        match statement:
            case SetLeaf(name, value) if name == leaf:
                changed.append(SetLeaf(name, mk("not", value.width, value)))
            case If(condition, then, orelse):
                changed.append(If(condition, without(then, leaf), without(orelse, leaf)))
            case _:
                changed.append(statement)
    return tuple(changed)


def function(name: str, leaf: str) -> Callable[[Machine], Machine]:
    """A machine whose functions of a name set a leaf wrongly."""

    def changed(described: Machine) -> Machine:
        code = described.code
        wrong = {n: replace(f, body=without(f.body, leaf)) for n, f in code.functions.items() if n.startswith(name)}
        assert any(wrong[n].body != code.functions[n].body for n in wrong)
        return replace(described, code=replace(code, functions={**code.functions, **wrong}))

    return changed


def body(name: str, like: str) -> Callable[[Machine], Machine]:
    """A machine in which an instruction does what another does."""

    def changed(described: Machine) -> Machine:
        def one(instruction: Instruction) -> Instruction:
            same = instruction.id == name
            return replace(instruction, body=described.instruction(like).body) if same else instruction

        return replace(described, instructions=tuple(one(i) for i in described.instructions))

    return changed


FAULTS = {
    ("m68000", "frame"): (body("trap", "illegal"), "trap"),
    ("m68000", "stack of the other mode"): (function("set_sr", "OSP"), "*"),
    ("m68000", "signs"): (body("asr.w.r", "lsr.w.r"), "asr.w.r"),
    ("m68010", "base of vectors"): (body("movec.to", "movec.from"), "movec.to"),
    ("m68010", "privilege"): (body("move.from_sr", "move.from_ccr"), "move.from_sr"),
    ("riscv64", "cause"): (function("raise", "scause"), "*"),
    ("riscv64", "interrupts after a trap"): (function("raise", "mstatus.SPIE"), "*"),
    ("riscv64", "interrupts after an interrupt"): (function("enter_supervisor", "mstatus.SPIE"), "*"),
    ("riscv64", "return"): (body("sret", "mret"), "sret"),
    ("riscv64", "a word of another sign"): (body("lwu", "lw"), "lwu"),
}


@pytest.mark.parametrize(("name", "fault"), FAULTS)
def test_a_wrong_step_is_noticed(name: str, fault: str) -> None:
    change, pattern = FAULTS[name, fault]
    assert compared(change(machine(name)), judge(name), NOTICED, enough=1, patterns=[pattern]).unexplained


def test_a_privileged_instruction_that_users_run_is_noticed() -> None:
    open_ = body("stop", "nop")(machine("m68000"))
    assert set(taken(open_, judge("m68000"), [0x4E71, 0x4E72]).unexplained) == {(0x4E72, True)}


def test_a_register_that_nobody_has_is_noticed() -> None:
    described = body("csrrw", "csrrs")(machine("riscv64"))
    assert set(taken(described, judge("riscv64"), [0xC00010F3, 0x340010F3]).unexplained) == {
        (0xC00010F3, False),
        (0xC00010F3, True),
    }


# ---- the table


def test_a_row_is_about_its_steps_alone() -> None:
    row = Row("p", "r", "m", ("a.*",), ("trap(1)",), ("K",), {"X": 1}, {"n": [[2, 3]]})
    step = Taken("a.b", "trap(1)", {}, {}, {"n": 3}, {}, frozenset())
    assert row.concerns(step, {"X": 1})
    others = (
        replace(step, instruction="b"),
        replace(step, exit=""),
        replace(step, operands={"n": 4}),
        replace(step, operands={}),
    )
    assert not any(row.concerns(other, {"X": 1}) for other in others)
    assert not row.concerns(step, {"X": 0})


@pytest.mark.parametrize("name", JUDGES)
def test_every_row_says_why_and_where_the_manual_says_so(name: str) -> None:
    for peer in ("Musashi", "Spike"):
        said = [(row.reason, row.manual) for row in listed(name, peer)]
        said += [(row.reason, row.manual) for row in known(name, peer)]
        assert all(len(reason) > 20 and len(manual) > 8 for reason, manual in said)


# ---- a peer that is not there


def absent(name: str, package: str | None = None) -> object:
    raise ImportError(name)


@pytest.mark.parametrize("name", JUDGES)
def test_a_peer_that_is_not_there_is_one_line_and_no_pass(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (musashi, spike):
        monkeypatch.setattr(module.importlib, "import_module", absent)
    ended = CliRunner().invoke(fidelity.main, [name, "--states", "1"])
    assert ended.exit_code == 1
    (line,) = ended.output.splitlines()
    assert line.startswith(f"{name}: MISS: ") and "pip install" in line


def test_a_state_that_nobody_explains_ends_the_bench_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    judge("m68000")
    monkeypatch.setattr(fidelity, "machine", lambda name: function("set_sr", "OSP")(machine(name)))
    ended = CliRunner().invoke(fidelity.main, ["m68000", "--states", "500", "--no-census"])
    assert ended.exit_code == 1 and " unexplained; " in ended.output and "step " in ended.output
