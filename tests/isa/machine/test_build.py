"""Whole specifications: every section takes what it should and refuses the smallest wrong thing at its place."""

import random
import re
from pathlib import Path

import pytest

from pgcheck.isa.files.errors import SpecificationError
from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.schemes import Bounds, Entries
from pgcheck.isa.terms import Name, constant, eq, operand, show, substitute, variable
from pgcheck.isa.terms.names import STATE
from pgcheck.models.reference.cycle import canonical, step
from pgcheck.models.state import cells, reset
from pgcheck.shipped import shipped
from tests.isa.machine.complete import COMPLETE, machine, problems


def test_the_complete_machine(tmp_path: Path) -> None:
    made = machine(tmp_path)
    assert (made.identity.name, made.state.pc, made.state.memory, made.state.memory_unit, made.state.big_endian) == (
        "complete",
        "PC",
        "MEM",
        8,
        False,
    )
    assert (
        made.state.leaves["S.I"].reset == 1
        and made.state.leaves["LIMIT"].reset == 255
        and made.state.arrays["X"].hardwired == ((0, 0),)
    )
    assert made.state.memory_size == 256 and made.state.address_width == 8
    assert made.code.interrupt is not None and (made.code.interrupt.pending, made.code.interrupt.deliver) == (
        "waiting",
        "take",
    )
    trap = made.code.exits["trap"]
    assert [trap.kind_of((k, 0)) for k in range(3)] == ["privileged", "other", "memory"] and trap.nested == "double"
    assert made.code.translation is not None and (made.code.translation.mode, made.code.translation.access) == (2, 1)
    assert isinstance(made.code.translation.realise, Bounds) and made.code.translation.realise.base == "BASE"
    assert made.code.confined_by(Bounds) == (made.code.translation, made.code.translation.realise)
    assert made.code.scheme is made.code.translation.realise and made.code.confined_by(Entries) is None
    assert made.code.tables["entry"].respond == (None, {"P": 0})
    assert made.candidates[0].values == (0, 255, "mirror")
    assert [i.id for i in made.instructions] == ["move", "load", "get", "run"] and made.decoding.undecided == ()
    assert [r.label for r in made.instruction("get").rows] == [":time", ":base", ":other"]
    with pytest.raises(KeyError):
        made.instruction("put")


@pytest.mark.parametrize(
    ("rows", "variables", "labels"),
    [
        ("{w: [0, 1]}", '["r 23-20", "w 0"]', [":0", ":1"]),
        ("{w: [1]}", '["r 23-20", "w 0"]', [":1", ":other"]),
        ("{w: [0, 1, 3]}", '["r 23-20", "w 1-0"]', [":0", ":1", ":3", ":other"]),
        ("{w: [0, 1, 3]}", '["r 23-20", {location: 1-0, name: w, not: [2]}]', [":0", ":1", ":3"]),
    ],
)
def test_there_is_a_row_for_what_is_left_over_if_anything_is(
    rows: str, variables: str, labels: list[str], tmp_path: Path
) -> None:
    text = f"""include: [pg74]
name: rows
instructions:
  - name: get
    encoding: {{match: "10000000----000000000000000000{"--" if "1-0" in variables else "0-"}", variables: {variables}}}
    rows: {rows}
    operation(): "A[r][0] = w[0];"
"""
    path = tmp_path / "rows.yaml"
    path.write_text(text, "utf-8")
    assert [r.label for r in load(path, shipped=shipped).instruction("get").rows] == labels


def test_a_wide_operand_is_not_asked_for_every_value(tmp_path: Path) -> None:
    path = tmp_path / "wide.yaml"
    path.write_text(
        """include: [pg74]
name: wide
instructions:
  - name: wide
    encoding: {match: "10000001------------------------", variables: ["imm 23-0"], when: "imm == 5"}
    rows: {imm: [5]}
    operation(): "privileged();"
""",
        "utf-8",
    )
    assert [r.label for r in load(path, shipped=shipped).instruction("wide").rows] == [":5", ":other"]


