"""The premise guest_can_be_entered: a return that leads to every user state, one that does not, and what has to be set before."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.premises.guest_can_be_entered import PREMISE
from pgcheck.checker.questions.entry import settled
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.values import NOTHING, Configuration
from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.choices import MIRROR, Choice
from pgcheck.isa.machine.machine import Machine
from pgcheck.shipped import shipped
from tests.checker.variants import edited, variant
from tests.specifications import SMALL, machine_of

pytestmark = pytest.mark.slow


def asked(machine: Machine, evidence: Evidence, configuration: Configuration = NOTHING) -> list[tuple[str, str]]:
    """(status, message) of what the premise says of the first deployment."""
    setting = settled(machine, machine.deployments[0], evidence)
    return [(f.status, f.message) for f in PREMISE.ask(setting, configuration, evidence)]


def test_the_paper_s_return_loads_its_word(evidence: Evidence) -> None:
    assert asked(machine_of("pg74"), evidence) == [
        ("ok", "lpsw (M <- memory, P <- memory, R.l <- memory, R.b <- memory)")
    ]


@pytest.mark.parametrize(
    ("loads", "status"),
    [
        ("$pc = new.P;\n      A[3] = 32'd0;", "fails"),
        ("$pc = new.P;\n      A[3] = A[4];", "fails"),
        ("$pc = new.P & 10'h3fe;", "fails"),
        ("$pc = new.P;\n      R.b = new.B & 11'h7fe;", "fails"),
        ("$pc = new.P;\n      C = new.M;", "fails"),
        ("$pc = 10'd4;", "fails"),
        # What is loaded may lie anywhere in the monitor's words, and be moved by a constant.
        ("$pc = read_memory(32'd7)[9:0] + 10'd1;", "ok"),
        ("$pc = new.P;\n      A[3] = read_memory(32'd7);", "ok"),
        # In user mode, and at an address that the guest knows, there is no word of the monitor's.
        ("$pc = new.P;\n      A[3] = read_memory(indexed(a, x)) ^ 32'd1;", "undecided"),
        ("$pc = new.P;\n      A[3] = read_memory(A[5]);", "undecided"),
        # What is mixed with a word of the monitor's is no copy of bits.
        ("$pc = new.P ^ read_memory(32'd7)[9:0];", "undecided"),
    ],
)
def test_a_return_that_does_not_restore_is_noticed(loads: str, status: str, tmp_path: Path, evidence: Evidence) -> None:
    old = "      R.l = new.L;\n      R.b = new.B;\n      $pc = new.P;\n  - name: lrr"
    new = f"      R.l = new.L;\n      R.b = new.B;\n      {loads}\n  - name: lrr"
    machine = edited(tmp_path, (old, new))
    if status == "undecided":
        with pytest.raises(Undecided, match="cop(y of|ied) bits"):
            asked(machine, evidence)
    else:
        assert [status for status, _ in asked(machine, evidence)] == [status]


def test_a_machine_without_a_return_is_refuted(tmp_path: Path, evidence: Evidence) -> None:
    old = "Psw new = read_memory(indexed(a, x));\n      M = new.M;"
    ((status, message),) = asked(edited(tmp_path, (old, old.partition("\n")[0])), evidence)
    assert status == "fails" and message.startswith("the monitor is led by no instruction to the state with M = 0x1")


def test_two_returns_may_share_the_states(tmp_path: Path, evidence: Evidence) -> None:
    body = "      if (new.P[0] == {}) {{ halt(); }}\n      M = new.M;\n      R.l = new.L;\n"
    machine = edited(
        tmp_path,
        (
            "      M = new.M;\n      R.l = new.L;\n      R.b = new.B;\n      $pc = new.P;\n  -",
            body.format(0) + "      R.b = new.B;\n      $pc = new.P;\n  -",
        ),
    )
    assert [status for status, _ in asked(machine, evidence)] == ["fails"]
    second = (
        """instructions:
  - name: lpsw2
    encoding: {match: "10000000000000000000000000000000"}
    operation(): |
      privileged();
      Psw new = read_memory(32'd7);
"""
        + body.format(1)
        + "      R.b = new.B;\n      $pc = new.P;\n"
    )
    (tmp_path / "two.yaml").write_text(f"include: [edited.yaml]\nname: two\ntitle: Two returns\n{second}", "utf-8")
    ((status, message),) = asked(load(tmp_path / "two.yaml", shipped=shipped), evidence)
    assert status == "ok" and "lpsw (" in message and "lpsw2 (" in message


FIXED = "state:\n  F: {type: Bits<2>, role: configuration}\n"
SET = """instructions:
  - name: setf
    encoding: {{match: "10000000----00000000000000000000", variables: ["r 23-20"]}}
    operation(): |
      privileged();
      F = {};
"""


@pytest.mark.parametrize(
    ("value", "choice", "status"),
    [
        ("A[r][1:0]", 2, "ok"),
        ("A[r][1:0]", MIRROR, "ok"),
        ("{A[r][0], 1'b0}", 2, "ok"),
        ("{A[r][0], 1'b0}", 1, "fails"),
        ("{A[r][0], 1'b0}", MIRROR, "fails"),
        ("2'd1", 0, "ok"),
        ("2'd1", 2, "fails"),
    ],
)
def test_what_is_fixed_or_mirrored_can_be_set(
    value: str, choice: Choice, status: str, tmp_path: Path, evidence: Evidence
) -> None:
    machine = variant(tmp_path, FIXED + SET.format(value))
    assert [s for s, _ in asked(machine, evidence, Configuration({"F": choice}))] == [status]


def test_what_no_instruction_sets_is_as_at_reset(tmp_path: Path, evidence: Evidence) -> None:
    machine = variant(tmp_path, FIXED)
    assert [s for s, _ in asked(machine, evidence, Configuration({"F": 0}))] == ["ok"]
    ((status, message),) = asked(machine, evidence, Configuration({"F": 1}))
    assert status == "fails"
    assert message.startswith("nothing that the monitor may execute sets F as in the state with F = 0x1; let")


def test_a_leaf_that_cannot_be_set_back_leaves_the_answer_open(tmp_path: Path, evidence: Evidence) -> None:
    one_bit = FIXED.replace("Bits<2>", "Bits<1>")
    with pytest.raises(Undecided, match="sets it back"):
        asked(variant(tmp_path, one_bit + SET.format("1'b1")), evidence, Configuration({"F": MIRROR}))


def test_hidden_state_that_a_return_does_not_reach_is_noticed(tmp_path: Path, evidence: Evidence) -> None:
    """An accumulator that user mode sees through a copy which only loading it refreshes."""
    machine = variant(tmp_path, "state:\n  H: {type: Bits<4>, role: general}\noverride:\n  instructions:\n" + LPSW)
    assert [status for status, _ in asked(machine, evidence)] == ["fails"]


LPSW = """    - name: lpsw
      encoding: {match: "010000000000----000000----------", variables: ["x 19-16", "a 9-0"]}
      operation(): |
        privileged();
        Psw new = read_memory(indexed(a, x));
        M = new.M;
        R.l = new.L;
        R.b = new.B;
        $pc = new.P;
        H = A[1][3:0];
"""


@pytest.mark.parametrize("name", ["m68000", "m68010"])
def test_the_stack_pointer_that_a_return_swaps_is_loaded_before(name: str, evidence: Evidence) -> None:
    ((status, message),) = asked(machine_of(name), evidence)
    assert status == "ok"
    assert message.startswith("rte (A[7] <- OSP, PC <- memory, SR.S <- memory")


def test_a_control_machine_is_entered(evidence: Evidence) -> None:
    machine = load(SMALL / "soundness" / "z00_control.yaml", shipped=shipped)
    assert asked(machine, evidence) == [("ok", "rfe (M <- SM, P <- SP); SP by setp; B by setr; L by setr")]


CONTROL = "soundness/z00_control"
SETP = "      priv(); SM = A[0][4]; SP = A[0][3:0];\n"
RFE = "priv(); M = SM; $pc = SP;"
GATE = ("  SM:", "  OPEN: {type: Bits<1>, role: configuration}\n  SM:")
CLOSED = (RFE, "priv(); if (OPEN == 0) { trap(Cause::Undefined); } M = SM; $pc = SP;")
CLOSES = ("SM = M; SP = $pc;", "OPEN = 0; SM = M; SP = $pc;")


def more(*bodies: str) -> tuple[str, str]:
    """Further instructions of the supervisor's."""
    added = (
        f'  - name: more{k}\n    encoding: {{match: "{16 + k:08b}"}}\n    operation(): |\n      priv(); {b}\n'
        for k, b in enumerate(bodies)
    )
    return SETP, SETP + "".join(added)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ((GATE, CLOSED, more("OPEN = A[0][0];")), "ok"),
        ((GATE, CLOSED, CLOSES, more("OPEN = A[0][0];")), "ok"),
        ((GATE, CLOSED, CLOSES, more("if (OPEN == 1) { OPEN = A[0][0]; }")), "fails"),
        ((GATE, CLOSED, CLOSES, more("if (A[0] == 0) { OPEN = 1; }")), "ok"),
        ((GATE, CLOSED, CLOSES, more("if (M == 1) { OPEN = 1; }")), "fails"),
        # What entries leave alone has its reset value, or what was set at any time.
        ((GATE, CLOSED), "fails"),
        (((GATE[0], GATE[1].replace("configuration}", "configuration, reset: 1}")), CLOSED), "ok"),
        # The entry says by what has come; there is a return for each.
        ((GATE, CLOSED, ("SM = M; SP = $pc;", "OPEN = $bits(cause)[0]; SM = M; SP = $pc;")), "fails"),
        (
            (
                GATE,
                CLOSED,
                ("SM = M; SP = $pc;", "OPEN = $bits(cause)[0]; SM = M; SP = $pc;"),
                more("if (OPEN == 1) { trap(Cause::Undefined); } M = SM; $pc = SP;"),
            ),
            "ok",
        ),
        # A register that an instruction sets on no condition that it meets, or but for a bit.
        (((SETP, SETP.replace("SP = A[0][3:0]", "SP = {A[0][3:1], 1'b0}")),), "fails"),
        (((SETP, SETP.replace("SP = A[0][3:0];", "if (A[1] == 0) { SP = A[0][3:0]; }")),), "ok"),
        (((SETP, SETP.replace("SP = A[0][3:0];", "if (M == 1) { SP = A[0][3:0]; }")),), "fails"),
    ],
)
def test_the_monitor_comes_to_where_it_returns_from(
    changes: tuple[tuple[str, str], ...], status: str, tmp_path: Path, evidence: Evidence
) -> None:
    assert [s for s, _ in asked(edited(tmp_path, *changes, base=CONTROL), evidence)] == [status]


