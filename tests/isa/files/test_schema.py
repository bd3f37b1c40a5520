"""The shape of every key of a specification, the problems it reports, and the JSON Schema for editors."""

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from pgcheck.isa.files.errors import Problem, SpecificationError, Text
from pgcheck.isa.files.schema import FieldSpec, Specification, json_schema, load
from pgcheck.isa.files.values import Entry
from pgcheck.models.devices.standard import models

COMPLETE = """\
spec_version: "1"
kind: machine
name: toy-1.0
title: A toy
description: ""
source: [manual]
unmodelled: [floating point]
params: {XLEN: 32, MASK: 1 << 20, HEX: 0x1f, BIN: 0b101, OCT: 0o17}
types: |
  enum Exc { Illegal 2 }
state:
  GPR: {type: Bits<32>, size: 8, role: general, hardwired: {0: 0, 0x7: MASK}}
  PC: {type: Bits<32>, role: general, pc: true, reset: 0xfff0}
  SR: {type: Sr, role: general, fields: {S: mode, I: {role: interrupt, reset: 1}, ONE: {const: 1}}, reset: {S: 1}}
  TSC: {type: Bits<64>, role: timing, volatile: true, reserved: 1, reset: 1 << 3}
  MEM: {type: Bits<8>, size: 1 << 32, role: general}
memory: {state: MEM, unit: 8, endian: big}
modes:
  state: SR.S
  supervisor: {values: [1], when: "SR.S == 1"}
  user: {values: [Mode::U]}
legal: ["SR.S == 1 || SR.S == 0"]
functions: [function a, function b]
exits:
  fault: {kind: other, by: {code: {Illegal: privileged}}, nested: double}
interrupt: {pending: "pending?", deliver: deliver}
translate:
  function: translate
  mode: mode
  access: op
  probe: [load_real]
  replay: {CR0.PG: 0}
  realise:
    given: {CR0.PG: 1}
    addresses: "a < 10"
    entry: Pte
    table: {P: 1}
    deny: {P: 0}
    map: {P: 1, W: 1}
    readonly: {P: 1, W: 0}
    frame: {field: FRAME, shift: 12, address: off}
tables:
  descriptor: {role: relocation, respond: [mirror, {P: 0}], monitor: {P: 1}}
nondeterminism: {and.AF: Bits<1>}
configurations: {x.IOPL: {SR.S: [0, 1, mirror]}}
deployments:
  d: {guest: "true", real_mode: same, real: "a == 0", monitor: "b", mirror: [SR.S, GPR]}
decode:
  unit: 8
  order: big
  pc_unit: 8
  max_length: 15
  fetch: fetch
  undefined: "fault(Exc::Illegal);"
  prefixes: {sego: {0x26: 1, 0x2E: 2}, osz: {0x66: 1}}
  tails:
    modrm: [[rm, 3], [reg, 3], [mod, 2]]
    ea:
      - {when: "mod == 1", fields: [[disp, 32, signed, 8]]}
      - {fields: [[disp, 32, unsigned, 16]]}
syntax:
  comment: ";"
  registers: {r32: [eax, ecx]}
  operands: {reg: r32, disp: relative+length}
  forms:
    ea: [{when: "mod == 3", text: "{rm:r32}"}, {text: ""}]
csrs:
  address: Bits<12>
  value: Bits<64>
  table:
    satp: {address: 0x180, mode: 1, writable: false, sw_read: "return 0;", sw_write: "x = 1;"}
instructions:
  - name: add.w
    long_name: Add
    description: adds
    assembly: "{xd}, {xs2}"
    encoding:
      match: "0000000----------000-----0110011"
      variables: [{name: xs2, location: 24-20, not: [0, 0b1]}, "xs1  19-15", {name: i, location: 31|7|30-25, left_shift: 1, sign_extend: true}]
      when: "xs2 != 0"
      tails: [{src: ea}, ea]
    access: {supervisor: always, user: sometimes}
    rows: {csr: csrs, ac: [1, 2]}
    restart: partial
    extension: I
    operation(): |
      X = 1;
  - name: mov
    variant: r32_m32
    encoding: {bytes: "8B /r", modrm: mem, prefixes: [sego]}
    operation(): ""
  - name: jrst
    encoding: {match: "0101", length: 36}
    operation(): "x"
verdicts: {a: [1, {b: c}]}
"""