def test_a_deployment_has_its_own_modes_or_those_of_the_machine(tmp_path: Path) -> None:
    made = machine(tmp_path)
    plain, own = made.deployments
    assert plain.modes == made.modes and plain.real_mode == 0
    assert own.modes.supervisor.values == (0,) and own.modes.user.values == (1,) and own.real_mode is None
    mode = variable(1, Name(STATE, "S.M"))
    assert own.monitor is eq(mode, constant(1, 0)) and plain.monitor is eq(mode, constant(1, 1))
    assert own.mirror == {"S.I", "S.M"} and plain.mirror == set()


def test_without_deployments_there_is_one_in_user_mode(tmp_path: Path) -> None:
    start, end = COMPLETE.index("deployments:"), COMPLETE.index("decode:")
    (only,) = machine(tmp_path, COMPLETE[:start] + COMPLETE[end:]).deployments
    assert (only.name, only.real_mode) == ("default", 0)


def test_conditions_and_lengths_of_instructions_are_over_operands(tmp_path: Path) -> None:
    move = machine(tmp_path).instruction("move")
    values = {operand(2, "d"): constant(2, 1), operand(2, "s"): constant(2, 1)}
    assert show(substitute([move.canonical], values)[0]) == "false"
    assert show(substitute([move.length], values)[0]) == "0x1"
    assert move.encoding_term is not None and substitute([move.encoding_term], values)[0].value == 0b0101


# what stands there, what is put there (@: where the problem is), what the problem says
ENTRIES = "bounds: {base: BASE, limit: LIMIT, address: a}}"
PTE = "entry: Pte, table: {P: 1}, deny: {P: 0}, map: {P: 1}, frame: {field: F, shift: 4, address: a}}"
X = "X: {type: Bits<8>, size: 4, role: general, hardwired: {0: 0}}"
LIMIT = "LIMIT: {type: Bits<8>, role: relocation, reset: TOP}"

TAILS = "  tails: {byte: [[imm, 8]]}\n"