def test_what_no_instruction_sets_is_assumed_by_name(tmp_path: Path, evidence: Evidence) -> None:
    found = asked(edited(tmp_path, (SETP, "      priv(); A[1] = 0;\n"), base=CONTROL), evidence)
    assert [(s, m.split(",")[0]) for s, m in found[1:]] == [("assumed", "the monitor sets SP")]


LENT = (
    ("  SM:", "  X: {type: Bits<1>, role: configuration}\n  Y: {type: Bits<1>, role: configuration}\n  SM:"),
    ("decode:", "deployments: {d: {real_mode: 1, mirror: [X, Y]}}\ndecode:"),
)


@pytest.mark.parametrize(
    ("setters", "status"),
    [
        (("X = A[0][0]; Y = 0;", "Y = A[0][0];"), "ok"),
        (("X = A[0][0]; Y = 0;", "Y = A[0][0]; X = 0;"), "fails"),
        (("X = A[0][0]; Y = 0;", "Y = A[0][0]; X = 0;", "X = A[0][0]; Y = A[0][1];"), "ok"),
        (("X = A[0][0]; Y = A[0][0];", "Y = A[0][0]; X = A[0][0];"), "fails"),
        (("X = A[0][0]; Y = A[0][0];", "Y = A[0][1]; if (A[0][0] == 1) { X = 0; }"), "ok"),
        (("if (A[0][0] == 0) { X = A[0][1]; } else { Y = A[0][1]; }",), "ok"),
        # Setting one disturbs the other, and that can be chosen.
        (("X = A[0][0]; Y = A[0][1];",), "ok"),
        (("X = A[0][0]; SP = 0;", "Y = A[0][0]; SP = 0;"), "ok"),
        (("X = A[0][0]; Y = A[0][1]; L = 0;",), "ok"),
    ],
)
def test_what_is_lent_is_set_one_beside_the_other(
    setters: tuple[str, ...], status: str, tmp_path: Path, evidence: Evidence
) -> None:
    assert [s for s, _ in asked(edited(tmp_path, *LENT, more(*setters), base=CONTROL), evidence)] == [status]