MINIMAL = """\
spec_version: "1"
kind: machine
name: m
state: {PC: {type: Bits<8>, pc: true}}
memory: {state: MEM}
modes: {state: PC, supervisor: {values: [0]}, user: {values: [1]}}
decode: {unit: 8, pc_unit: 8, max_length: 1, fetch: f, undefined: g}
instructions: []
"""


def read(folder: Path, text: str) -> Specification:
    file = folder / "toy.yaml"
    file.write_text(text)
    return load(file)


def problems(folder: Path, text: str) -> tuple[Problem, ...]:
    with pytest.raises(SpecificationError) as caught:
        read(folder, text)
    assert str(caught.value)
    return caught.value.problems


@pytest.fixture
def complete(tmp_path: Path) -> Specification:
    return read(tmp_path, COMPLETE)


def test_identity_and_texts(complete: Specification) -> None:
    assert (complete.spec_version, complete.kind, complete.name, complete.title) == (1, "machine", "toy-1.0", "A toy")
    assert (complete.description, complete.source, complete.unmodelled) == ("", ["manual"], ["floating point"])
    assert complete.params == {"XLEN": 32, "MASK": "1 << 20", "HEX": 31, "BIN": 5, "OCT": 15}
    assert complete.types == ["enum Exc { Illegal 2 }\n"]
    assert complete.functions == ["function a", "function b"]
    assert complete.legal == ["SR.S == 1 || SR.S == 0"]
    assert complete.nondeterminism == {"and.AF": "Bits<1>"}
    assert complete.verdicts == {"a": ["1", {"b": "c"}]}
    assert complete.override_functions == complete.override_types == []


def test_state_and_modes(complete: Specification) -> None:
    gpr, pc, sr, tsc, mem = complete.state.values()
    assert (gpr.type, gpr.role, gpr.size, {k: h.value for k, h in gpr.hardwired.items()}) == (
        "Bits<32>",
        "general",
        8,
        {0: 0, 7: "MASK"},
    )
    assert (gpr.pc, gpr.volatile, gpr.reset, gpr.reserved, gpr.fields) == (False, False, None, 0, {})
    assert (pc.pc, pc.reset, pc.size) == (True, 0xFFF0, None)
    assert {name: (f.role, f.const, f.reset) for name, f in sr.fields.items()} == {
        "S": ("mode", None, None),
        "I": ("interrupt", None, 1),
        "ONE": (None, 1, None),
    }
    assert sr.reset == {"S": 1}
    assert (tsc.volatile, tsc.reserved, tsc.reset) == (True, 1, "1 << 3")
    assert mem.size == "1 << 32"
    assert (complete.memory.state, complete.memory.unit, complete.memory.endian) == ("MEM", 8, "big")
    modes = complete.modes
    assert (modes.state, modes.supervisor.values, modes.supervisor.when) == ("SR.S", [1], "SR.S == 1")
    assert (modes.user.values, modes.user.when) == (["Mode::U"], None)