WRONG = [
    ("{SIZE: 1 << 8", "{SIZE: 1 <<@", "this is not IDL"),
    ("{SIZE: 1 << 8", "{SIZE: @X", "no 'X' here"),
    ("TOP: 255", "@TOP: 99999999999999999999", "a parameter is too large"),
    ("reset: TOP}", "reset: @1 << 1000}", "a reset value is too large"),
    (LIMIT, "@" + LIMIT.replace("TOP", "256"), "a reset value is too large"),
    ("BASE: {type: Bits<8>", "@BASE: {reset: 256, type: Bits<8>", "a reset value is too large"),
    ("pc: true, reset", "reset", "exactly one entry of state is the program counter"),
    ("BASE: {type: Bits<8>", "@BASE: {pc: true, type: Status", "the program counter is one register of bits"),
    ("X: {type: Bits<8>, size: 4", "@X: {type: Bits<8>, size: 1", "the array X needs at least two elements"),
    ("X: {type: Bits<8>, size: 4", "X: {type: Bits<8>, size: @1 << 1000", "the size is too large"),
    ("size: SIZE, role", "size: @BASE, role", "the size must be a constant"),
    ("hardwired: {0: 0}", "hardwired: {0: @TOP + 8'd1}", ""),
    (X, "@" + X.replace("0: 0", "0: 256"), "a hardwired value is too large"),
    (X, "@" + X.replace("0: 0", "4: 0"), "X has no element 4 to be hardwired"),
    ("hardwired: {0: 0}", "hardwired: {0: 0, 1: {ones: 1, zeros: @TOP - 8'd1}}", ""),
    ("hardwired: {0: 0}", "hardwired: {1: @{ones: 256}}", "a mask of hardwired bits is too large"),
    ("hardwired: {0: 0}", "hardwired: {1: @{ones: 3, zeros: 6}}", "bits that read as ones and as zeros"),
    ("hardwired: {0: 0}", "hardwired: {1: @{value: 3, zeros: 4}}", "an element is hardwired whole or in some bits"),
    (X, X.replace("0: 0", "1: @{ones: 1}").replace("Bits<8>", "Pte"), "bits are hardwired in elements of Bits<N>"),
    ("TIME: {type: Bits<8>, role", "TIME: {type: @Byte, role", "no type 'Byte'"),
    ("TIME: {type: Bits<8>, role: timing", "@TIME: {type: Bits<8>", "TIME has no role"),
    ("TIME: {type: Bits<8>", "TIME: {type: @Bits<0>", "this width cannot be"),
    ("TIME: {type: Bits<8>", "TIME: {type: @Bits<1000000>", "this width cannot be"),
    ("M: mode}", "@N: mode}", "Status has no field 'N'"),
    ("I: {role: interrupt, reset: 1}", "I: @{const: 2}", "2 does not fit 1 bits"),
    ("I: {role: interrupt, reset: 1}", "I: @{role: interrupt, reset: 2}", "a reset value is too large"),
    ("fields: {I", "reset: {@Z: 1}, fields: {I", "Status has no field 'Z'"),
    ("memory: {state: MEM", "memory: {state: @MEMO", "no state 'MEMO'"),
    ("memory: {state: MEM", "memory: {state: @BASE", "BASE is not memory of 8-bit units"),
    ("memory: {state: MEM, unit: 8", "memory: {state: @MEM, unit: 16", "MEM is not memory of 16-bit units"),
    ("state: S.M\n", "state: @S.N\n", "no state 'S.N'"),
    ("state: S.M\n", "state: @S\n", "the mode is one leaf"),
    ("state: S.M\n", "state: @X\n", "the mode is one leaf"),
    ("supervisor: {values: [1]}", "supervisor: @{values: []}", "a mode class needs a value"),
    ("supervisor: {values: [1]}", "supervisor: @{values: [2]}", "2 does not fit S.M"),
    ("supervisor: {values: [1]}", "supervisor: {values: [@Mode::Root]}", "Mode has no 'Root'"),
    ("user: {values: [0], when: \"S.M == 0\"}", "user: {values: [0], when: @S.M}", "a condition must be Boolean"),
    ("legal: [\"LIMIT != 0 || S.M == 1\"]", "legal: [\"LIMIT != 0 || @S.N == 1\"]", "Status has no field 'N'"),
    ("legal: [\"LIMIT != 0 || S.M == 1\"]", "legal: [\"@LIMIT\"]", "a condition must be Boolean"),
    ("  trap: {kind: other, by", "  @trop: {kind: other, by", "no function 'trop'"),
    ("by: {cause: {Ill", "by: {@cuse: {Ill", "no argument 'cuse'"),
    ("by: {cause: {Illegal: ", "by: {cause: {@Illegible: ", "cause cannot be 'Illegible'"),
    ("Page: memory}}, nested: double", "Page: memory}}, nested: @doubt", "no exit 'doubt'"),
    ("Page: memory}}, nested: double", "Page: memory}}, nested: @trap", "the nested exit trap has arguments"),
    ("double: {kind: other}", "double: {kind: other, nested: @double}", "the nested exits of double never end"),
    (
        "  double: {kind: other}", "  @double: {kind: execute}",
        "an exit of kind execute has one argument, the word to execute",
    ),
    ("  double: {kind: other}", "  @waiting: {kind: other}\n  double: {kind: other}", "the exit waiting has a result"),
    ("interrupt: {pending: waiting", "interrupt: {pending: @take", "take cannot be used here"),
    ("interrupt: {pending: waiting", "interrupt: {pending: @weight", "no function 'weight'"),
    ("deliver: take}", "deliver: @again}", "again cannot be used here"),
    ("  function: translate\n", "  function: @transfer\n", "no function 'transfer'"),
    ("  function: translate\n", "  function: @trap\n", "trap gives no address"),
    ("mode: mode\n", "mode: @mood\n", "no parameter 'mood'"),
    ("mode: mode\n", "mode: @a\n", "parameter 'a' does not take the mode"),
    ("access: op\n", "access: @a\n", "parameter 'a' does not tell kinds of access"),
    ("probe: [probe]", "probe: [@fetch]", "fetch has other parameters or another result than translate"),
    ("probe: [probe]", "probe: [@grope]", "no function 'grope'"),
    ("replay: {BASE: 0}", "replay: {@BASS: 0}", "no state 'BASS'"),
    ("replay: {BASE: 0}", "replay: {@BASE: 256}", "256 does not fit BASE"),
    ("bounds: {base: BASE", "bounds: {base: @X", "a register is one leaf"),
    ("address: a}}", "address: @b}}", "no parameter 'b'"),
    (ENTRIES, PTE.replace("Pte", "@Status2"), "no type 'Status2'"),
    (ENTRIES, PTE.replace("table: {P", "table: {@Q"), "Pte has no field 'Q'"),
    (ENTRIES, PTE.replace("deny: {P: 0", "deny: {@P: 2"), "2 does not fit field 'P'"),
    (ENTRIES, PTE.replace("field: F", "field: @G"), "no field 'G'"),
    (ENTRIES, PTE.replace("{field: F, shift: 4", "@{field: F, shift: 8"), "the address has fewer bits than are kept"),
    ("  entry: {role", "  @entrance: {role", "no function 'entrance'"),
    ("  entry: {role", "  @take: {role", "the table take gives no entry"),
    ("{any: Bits<8>", "{any: @Pte", "a site is Bits<N> or Boolean"),
    ("{LIMIT: [0, TOP, mirror]}", "{LIMIT: [0, @BASE, mirror]}", "a constant was expected"),
    ("{LIMIT: [0, TOP, mirror]}", "{@LIMIT: [256]}", "256 does not fit LIMIT"),
    ("plain: {real_mode: 0}", "plain: @{real_mode: 2}", "2 does not fit S.M"),
    ("mirror: [S]", "mirror: [@T]", "no state 'T'"),
    ("modes: {supervisor: {values: [0]}", "modes: {supervisor: @{values: []}", "a mode class needs a value"),
    ("fetch: fetch\n", "fetch: @fetish\n", "no function 'fetish'"),
    ("fetch: fetch\n", "fetch: @entry\n", "entry does not fetch"),
    ("undefined: \"trap(", "undefined: \"@tarp(", "no function 'tarp'"),
    ("address: Bits<4>", "address: @Status", "numbers and values of registers are bits"),
    ("    base: {address: 2", "    @base: {address: 16", "the address of base does not fit Bits<4>"),
    ("    base: {address: 2", "    @base: {address: 1", "base has the address of time"),
    ("sw_read: \"return TIME;\"", "sw_read: \"return @TIM;\"", "no 'TIM' here"),
    ("when: \"d != s\"", "when: \"d != @r\"", "no 'r' here"),
    ("when: \"d != s\"", "when: \"@d != BASE[1:0]\"", "a condition on an encoding is over its operands only"),
    ("X[d] = imm;", "X[d] = @imn;", "no 'imn' here"),
    ("rows: {c: csrs}", "rows: {@d: csrs}", "no operand 'd'"),
    ("rows: {c: csrs}", "rows: {@c: [16]}", "16 does not fit operand 'c'"),
    ("  - name: run\n", "  - @name: get\n", "the instruction get is declared twice"),
    ("match: \"00110000\"", "match: \"00110000\", tails: [@bite]", "unknown tail"),
    (TAILS, f"{TAILS}  conditions: {{apart: \"d @!!= s\"}}\n", "this is not IDL"),
    (TAILS, f"{TAILS}  conditions: {{apart: \"d != @t\"}}\n", "no 't' here"),
    (TAILS, f"{TAILS}  conditions: {{apart: \"@d\"}}\n", "a condition must be Boolean"),
    (TAILS, f"{TAILS}  conditions: {{@apart: other, other: apart}}\n", "the condition apart is made of itself"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), WRONG, ids=[f"{k}-{row[1][:50]}" for k, row in enumerate(WRONG)])
