"""Instructions printed by templates and read back by them; programs with labels and data."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgcheck.isa.encoding import directives
from pgcheck.isa.encoding.assembly import Assembler, Chunk
from pgcheck.isa.encoding.codec import Decoder, completed, length
from pgcheck.isa.encoding.reading import AssemblyError
from pgcheck.isa.encoding.templates import Alternative, Line, Syntax, compile_line, disassemble
from pgcheck.isa.files.errors import Position, SpecificationError, Text
from tests.isa.tables import TABLES, canonical, condition, fetch_from
from tests.specifications import machine

X = tuple(f"x{i}" for i in range(32))
R32 = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")
CSRS = {0x180: "satp", 0x300: "mstatus"}

SYNTAX = {
    "risc": Syntax(
        registers={"x": X},
        operands={"xd": "x", "xs1": "x", "xs2": "x", "imm": "signed", "csr": "csrs"},
    ),
    "words": Syntax(
        comment="|",
        registers={
            "d": tuple(f"d{i}" for i in range(8)),
            "a": tuple(f"a{i}" for i in range(8)),
            "size": ("?", "b", "l", "w"),
        },
        operands={"disp": "signed", "reg": "d", "size": "size", "data": "signed"},
        forms={
            "ea": (
                Alternative("mode == 0", "{reg:d}"),
                Alternative("mode == 1", "{reg:a}"),
                Alternative("mode == 2", "({reg:a})"),
                Alternative("mode == 3", "({reg:a})+"),
                Alternative("mode == 4", "-({reg:a})"),
                Alternative("mode == 5", "{disp}({reg:a})"),
                Alternative("mode == 6", "{disp}({reg:a},{index:unsigned}.{long}.{zero})"),
                Alternative("mode == 7 && reg == 0", "{disp}.w"),
                Alternative("mode == 7 && reg == 1", "{disp:hex}.l"),
                Alternative("mode == 7 && reg == 4", "#{imm}"),
            )
        },
    ),
    "bytes": Syntax(
        comment=";",
        registers={"r32": R32, "seg": ("", "es", "cs", "ss", "ds", "fs", "gs"), "cr": ("cr0", "", "", "cr3")},
        operands={"reg": "r32", "rm": "r32", "disp": "signed", "rel": "relative+length", "imm": "hex"},
        forms={
            "ea": (
                Alternative("mod == 3", "{rm:r32}"),
                Alternative(None, "dword {segment}[{address}]"),
            ),
            "segment": (Alternative("sego != 0", "{sego:seg}:"), Alternative(None, "")),
            "address": (
                Alternative("mod == 0 && rm == 5", "{disp}"),
                Alternative("mod == 0 && rm != 4", "{rm}"),
                Alternative("rm != 4", "{rm}+{disp}"),
                Alternative("mod == 0 && base == 5", "{scaled}{disp}"),
                Alternative("mod == 0", "{base:r32}{plus_index}"),
                Alternative(None, "{base:r32}{plus_index}+{disp}"),
            ),
            "plus_index": (
                Alternative("index == 4 && scale == 0", ""),
                Alternative(None, "+{index:r32}*{scale:scale}"),
            ),
            "scaled": (Alternative(None, "{index:r32}*{scale:scale}+"),),
            "scale": (
                Alternative("scale == 0", "1"),
                Alternative("scale == 1", "2"),
                Alternative("scale == 2", "4"),
                Alternative("scale == 3", "8"),
            ),
            "wide": (Alternative("osz == 1", ".w"), Alternative(None, "")),
        },
    ),
    "large": Syntax(comment=";"),
}

TEMPLATES = {
    "risc": {
        "add": ("add", "xd, xs1, xs2"),
        "sub": ("sub", "{xd}, {xs1}, {xs2}"),
        "addi": ("addi", "xd, xs1, imm"),
        "lui": ("lui", "{xd}, {imm:hex}"),
        "beq": ("beq", "{xs1}, {xs2}, {imm:relative}"),
        "csrrw": ("csrrw", "xd, csr, xs1"),
        "ecall": ("ecall", ""),
        "c.addi": ("c.addi", "xd, imm"),
        "c.lui": ("c.lui", "{xd}, {imm:hex}"),
        "c.addi16sp": ("c.addi16sp", "sp, imm"),
    },
    "words": {
        "move": ("move", "{size:size} {src:ea}, {dst:ea}"),
        "movea": ("movea", "{size:size} {ea}, {dst_reg:a}"),
        "moveq": ("moveq", "#{data}, {reg}"),
        "nop": ("nop", ""),
    },
    "bytes": {
        "nop": ("nop", ""),
        "mov.r_m": ("mov", "{reg}, {ea}"),
        "mov.r_r": ("mov", "{reg}, {ea}"),
        "mov.m_r": ("mov", "{ea}, {reg}{wide}"),
        "mov.r_i": ("mov", "{reg}{wide}, {imm}"),
        "push": ("push", "{reg}"),
        "sgdt": ("sgdt", "{ea}"),
        "sidt": ("sidt", "{ea}"),
        "vmcall": ("vmcall", ""),
        "mov.cr": ("movcr", "{reg:cr}, {mod:unsigned}, {rm:unsigned}, {disp}, {base:unsigned}.{index}.{scale:hex}"),
        "add.m_i": ("add", "{ea}{wide}, {imm}"),
        "int": ("int", "{imm}"),
        "put.byte": ("put", "{imm:signed}"),
        "put.word": ("put", "{imm:signed}"),
        "jmp.short": ("jmp", "{rel}"),
        "jmp.near": ("jmp", "{rel}"),
    },
    "large": {
        "jrst": ("jrst", "{ac:unsigned}, {i:unsigned} {y}({x:unsigned})"),
        "halt": ("halt", "{i:unsigned} {y}({x:unsigned})"),
        "move": ("move", "{ac:unsigned}, {i:unsigned} {y}({x:unsigned})"),
    },
}

LINES = {
    table: {
        name: compile_line(mnemonic, template, TABLES[table][1][name], SYNTAX[table], condition)
        for name, (mnemonic, template) in templates.items()
    }
    for table, templates in TEMPLATES.items()
}
ASSEMBLERS = {
    table: Assembler(lines, TABLES[table][0], comment=SYNTAX[table].comment, csr_names=CSRS)
    for table, lines in LINES.items()
}
EVERY = [(table, name) for table, lines in LINES.items() for name in lines]


@pytest.mark.parametrize("table, name", EVERY)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_what_is_printed_assembles_to_what_prints_the_same(table: str, name: str, data: st.DataObject) -> None:
    decode, encodings = TABLES[table]
    operands = data.draw(canonical(encodings[name]))
    text = disassemble(LINES[table][name], operands, length(encodings[name], operands), CSRS)
    assembled = ASSEMBLERS[table].assemble(text)
    decoded = Decoder(encodings, decode).decode(fetch_from(assembled.units))
    assert decoded is not None
    assert (decoded.id, decoded.operands) == (assembled.id, assembled.operands)
    again = disassemble(LINES[table][decoded.id], decoded.operands, decoded.length, CSRS)
    assert again == text


@pytest.mark.parametrize(
    "table, name, operands, text",
    [
        ("risc", "addi", {"xd": 1, "xs1": 2, "imm": 0xFFF}, "addi x1, x2, -1"),
        ("risc", "csrrw", {"csr": 0x180, "xs1": 3}, "csrrw x0, satp, x3"),
        ("risc", "csrrw", {"csr": 0x181}, "csrrw x0, 0x181, x0"),
        ("risc", "beq", {"imm": 0x1FFE}, "beq x0, x0, .-2"),
        ("risc", "c.addi16sp", {"imm": 0x3C0}, "c.addi16sp sp, -64"),
        ("risc", "ecall", {}, "ecall"),
        ("words", "move", {"size": 2, "src_mode": 5, "src_disp": 0xFFFFFFFC, "dst_reg": 3}, "move l -4(a0), d3"),
        ("bytes", "mov.r_m", {"mod": 1, "disp": 0xFFFFFFFC, "rm": 5}, "mov eax, dword [ebp-4]"),
        ("bytes", "mov.r_m", {"mod": 1, "disp": 8, "rm": 4, "index": 1, "scale": 2}, "mov eax, dword [eax+ecx*4+8]"),
        ("bytes", "mov.r_m", {"rm": 5, "disp": 16, "sego": 5}, "mov eax, dword fs:[16]"),
        ("bytes", "jmp.short", {"rel": 0xFFFFFFFE}, "jmp .+0"),
        ("large", "move", {"ac": 1, "y": 0o1234, "x": 2}, "move 1, 0 0x29c(2)"),
    ],
)
def test_printing(table: str, name: str, operands: dict[str, int], text: str) -> None:
    encoding = TABLES[table][1][name]
    full = completed(encoding, operands)
    assert disassemble(LINES[table][name], full, length(encoding, full), CSRS) == text


@pytest.mark.parametrize(
    "table, text, units",
    [
        ("risc", "ADD  x10 ,x11,  x12   # sum", (0x8533, 0x00C5)),
        ("risc", "addi x1,x2,-1", (0x0093, 0xFFF1)),
        ("bytes", "mov eax, ecx", (0x8B, 0xC1)),
        ("bytes", "mov eax, dword [ ebp - 4 ]", (0x8B, 0x45, 0xFC)),
        ("bytes", "mov eax, dword [ebp+0x80]", (0x8B, 0x85, 0x80, 0, 0, 0)),
        ("bytes", "mov dword [esp+0], ebx", (0x89, 0x5C, 0x24, 0)),
        ("bytes", "mov ebx, 0x10", (0xBB, 0x10, 0, 0, 0)),
        ("bytes", "mov ebx.w, 0x10", (0x66, 0xBB, 0x10, 0)),
        ("bytes", "jmp .", (0xEB, 0xFE)),
        ("bytes", "put 127", (0x6A, 0x7F)),
        ("bytes", "put 128", (0x68, 0x80, 0)),
        ("bytes", "put 0xffff", (0x68, 0xFF, 0xFF)),
        ("bytes", "jmp .+0x1000", (0xE9, 0xFB, 0x0F, 0, 0)),
        ("words", "move w (a1)+, -(a2)", (0x3519,)),
    ],
)
def test_reading(table: str, text: str, units: tuple[int, ...]) -> None:
    assert ASSEMBLERS[table].assemble(text).units == units


@pytest.mark.parametrize(
    "table, text, column, message, expected",
    [
        ("risc", "", 1, "unknown instruction", "an instruction"),
        ("risc", "  adx x1, x2", 3, "unknown instruction", "an instruction"),
        ("risc", "add x1, x2", 11, "cannot read the operands", "','"),
        ("risc", "add x1, x2, x32", 13, "cannot read the operands", "one of x0, x1, x2, x3, ..."),
        ("risc", "add x1, x2, x3, x4", 15, "cannot read the operands", "the end"),
        ("risc", "addi x1, x2, 4096", 14, "cannot read the operands", "a number from -2048 to 2047"),
        ("risc", "addi x1, x2, 0xfff", 14, "cannot read the operands", "a number from -2048 to 2047"),
        ("risc", "addi x1, x2, -2049", 14, "cannot read the operands", "a number from -2048 to 2047"),
        ("risc", "csrrw x0, 0x1000, x0", 11, "cannot read the operands", "a number from 0 to 4095"),
        ("risc", "csrrw x0, -1, x0", 11, "cannot read the operands", "a number from 0 to 4095"),
        ("risc", "beq x0, x0, .+4096", 13, "the target is out of reach", "from -4096 to +4094, by 2"),
        ("risc", "beq x0, x0, .+5000", 13, "the target is out of reach", "from -4096 to +4094, by 2"),
        ("risc", "beq x0, x0, .-4098", 13, "the target is out of reach", "from -4096 to +4094, by 2"),
        ("risc", "addi x1, x2, loop", 14, "cannot read the operands", "a number or label"),
        ("risc", "beq x0, x0, .+3", 13, "the target is out of reach", "from -4096 to +4094, by 2"),
        ("risc", "c.addi x1, 0", 1, "no encoding holds these operands", ""),
        ("bytes", "mov dword [eax], dword [eax]", 18, "cannot read the operands", "one of eax, ecx, edx, ebx, ..."),
    ],
)
def test_what_cannot_be_read(table: str, text: str, column: int, message: str, expected: str) -> None:
    with pytest.raises(AssemblyError) as caught:
        ASSEMBLERS[table].assemble(text)
    assert (caught.value.column, caught.value.message, caught.value.expected) == (column, message, expected)


@pytest.mark.parametrize(
    "template, message",
    [
        ("{nothing}", "neither an operand nor a form"),
        ("{reg:r64}", "unknown kind of operand"),
        ("{reg", "a brace is not part of {name} or {name:kind}"),
        ("{self}", "a form contains itself"),
        ("{bad}", "unknown name"),
    ],
)
def test_wrong_templates(template: str, message: str) -> None:
    syntax = Syntax(
        registers={"r32": R32}, forms={"self": (Alternative(None, "{self}"),), "bad": (Alternative("zip == 1", ""),)}
    )
    with pytest.raises(SpecificationError) as caught:
        text = Text(f"x, {template}", Position("a.yaml", 2, 10))
        compile_line("push", text, TABLES["bytes"][1]["push"], syntax, condition)
    [problem] = caught.value.problems
    assert problem.message == message
    inner = {"unknown name": Position("<text>", 1, 1), "a form contains itself": Position("a.yaml", 2, 10)}
    assert problem.position == inner.get(message, Position("a.yaml", 2, 13))


def test_a_program_has_labels_forward_and_back_and_the_shortest_jumps() -> None:
    image = ASSEMBLERS["bytes"].program(
        """
        start: mov eax, 1       ; five bytes
        near:  jmp near
               jmp far
               jmp end
        end:
               .byte 1, -1, 0x78
        """
        + "\n.org 0x1200\nfar: int 0x80\n  .word end, far+1\n",
        origin=0x1000,
    )
    assert image.symbols == {"start": 0x1000, "near": 0x1005, "end": 0x100E, "far": 0x1200}
    code = bytes([0xB8, 1, 0, 0, 0, 0xEB, 0xFE, 0xE9, 0xF4, 1, 0, 0, 0xEB, 0, 1, 0xFF, 0x78])
    tail = bytes([0xCD, 0x80]) + (0x100E).to_bytes(4, "little") + (0x1201).to_bytes(4, "little")
    assert image.chunks == (Chunk(0x1000, tuple(code)), Chunk(0x1200, tuple(tail)))


def test_programs_of_other_units() -> None:
    words = ASSEMBLERS["words"].program("nop\n moveq #-1, d1 | minus one\n .half 0x1234\n", origin=0)
    assert words.chunks == (Chunk(0, (0x4E, 0x71, 0x72, 0xFF, 0x12, 0x34)),)
    large = ASSEMBLERS["large"].program("a: move 1, 0 b(0)\nb: .word -1\n", origin=0o100)
    assert large.chunks == (Chunk(0o100, (0o200040_000101, 0o777777_777777)),)


@pytest.mark.parametrize(
    "text, line, column, message",
    [
        ("nop\nnop: nope", 2, 6, "unknown instruction"),
        ("a:\n a: nop", 2, 2, "label defined twice"),
        (".byte 256", 1, 7, "the value does not fit"),
        (".byte 1, -129", 1, 10, "the value does not fit"),
        (".org -1", 1, 6, "this is no address"),
        ("nop\n.macro x\n nope\n.endm\nnope", 2, 1, "a directive that is not obeyed here"),
        (".byte 1, 2\n.org 1\n.byte 3", 3, 1, "this lies where something else does"),
        (".org 8\na: .byte 3\n.org 7\n.byte 1\n .2byte 3", 5, 2, "this lies where something else does"),
        (".byte 1 2", 1, 7, "cannot read a number"),
        (" .org later", 1, 7, "cannot read a number"),
        ("x: jmp y", 1, 8, "cannot read the operands"),
    ],
)
def test_program_errors_name_line_and_column(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(AssemblyError) as caught:
        ASSEMBLERS["bytes"].program(text)
    assert (caught.value.line, caught.value.column, caught.value.message) == (line, column, message)


@pytest.mark.parametrize("directive", sorted(directives.REFUSED))
def test_what_is_refused_is_refused_by_its_name(directive: str) -> None:
    end = directives.BLOCKS.get(directive, "")
    with pytest.raises(AssemblyError) as caught:
        Assembler({}, machine("riscv64").decoding.decode).program(f"{directive} x, 1\n lost\n{end}")
    error = caught.value
    assert (error.message, error.found) == ("a directive that is not obeyed here", repr(directive)) and error.hint
    assert len(error.others) == (0 if directive in directives.BLOCKS else 1)


def test_every_directive_that_is_known_has_its_meaning() -> None:
    told = [name for names, _ in directives.MEANINGS for name in names]
    assert len(told) == len(set(told)) and set(directives.KNOWN) <= set(told)
    assert all(directives.ignored(name) for name in set(told) - {*directives.KNOWN})
    assert not set(told) & {*directives.REFUSED}


CONDITIONS = ("eq", "ne", "e")
GLUED = Syntax(
    registers={"cond": CONDITIONS, "x": tuple(f"x{k}" for k in range(32))},
    forms={"size": (Alternative("imm == 1", ".b"), Alternative(None, ""))},
)


def glued(template: str, name: str = "b") -> Line:
    return compile_line(name, template, TABLES["risc"][1]["addi"], GLUED, condition)


@pytest.mark.parametrize(
    ("template", "operands", "text"),
    [
        ("{mnemonic}{xd:cond} {imm:signed}", {"xd": 1, "imm": 5}, "bne 5"),
        ("{mnemonic}{xd:cond} {imm:signed}", {"xd": 2, "imm": 5}, "be 5"),
        ("{mnemonic}{size} {xd:x}", {"xd": 1, "imm": 1}, "b.b x1"),
        ("{mnemonic}{size} {xd:x}", {"xd": 1}, "b x1"),
        ("{mnemonic}", {}, "b"),
    ],
)
def test_operands_are_glued_to_a_mnemonic(template: str, operands: dict[str, int], text: str) -> None:
    full = completed(TABLES["risc"][1]["addi"], operands)
    assert disassemble(glued(template), full, 4, {}) == text
    plain = compile_line("bn", "{xd:x}", TABLES["risc"][1]["add"], GLUED, condition)
    found = Assembler({"plain": plain, "glued": glued(template)}, TABLES["risc"][0]).assemble(text.upper())
    assert (found.id, found.operands) == ("glued", full)


@pytest.mark.parametrize("text", ["b ne 5", "bxx 5", "b", "bnex 5", "bne5", "c"])
def test_what_is_not_glued_is_not_read(text: str) -> None:
    with pytest.raises(AssemblyError):
        Assembler({"glued": glued("{mnemonic}{xd:cond} {imm:signed}")}, TABLES["risc"][0]).assemble(text)


@pytest.mark.parametrize(
    ("name", "text", "units"),
    [
        ("m68000", "move.w #-1,d0", (0x303C, 0xFFFF)),
        ("m68000", "move.w #65535,d0", (0x303C, 0xFFFF)),
        ("m68000", "moveq #-128,d0", (0x7080,)),
        ("i386", "mov al, 255", (0xB0, 0xFF)),
        ("i386", "mov al, -1", (0xB0, 0xFF)),
        ("i386", "mov eax, dword ptr [0xffffff00]", (0x8B, 0x05, 0, 0xFF, 0xFF, 0xFF)),
        ("riscv64", "lr.w.aqrl a0, (a1)", None),
        ("riscv64", "amoadd.d a0, a1, (a2)", None),
        ("m68000", "move.w #65536,d0", ()),
        ("m68000", "moveq #128,d0", ()),
        ("i386", "mov al, 256", ()),
        ("i386", "mov al, -129", ()),
        ("i386", "mov eax, dword ptr [0x100000000]", ()),
        ("riscv64", "lr.w a0, (a1), aqrl", ()),
    ],
)
def test_numbers_of_shipped_machines_fit_their_fields(name: str, text: str, units: tuple[int, ...] | None) -> None:
    """No units: an error; None: some."""
    described = machine(name)
    lines = {i.id: i.line for i in described.instructions if i.line is not None}
    width = described.state.leaves[described.state.pc].width
    assembler = Assembler(
        lines, described.decoding.decode, comment=described.decoding.syntax.comment, address_width=width
    )
    if units == ():
        with pytest.raises(AssemblyError):
            assembler.assemble(text)
    else:
        found = assembler.assemble(text)
        assert units in (None, found.units)


GNU = """\
.file "a.c"
.section .text
.globl _start
_start: .byte 1
.p2align 2
.word 2
.zero 3
.balign 4
end: .byte 3
"""


def test_directives_of_gnu_are_obeyed_or_without_effect() -> None:
    image = _bytes().program(GNU)
    assert image.chunks[0].cells == (1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3) and image.symbols["end"] == 12


@pytest.mark.parametrize(
    "text, said",
    [
        (".asciz 1", "cannot read a text"),
        ('.ascii "open', "cannot read a text"),
        ('.ascii "a" "b"', "cannot read a text"),
        (".balgn 4", "did you mean '.balign'"),
        (".align 4", "write .balign 4, or .p2align 2"),
        (".rept 4", "1:1: a directive that is not obeyed here: found '.rept'"),
        (".fill 1, 9", "cannot be filled"),
        (".fill 1, 1, 256", "does not fit"),
        (".equ a, 1\na: .byte 1", "2:1: label defined twice"),
        (".equ a", "cannot read a number"),
        (".zero -1", "cannot be filled"),
        (".balign 0", "cannot be filled"),
        (".zero 99999999", "cannot be filled"),
    ],
)
def test_a_directive_that_means_nothing_is_refused(text: str, said: str) -> None:
    with pytest.raises(AssemblyError, match=re.escape(said)):
        _bytes().program(text)


DATA = r"""
.equ four, 4
five = four + 1
.set later, end - 1
.ascii "a#\"\n", "\x41\102" # two texts
.asciz "b"
.string "c", ""
.byte '#', five # a character, a number
.2byte 1
.4byte later
.8byte 3
.fill 2, 2, 7
.space 2, 0xff
.p2align 2, 0xee
.balign 64,,3
.cfi_startproc
end:
"""


def test_texts_symbols_and_data_of_gnu() -> None:
    image = _bytes().program(DATA)
    said = b'a#"\nAB' + b"b\0" + b"c\0\0" + b"#\5" + b"\1\0" + bytes([35, 0, 0, 0]) + bytes([3, *[0] * 7])
    assert bytes(image.chunks[0].cells) == said + b"\7\0\7\0" + b"\xff\xff" + b"\xee" * (-len(said + b"123456") % 4)
    assert (image.symbols["five"], image.symbols["end"]) == (5, 36)


@pytest.mark.parametrize("name", ["riscv64", "i386", "m68000"])
def test_what_a_directive_means_is_the_machines(name: str) -> None:
    found = machine(name)
    assembler = Assembler({}, found.decoding.decode, aliases=found.decoding.syntax.directives)
    cells = assembler.program(".word 1\n.byte 2\n.align 2\n.byte 3\n").chunks[0].cells
    assert len(cells) == (9 if name == "riscv64" else 5)


def test_a_text_on_a_machine_of_words_is_a_word_for_each_character() -> None:
    assert Assembler({}, machine("pg74").decoding.decode).program('.asciz "Hi"').chunks[0].cells == (72, 105, 0)


def test_every_wrong_line_is_told() -> None:
    with pytest.raises(AssemblyError) as caught:
        ASSEMBLERS["bytes"].program("nope\nnop\nmvo eax, 1\n")
    first, second = caught.value, caught.value.others[0]
    assert (first.line, second.line, second.hint) == (1, 3, "did you mean 'mov'?")
    assert "expected did" not in str(first) + str(second)


@pytest.mark.parametrize(
    "text",
    [
        ".byte 1__0",
        ".byte 0x_",
        ".byte " + "9" * 5000,
        ".zero 1048576\n" * 17,
        "nope\n" * 10_000,
        ".byte " + "1, " * 50_000,
        ".ascii " + '"#" "#", ' * 100_000,
        ".equ a, a + 1\n",
        ".fill 1 << 20",
    ],
    ids=lambda text: text[:12],
)
def test_hostile_text_is_refused_soon(text: str) -> None:
    before = time.process_time()
    with pytest.raises(AssemblyError):
        _bytes().program(text)
    assert time.process_time() - before < 10


def test_many_labels_are_no_matter() -> None:
    text = "".join(f"l{k}: .4byte l{k}, l{4_999 - k}\n" for k in range(5_000))
    before = time.process_time()
    image = _bytes().program(text)
    assert image.symbols["l4999"] == 8 * 4_999 and time.process_time() - before < 10


@given(
    st.text(st.sampled_from(" \t\n,:=.+-#'\"\\0x19azl_\u2028\f"), max_size=40),
    st.sampled_from(["", ".byte ", ".ascii ", "a: ", ".p2align "]),
)
def test_any_text_is_a_program_or_an_error(text: str, start: str) -> None:
    try:
        _bytes().program(start + text)
    except AssemblyError as error:
        lines = re.split("\r\n|\n|\r", start + text)
        assert 1 <= error.line <= len(lines) and 1 <= error.column <= len(lines[error.line - 1]) + 1


def _bytes() -> Assembler:
    return Assembler({}, machine("riscv64").decoding.decode)