def test_exits_and_cuts(complete: Specification) -> None:
    fault = complete.exits[Text("fault")]
    assert (fault.kind, fault.by, fault.nested) == ("other", {"code": {"Illegal": "privileged"}}, "double")
    assert complete.interrupt is not None
    assert (complete.interrupt.pending, complete.interrupt.deliver) == ("pending?", "deliver")
    translate = complete.translate
    assert translate is not None
    assert (translate.function, translate.mode, translate.access) == ("translate", "mode", "op")
    assert (translate.probe, translate.replay) == (["load_real"], {"CR0.PG": 0})
    realise = translate.realise
    assert realise is not None
    assert realise.frame is not None
    assert (realise.given, realise.entry, realise.addresses) == ({"CR0.PG": 1}, "Pte", "a < 10")
    assert (realise.table, realise.deny) == ({"P": 1}, {"P": 0})
    assert (realise.map, realise.readonly) == ({"P": 1, "W": 1}, {"P": 1, "W": 0})
    assert (realise.frame.field, realise.frame.shift, realise.frame.address) == ("FRAME", 12, "off")
    assert (realise.bounds, realise.external_mmu) == (None, False)
    table = complete.tables[Text("descriptor")]
    assert (table.role, table.respond, table.monitor) == ("relocation", ["mirror", {"P": 0}], {"P": 1})
    assert complete.configurations == {"x.IOPL": {"SR.S": [0, 1, "mirror"]}}
    (d,) = complete.deployments.values()
    assert (d.guest, d.real_mode, d.real, d.monitor) == ("true", "same", "a == 0", "b")
    assert d.mirror == ["SR.S", "GPR"]


@pytest.mark.parametrize(
    ("text", "bounds", "external"),
    [("external_mmu", None, True), ("{bounds: {base: R.b, limit: R.l, address: a}}", ("R.b", "R.l", "a"), False)],
)
def test_other_ways_to_realise(tmp_path: Path, text: str, bounds: object, external: bool) -> None:
    translate = read(tmp_path, MINIMAL + f"translate: {{function: t, mode: m, access: o, realise: {text}}}").translate
    assert translate is not None
    assert translate.realise is not None
    found = translate.realise.bounds
    assert (None if found is None else (found.base, found.limit, found.address)) == bounds
    assert translate.realise.external_mmu is external


def test_decode_syntax_and_csrs(complete: Specification) -> None:
    decode = complete.decode
    assert (decode.unit, decode.order, decode.pc_unit, decode.max_length) == (8, "big", 8, 15)
    assert (decode.fetch, decode.undefined) == ("fetch", "fault(Exc::Illegal);")
    assert decode.prefixes == {"sego": {0x26: 1, 0x2E: 2}, "osz": {0x66: 1}}
    tails = {name: [(g.when, g.fields) for g in groups] for name, groups in decode.tails.items()}
    assert tails == {
        "modrm": [
            (
                None,
                [
                    FieldSpec(Text("rm"), 3, 3),
                    FieldSpec(Text("reg"), 3, 3),
                    FieldSpec(Text("mod"), 2, 2),
                ],
            )
        ],
        "ea": [
            ("mod == 1", [FieldSpec(Text("disp"), 32, 8, signed=True)]),
            (None, [FieldSpec(Text("disp"), 32, 16)]),
        ],
    }
    assert complete.syntax is not None
    assert (complete.syntax.comment, complete.syntax.registers) == (";", {"r32": ["eax", "ecx"]})
    assert complete.syntax.operands == {"reg": "r32", "disp": "relative+length"}
    (form,) = complete.syntax.forms.values()
    assert [(a.when, a.text) for a in form] == [("mod == 3", "{rm:r32}"), (None, "")]
    assert complete.csrs is not None
    assert (complete.csrs.address, complete.csrs.value) == ("Bits<12>", "Bits<64>")
    (csr,) = complete.csrs.table.values()
    assert (csr.address, csr.mode, csr.writable, csr.sw_read, csr.sw_write) == (384, 1, False, "return 0;", "x = 1;")


def test_instructions(complete: Specification) -> None:
    add, mov, jrst = complete.instructions
    assert (add.name, add.variant, add.long_name, add.description) == ("add.w", None, "Add", "adds")
    assert (add.assembly, add.restart, add.extension) == ("{xd}, {xs2}", "partial", "I")
    assert (add.access, add.rows) == ({"supervisor": "always", "user": "sometimes"}, {"csr": "csrs", "ac": [1, 2]})
    assert (add.encoding.match, add.encoding.when) == ("0000000----------000-----0110011", "xs2 != 0")
    assert (add.encoding.tails, add.operation) == ([("src", "ea"), ("", "ea")], "X = 1;\n")
    assert [(v.name, v.location, v.left_shift, v.sign_extend, v.excluded) for v in add.encoding.variables] == [
        ("xs2", "24-20", 0, False, [0, 1]),
        ("xs1", "19-15", 0, False, []),
        ("i", "31|7|30-25", 1, True, []),
    ]
    assert (mov.variant, mov.encoding.bytes, mov.encoding.modrm) == ("r32_m32", "8B /r", "mem")
    assert (mov.encoding.prefixes, mov.operation) == (["sego"], "")
    assert (jrst.encoding.match, jrst.encoding.length) == ("0101", 36)