def test_each_rule_of_sections(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert COMPLETE.count(old) == 1
    if not message:
        machine(tmp_path, COMPLETE.replace(old, new.replace("@", "").replace("TOP + 8'd1", "TOP"))).instruction("run")
        return
    text = COMPLETE.replace(old, new)
    if "conditions" in new:
        text = text.replace('when: "d != s"', "when: apart")
    before, marked, after = text.partition("@")
    if not marked:
        before, after = COMPLETE.partition("  PC:")[0] + "  ", text[len(COMPLETE.partition("  PC:")[0]) + 2 :]
    found = problems(tmp_path, before + after)
    assert message in [p.message for p in found]
    problem = next(p for p in found if p.message == message)
    line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    assert (problem.position.line, problem.position.column) == (line, column)


def test_two_instructions_with_an_encoding_in_common_are_both_named(tmp_path: Path) -> None:
    found = problems(tmp_path, COMPLETE.replace('match: "00110000"', 'match: "0001000-"'))
    assert [(p.message, p.found) for p in found] == [
        ("load and run have an encoding in common", "units 10 00"),
        ("run and load have an encoding in common", "units 10 00"),
    ]
    assert found[0].position.line < found[1].position.line


def test_pairs_that_are_too_hard_are_left_to_the_solver(tmp_path: Path) -> None:
    wide = '{match: "01000000", tails: [four], when: "value * value * value == 32\'dNUMBER"}'
    text = COMPLETE.replace("tails: {byte", "tails: {four: [[value, 32]], byte").replace(
        "max_length: 2", "max_length: 5"
    )
    for name, number in (("hard", "77"), ("other", "78")):
        encoding = wide.replace("NUMBER", number)
        text += f'  - name: {name}\n    encoding: {encoding}\n    operation(): ""\n'
    assert [(u.a, u.b) for u in machine(tmp_path, text).decoding.undecided] == [("hard", "other")]


def test_a_type_is_overridden_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(COMPLETE, "utf-8")
    variant = "include: [base.yaml]\nname: variant\noverride:\n  types: |\n    bitfield (8) Status { I 7 J 6 M 0 }\n"
    variant += "  state:\n    S: {type: Status, role: general, fields: {M: mode}}\n"
    assert "S.J" in machine(tmp_path, variant).state.leaves
    found = problems(tmp_path, variant.replace(") Status {", ") Statos {"))
    assert [(p.message, p.position.line) for p in found][0] == ("no type 'Statos' to override", 5)


MOVE = 'match: "0000----", variables: ["d 3-2", "s 1-0"], when: "d != s"'


@pytest.mark.parametrize(
    ("conditions", "move", "same"),
    [
        ("apart: d != s", 'match: "0000----", variables: ["d 3-2", "s 1-0"], when: apart', True),
        ("apart: '!same', same: d == s", 'match: "0000----", variables: ["d 3-2", "s 1-0"], when: apart', True),
        ("least: 's == 0'", 'match: "0000----", variables: ["d 3-2", "s 1-0"], when: "d != s || least"', False),
        ("d: 's == 0'", MOVE, True),
        ("x: 's == 0'", 'match: "0o0----", length: 8, variables: ["d 3-2", "s 1-0"], when: "d != s"', None),
        ("x: 's == 0'", 'match: "0x0-", variables: ["d 3-2", "s 1-0"], when: "d != s"', True),
        ("x: 's == 0'", 'match: "0x00", variables: ["d 3-2", "s 1-0"], when: "d != s"', None),
    ],
)
def test_conditions_have_names_and_patterns_digits(
    conditions: str, move: str, same: bool | None, tmp_path: Path
) -> None:
    """`same`: the encoding is that of before; None: it is refused."""
    assert COMPLETE.count(MOVE) == 1
    text = COMPLETE.replace(TAILS, f"{TAILS}  conditions: {{{conditions}}}\n").replace(MOVE, move)
    if same is None:
        assert problems(tmp_path, text)
        return
    before, after = machine(tmp_path).instruction("move"), machine(tmp_path, text).instruction("move")
    assert (before.canonical is after.canonical) == same and before.encoding_term is after.encoding_term


def test_a_condition_of_a_prefix_is_over_the_operands_of_the_prefix(tmp_path: Path) -> None:
    move = 'match: "0000----", variables: ["to_d 3-2", "to_s 1-0"], when: to_apart'
    text = COMPLETE.replace(TAILS, TAILS + '  conditions: {apart: "d != s"}\n').replace(MOVE, move)
    made = machine(tmp_path, text.replace("X[d] = X[s];", "X[to_d] = X[to_s];")).instruction("move")
    values = {
        (a, b): {operand(2, "to_d"): constant(2, a), operand(2, "to_s"): constant(2, b)}
        for a in range(4)
        for b in range(4)
    }
    assert {k: show(substitute([made.canonical], v)[0]) for k, v in values.items()} == {
        (a, b): "true" if a != b else "false" for a, b in values
    }


HARDWIRED = "X: {type: Bits<8>, size: 4, role: general, hardwired: {0: 0, 2: {ones: 0x81, zeros: 0x60}}}"


@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("value", [0, 0x5A, 0xFF])
def test_bits_that_are_hardwired_read_as_they_are_and_ignore_writes(index: int, value: int, tmp_path: Path) -> None:
    made = machine(tmp_path, COMPLETE.replace(X, HARDWIRED))
    assert made.state.arrays["X"].hardwired == ((0, 0),) and made.state.arrays["X"].partly == ((2, 0x81, 0x60),)
    state = reset(made)
    expected = {0: 0, 2: value & 0x1E | 0x81}.get(index, value)
    assert step(made, canonical(made.instruction("load"), {"d": index, "imm": value}), state) is None
    assert cells(state, "X")[index] == expected
    cells(state, "X")[index] = value  # a state that was made otherwise
    assert step(made, canonical(made.instruction("move"), {"d": index ^ 1, "s": index}), state) is None
    assert cells(state, "X")[index ^ 1] == (0 if index == 1 else expected if index != 3 else value & 0x1E | 0x81)


def test_an_overridden_function_must_exist(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(COMPLETE, "utf-8")
    variant = "include: [base.yaml]\nname: variant\noverride:\n  functions: |\n"
    variant += "    function take { description { . } body { S.M = 1; } }\n"
    assert machine(tmp_path, variant).code.functions["take"] != machine(tmp_path).code.functions["take"]
    (found,) = problems(tmp_path, variant.replace("take", "teak"))
    assert found.message == "no function 'teak' to override"


def test_generated_functions_do_not_hide_declared_ones(tmp_path: Path) -> None:
    text = COMPLETE.replace(
        "  function take {", "  function csr_read_time { description { . } body { } }\n  function take {"
    )
    found = problems(tmp_path, text)
    assert [p.message for p in found] == ["'csr_read_time' is declared twice"]
    assert found[0].position.line == text[: text.index("csrs:\n  address")].count("\n") + 2


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    text = COMPLETE.replace('legal: ["LIMIT', 'legal: ["LIMET').replace("X[d] = X[s];", "X[d] = Y[s];")
    assert len(problems(tmp_path, text.replace("mirror: [S]", "mirror: [T]"))) == 3


HOSTILE = [
    ("{SIZE: 1 << 8", "{SIZE: 1 << 8, HUGE: 1 << 1000000"),
    ("size: SIZE", "size: 1 << 1000"),
    ("size: SIZE", "size: 99999999999999999999999"),
    ("size: SIZE", "size: TOP - 255"),
    ("size: SIZE", "size: TOP / 0"),
    ("size: SIZE", "size: " + "(" * 3000 + "1" + ")" * 3000),
    ("LIMIT != 0 ||", "LIMIT != 0 ||" * 2000),
    ("enum Mode { User", "enum Mode { User 0x1" + "0" * 2000),
    ("enum Mode { User", "enum Mode { User 8'hgg"),
    ("bitfield (8) Pte", "bitfield (1000000) Pte"),
    ("  unit: 8\n  order", "  unit: 0\n  order"),
    ("max_length: 2", "max_length: 1000000"),
    ("[[imm, 8]]", "[[imm, 0]]"),
    ("[[imm, 8]]", "[[imm, 1000000]]"),
    ("[[imm, 8]]", "[[imm, 7]]"),
    ('variables: ["c 3-0"]', 'variables: ["c 30-0"]'),
    ("rows: {c: csrs}", "rows: {c: csrs, d: csrs}"),
    ("X[1] = csr_sw_read(c);", "for (U32 i = 0; i < 4096; i++) { for (U32 j = 0; j < 4096; j++) { X[1] = c; } }"),
    ("X[1] = csr_sw_read(c);", "X[1] = " + "c + " * 100000 + "c;"),
    ("function again { arguments Bits<8> word", "function again { arguments Bits<8> word, Mode m"),
    ("memory: {state: MEM", "unknown: 1\nmemory: {state: MEM"),
    ("kind: machine", "kind: machines"),
]


@pytest.mark.parametrize(("old", "new"), HOSTILE, ids=[f"{k}-{new[:30]}" for k, (_, new) in enumerate(HOSTILE)])
def test_hostile_specifications_are_refused(tmp_path: Path, old: str, new: str) -> None:
    assert COMPLETE.count(old) == 1
    assert problems(tmp_path, COMPLETE.replace(old, new))


def test_a_chain_of_many_calls_is_refused_or_taken(tmp_path: Path) -> None:
    calls = "".join(
        f"  function f{k} {{ returns Bits<8> description {{ . }} body {{ return f{k + 1}(); }} }}\n" for k in range(300)
    )
    last = "  function f300 { returns Bits<8> description { . } body { return 1; } }\n"
    found = problems(tmp_path, COMPLETE.replace("functions: |\n", "functions: |\n" + calls + last))
    assert {p.message for p in found} == {"this is nested too deep"}


def test_calls_that_double_are_bounded_like_loops(tmp_path: Path) -> None:
    def chain(length: int) -> str:
        calls = "".join(
            f"  function f{k} {{ returns Bits<8> description {{ . }} body {{ Bits<8> a = f{k + 1}(); return a + f{k + 1}(); }} }}\n"
            for k in range(length)
        )
        last = f"  function f{length} {{ returns Bits<8> description {{ . }} body {{ return 1; }} }}\n"
        return COMPLETE.replace("functions: |\n", "functions: |\n" + calls + last)

    assert problems(tmp_path, chain(24))
    machine(tmp_path, chain(4))


def damaged(text: str, source: random.Random) -> str:
    """The text with some words, signs or lines removed, doubled or moved."""
    for _ in range(source.choice((1, 1, 2, 4))):
        parts = re.findall(r"\s+|\w+|[^\w\s]", text) if source.random() < 0.7 else text.splitlines(keepends=True)
        at, other = source.randrange(len(parts)), source.choice(parts)
        parts[at : at + 1] = source.choice(([], [parts[at], other], [other], [other, parts[at]], ["0"], ["-1"], [""]))
        text = "".join(parts)
    return text


def test_damaged_specifications_are_taken_or_refused(tmp_path: Path) -> None:
    taken = 0
    for seed in range(150):
        try:
            machine(tmp_path, damaged(COMPLETE, random.Random(seed)))
            taken += 1
        except SpecificationError as error:
            assert error.problems
    assert 0 < taken < 150


@pytest.mark.parametrize(
    ("condition", "left_open"),
    [
        ("R.l == R.l", ""),
        ('choice("either")', "either"),
        ('M == 1 || undefined<4>("bits") == 4\'d3', "bits"),
        ("TIMER == 0", "TIMER"),
        ("drawn()", "either"),
        ("outer()", "either"),
    ],
)
def test_what_is_legal_leaves_nothing_open(condition: str, left_open: str, tmp_path: Path) -> None:
    text = f"""include: [pg74]
name: legal
title: A condition on states
nondeterminism: {{either: Boolean, bits: Bits<4>}}
functions: |
  function drawn {{ returns Boolean description {{ . }} body {{ return choice("either"); }} }}
  function outer {{ returns Boolean description {{ . }} body {{ if (M == 1) {{ return drawn(); }} return true; }} }}
legal:
  - '{condition.replace("'", "''")}'
"""
    file = tmp_path / "legal.yaml"
    file.write_text(text, "utf-8")
    if not left_open:
        load(file, shipped=shipped)
        return
    with pytest.raises(SpecificationError) as caught:
        load(file, shipped=shipped)
    (problem,) = caught.value.problems
    assert (problem.position.line, problem.found) == (9, left_open)