def test_everything_knows_its_place(complete: Specification) -> None:
    lines = COMPLETE.split("\n")

    def line(located: Entry | Text) -> str:
        position = located.position
        return lines[position.line - 1][position.column - 1 :]

    assert line(complete) == lines[0]
    assert line(complete.state[Text("SR")]).startswith("{type: Sr")
    assert line(complete.state[Text("SR")].fields[Text("I")]).startswith("{role: interrupt")
    assert line(complete.state[Text("SR")].fields[Text("S")]).startswith("mode, I:")
    assert line(complete.instructions[1]) == "name: mov"
    assert line(complete.instructions[1].encoding).startswith('{bytes: "8B')
    variable = complete.instructions[0].encoding.variables[1]
    assert line(variable.name).startswith("xs1  19-15")
    assert line(variable.location).startswith("19-15")
    assert line(complete.decode.tails[Text("ea")][0].fields[0].name).startswith("disp, 32, signed")
    operation = complete.instructions[0].operation
    assert isinstance(operation, Text)
    place = operation.locate(operation.index("1"))
    assert lines[place.line - 1][place.column - 1 :] == "1;"
    assert all(isinstance(key, Text) for key in complete.state)


def test_a_specification_can_be_pickled(complete: Specification) -> None:
    copy = pickle.loads(pickle.dumps(complete))
    assert copy == complete
    assert (copy.digest, copy.sources, copy.position) == (complete.digest, complete.sources, complete.position)
    assert copy.instructions[0].operation.locate(2) == complete.instructions[0].operation.locate(2)


def test_defaults(tmp_path: Path) -> None:
    specification = read(tmp_path, MINIMAL)
    assert specification.sources == (tmp_path / "toy.yaml",)
    assert len(specification.digest) == 64
    assert (specification.translate, specification.syntax, specification.csrs) == (None, None, None)
    assert (specification.interrupt, specification.verdicts, specification.legal) == (None, {}, [])
    assert (specification.memory.unit, specification.memory.endian) == (8, "little")
    assert (specification.decode.order, specification.decode.tails) == ("little", {})


def test_include_and_override_reach_the_specification(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(MINIMAL + "functions: one\n")
    text = (
        "include: [base.yaml]\nname: v\nfunctions: [two]\noverride: {functions: three, types: [t], memory: {state: X}}"
    )
    specification = read(tmp_path, text)
    assert (specification.name, specification.memory.state) == ("v", "X")
    assert (specification.functions, specification.override_functions) == (["one", "two"], ["three"])
    assert specification.override_types == ["t"]
    assert specification.sources == (tmp_path / "toy.yaml", tmp_path / "base.yaml")
    (problem,) = problems(tmp_path, "include: [base.yaml]\noverride: {functions: [{a: b}]}")
    assert (problem.message, problem.position.line, problem.position.column) == ("text is needed here", 2, 24)


# (text of COMPLETE, its replacement, the text in the replacement's line at which the problem stands, parts of the rendering)
WRONG = {
    "unknown key at the top": ("legal: [", "legall: [", "legall", ["unknown key 'legall'", "did you mean 'legal'?"]),
    "unknown key below": ("volatile: true", "volatle: true", "volatle", ["unknown key 'volatle'", "did you mean 'volatile'?"]),
    "position is no key": ("volatile: true", "position: 1", "position", ["unknown key 'position'", "expected: type, role"]),
    "python name is no key": ("not: [0, 0b1]", "excluded: []", "excluded", ["unknown key 'excluded'"]),
    "override_functions is no key": ("legal: [", "override_functions: [", "override_functions", ["unknown key"]),
    "missing key": ("kind: other, ", "", "{by: {code", ["key 'kind' is missing"]),
    "missing operation": ("operation(): \"x\"", "", "name: jrst", ["key 'operation()' is missing"]),
    "version": ('spec_version: "1"', "spec_version: 2", "2", ["newer version", "expected: at most 1", "a newer pgcheck"]),
    "version 0": ('spec_version: "1"', "spec_version: 0", "0", ["a version is needed", "from 1 to 1"]),
    "version text": ('spec_version: "1"', "spec_version: 1.0", "1.0", ["a version is needed", "from 1 to 1"]),
    "kind": ("kind: machine", "kind: machin", "machin", ["did you mean 'machine'?"]),
    "name": ("name: toy-1.0", "name: a toy", "a toy", ["this is not a name of letters"]),
    "role": ("role: timing", "role: timeing", "timeing", ["did you mean 'timing'?", "general, mode"]),
    "role of a field": ("S: mode, I", "S: mod, I", "mod, I", ["did you mean 'mode'?"]),
    "exit kind": ("kind: other", "kind: trap", "trap", ["privileged, memory"]),
    "exit kind by value": ("Illegal: privileged", "Illegal: privilege", "privilege", ["did you mean 'privileged'?"]),
    "size with leading zero": ("size: 8, role", "size: 08, role", "08", ["a number is needed here", "leading zero"]),
    "integer with leading zero": ("unit: 8, endian", "unit: 08, endian", "08", ["an integer is needed here", "0o17"]),
    "integer with sign": ("shift: 12", "shift: -12", "-12", ["found: '-12'", "from 0 to 4096"]),
    "integer with point": ("max_length: 15", "max_length: 1.5", "1.5", ["an integer from 1 to 64"]),
    "integer with underscore": ("shift: 12", "shift: 1_2", "1_2", ["an integer is needed"]),
    "integer with other digits": ("shift: 12", "shift: ١٢", "١٢", ["an integer is needed"]),
    "expression for an integer": ("shift: 12", "shift: 1 << 2", "1 << 2", ["an integer is needed"]),
    "large integer": ("max_length: 15", "max_length: 65", "65", ["out of range", "from 1 to 64"]),
    "huge integer": ("address: 0x180", "address: " + "9" * 5000, "99999", ["an integer is needed"]),
    "nothing for an integer": ("shift: 12", "shift: ", ", address: off", ["found: nothing"]),
    "nothing for a number": ("size: 8, role", "size: , role", ", role", ["a number is needed", "found: nothing"]),
    "truth value": ("volatile: true", "volatile: yes", "yes", ["a truth value", "true or false"]),
    "list for text": ("type: Sr", "type: [Sr]", "[Sr]", ["text is needed", "found: a list"]),
    "nothing for text": ("type: Sr", "type: ", ", role", ["text is needed", "found: nothing"]),
    "text for a list": ("source: [manual]", "source: manual", "manual", ["a list is needed here", "found: 'manual'"]),
    "mapping for a list": ("source: [manual]", "source: {a: b}", "{a: b}", ["a list is needed here", "a mapping"]),
    "text for a mapping": ("params: {XLEN: 32,", "params: x #", "x #", ["a mapping is needed here", "found: 'x'"]),
    "text for an entry": ("user: {values: [Mode::U]}", "user: 3", "3", ["a mapping with values or when"]),
    "list for an entry": ("verdicts: {a: [1, {b: c}]}", "verdicts: [1]", "[1]", ["a mapping is needed here"]),
    "name of state": ("TSC:", "T-SC:", "T-SC", ["this is not a name"]),
    "key that is a number": ("TSC:", "8:", "8", ["this is not a name"]),
    "path of a leaf": ("CR0.PG: 0}", "CR0.PG.X: 0}", "CR0.PG.X", ["NAME or NAME.FIELD"]),
    "hardwired key": ("0: 0, 0x7", "x: 0, 0x7", "x: 0", ["an integer is needed"]),
    "hardwired twice": ("0: 0, 0x7", "7: 0, 0x7", "0x7", ["'0x7' is the same number as '7'"]),
    "reserved": ("reserved: 1", "reserved: 2", "2", ["from 0 to 1"]),
    "reset of a field": ("reset: {S: 1}", "reset: {S: [1]}", "[1]", ["a number is needed"]),
    "field without role": ("ONE: {const: 1}", "ONE: {}", "{}", ["either a role or a constant"]),
    "field with both": ("ONE: {const: 1}", "ONE: {const: 1, role: mode}", "{const", ["either a role or a constant"]),
    "constant with reset": ("ONE: {const: 1}", "ONE: {const: 1, reset: 1}", "{const", ["has no reset"]),
    "response": ("[mirror, {P: 0}]", "[miror]", "miror", ["this is no response"]),
    "value in a response": ("[mirror, {P: 0}]", "[{P: x}]", "x", ["an integer is needed"]),
    "realise without entry": ("entry: Pte", "", "given:", ["does not say how", "'table' without 'entry'"]),
    "realise without map": ("map: {P: 1, W: 1}", "", "given:", ["key 'map' is missing"]),
    "realise twice": ("entry: Pte", "entry: Pte\n    external_mmu: true", "given:", ["does not say how"]),
    "prefix byte": ("0x66: 1", "0x166: 1", "0x166", ["from 0 to 255"]),
    "prefix byte twice": ("0x2E: 2", "38: 2", "38", ["is the same number as '0x26'"]),
    "field of three": ("[rm, 3]", "[rm, 3, signed]", "[rm, 3", ["[name, width] or [name, width, signed, bits]"]),
    "width of a field": ("[rm, 3]", "[rm, 0]", "0]", ["the width is out of range"]),
    "width that is text": ("[rm, 3]", "[rm, x]", "x]", ["an integer is needed"]),
    "name of a field": ("[rm, 3]", "[1, 3]", "1, 3", ["name of a field"]),
    "signedness": ("signed, 8]", "sign, 8]", "sign", ["signed or unsigned"]),
    "bits beyond width": ("signed, 8]", "signed, 33]", "33", ["from 1 to 32"]),
    "mixed tail": ("[mod, 2]]", "{fields: []}]", "[rm, 3]", ["a mapping is needed here"]),
    "mode of a csr": ("mode: 1, writable", "mode: 4, writable", "4, writable", ["from 0 to 3"]),
    "match": ('"0101"', '"01x1"', "01x1", ["a pattern of 0, 1 and -"]),
    "match and bytes": ('bytes: "8B /r"', 'match: "1", bytes: "8B /r"', "{match", ["either match or bytes"]),
    "neither match nor bytes": ('match: "0101", ', "", "{length", ["either match or bytes"]),
    "length with bytes": ("modrm: mem", "length: 3", '{bytes: "8B', ["belong to match"]),
    "modrm with match": ("length: 36", "modrm: reg", '{match: "0101"', ["modrm belongs to bytes"]),
    "match beyond length": ("length: 36", "length: 3", "0101", ["match is longer than 3 bits"]),
    "modrm": ("modrm: mem", "modrm: memory", "memory", ["mem, reg"]),
    "location": ("24-20", "24-", "24-", ["31|7|30-25|11-8"]),
    "location upside down": ("24-20", "20-24", "20-24", ["from high to low"]),
    "variable": ('"xs1  19-15"', "xs1", "xs1", ["this is no variable"]),
    "location in a short variable": ('"xs1  19-15"', "xs1 19..15", "19..15", ["a place in the encoding"]),
    "tail": ("tails: [{src: ea}, ea]", "tails: [{src: ea, dst: ea}]", "{src", ["this is no tail"]),
    "access": ("user: sometimes", "user: maybe", "maybe", ["always, sometimes, never"]),
    "rows": ("csr: csrs", "csr: csr", "csr, ac", ["csrs, or a list of integers"]),
    "restart": ("restart: partial", "restart: full", "full", ["partial"]),
    "kind of operand": ("disp: relative+length", "disp: a b", "a b", ["a kind of operand"]),
}  # fmt: skip


SEVERAL = {"mixed tail": 2, "realise without entry": 6}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_reported_where_it_stands(tmp_path: Path, case: str) -> None:
    old, new, place, parts = WRONG[case]
    assert COMPLETE.count(old) == 1
    text = COMPLETE.replace(old, new)
    found = problems(tmp_path, text)
    rendered = "\n".join(problem.render(None) for problem in found)
    for part in parts:
        assert part in rendered
    for word in ("pydantic", "validat", "input", " dict", " str ", "Extra"):
        assert word not in rendered.replace(str(tmp_path), "")
    assert len(found) == SEVERAL.get(case, 1)
    position = found[0].position
    assert text.split("\n")[position.line - 1][position.column - 1 :].startswith(place)


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    text = COMPLETE
    for old, new in (
        ("kind: other, ", ""),
        ("role: timing", "role: time"),
        ("shift: 12", "shift: x"),
        ("title:", "titel:"),
    ):
        text = text.replace(old, new)
    messages = [p.message for p in problems(tmp_path, text)]
    assert messages == [
        "unknown key 'titel'",
        "one of a few words is needed here",
        "key 'kind' is missing",
        "an integer is needed here",
    ]


@pytest.mark.parametrize("key", ["spec_version", "kind", "name", "state", "memory", "modes", "decode", "instructions"])
def test_required_keys(tmp_path: Path, key: str) -> None:
    text = "".join(line for line in MINIMAL.splitlines(keepends=True) if not line.startswith(key + ":"))
    (problem,) = problems(tmp_path, text)
    assert problem.message == f"key '{key}' is missing"
    assert (problem.position.line, problem.position.column) == (1, 1)


def test_a_missing_file_is_a_specification_error(tmp_path: Path) -> None:
    with pytest.raises(SpecificationError, match="No such file"):
        load(tmp_path / "none.yaml")


def test_a_flood_of_unknown_keys_is_reported_quickly(tmp_path: Path) -> None:
    found = problems(tmp_path, MINIMAL + "".join(f"k{i}: 1\n" for i in range(20_000)))
    assert len(found) == 20_000


# JSON Schema


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(json_schema(models()))
    return jsonschema.Draft202012Validator(json_schema(models()))


def test_devices_are_of_the_models_that_are_given() -> None:
    model = json_schema(["a", "b"])["$defs"]["Device"]["properties"]["model"]
    assert model == {"description": "Which device it is.", "enum": ["a", "b"], "title": "Model"}
    assert "enum" not in json_schema()["$defs"]["Device"]["properties"]["model"]


def properties(node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        if node.get("type") == "object" and "properties" in node:
            yield from node["properties"].items()
        for child in node.values():
            yield from properties(child)
    elif isinstance(node, list):
        for child in node:
            yield from properties(child)


def test_every_property_has_a_description() -> None:
    found = dict(properties(json_schema(models())))
    assert {"state", "operation()", "not", "include", "override", "left_shift"} <= found.keys()
    assert [name for name, node in properties(json_schema(models())) if not node.get("description")] == []


@pytest.mark.parametrize("text", [COMPLETE, MINIMAL, "state: {X: {type: Y}}", "include: [a]\noverride: {legal: [b]}"])
def test_an_editor_accepts_numbers_and_truth_values(validator: jsonschema.Draft202012Validator, text: str) -> None:
    validator.validate(yaml.safe_load(text))
    validator.validate(yaml.load(text, Loader=yaml.BaseLoader))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("volatile: true", "volatle: true"),
        ("volatile: true", "volatile: 3"),
        ("legal: [", "legall: ["),
        ("role: timing", "role: timeing"),
        ("kind: other, ", ""),
        ("max_length: 15", "max_length: 65"),
        ("max_length: 15", "max_length: x"),
        ("source: [manual]", "source: manual"),
        ('"0101"', '"01x1"'),
    ],
)
def test_an_editor_refuses_what_is_wrong(validator: jsonschema.Draft202012Validator, old: str, new: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(yaml.safe_load(COMPLETE.replace(old, new)))
