#!/usr/bin/env bash
# keystone-engine 0.9.2, seen with Python 3.11 on 2026-11-30.
#
# Guess: an assembler set to 32-bit mode makes the 32-bit form of an instruction whose operand size is not written: LIDT reads
# a base of 32 bits, POPF and IRET take doublewords. GNU as does so in both syntaxes, NASM in its own, and so does keystone in
# AT&T syntax.
# What happens: in Intel syntax, which is its default, and in NASM syntax, keystone puts the operand-size prefix 66 before
# LIDT, LGDT, SIDT, SGDT, POPF, PUSHF and IRET. By the manual (SDM volume 2A, LGDT/LIDT) such a LIDT loads 24 bits of the
# base; writing `fword ptr` changes nothing. Unicorn 2.1.4 shows the base that is left: 0xc0123456 becomes 0x123456.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q keystone-engine==0.9.2 unicorn==2.1.4
"$folder/venv/bin/python" - <<'PYTHON'
from keystone import KS_ARCH_X86, KS_MODE_32, KS_OPT_SYNTAX_ATT, KS_OPT_SYNTAX_INTEL, KS_OPT_SYNTAX_NASM, Ks
from unicorn import UC_ARCH_X86, UC_MODE_32, Uc
from unicorn.x86_const import UC_X86_REG_IDTR

assembler = Ks(KS_ARCH_X86, KS_MODE_32)


def made(syntax, text):
    assembler.syntax = syntax
    return bytes(assembler.asm(text)[0])


pairs = [("lidt [eax]", "lidt (%eax)"), ("lgdt [eax]", "lgdt (%eax)"), ("sidt [eax]", "sidt (%eax)"),
         ("sgdt [eax]", "sgdt (%eax)"), ("popf", "popf"), ("pushf", "pushf"), ("iret", "iret")]
for intel, att in pairs:
    plain = made(KS_OPT_SYNTAX_ATT, att)
    seen = [made(syntax, intel) for syntax in (KS_OPT_SYNTAX_INTEL, KS_OPT_SYNTAX_NASM)]
    print(f"{intel:12} AT&T {plain.hex():8} Intel {seen[0].hex():10} NASM {seen[1].hex()}")
    assert seen == [b"\x66" + plain] * 2

code = made(KS_OPT_SYNTAX_INTEL, "lidt fword ptr [0x2000]")
machine = Uc(UC_ARCH_X86, UC_MODE_32)
machine.mem_map(0x1000, 0x2000)
machine.mem_write(0x1000, code)
machine.mem_write(0x2000, (0x7FF).to_bytes(2, "little") + (0xC0123456).to_bytes(4, "little"))
machine.emu_start(0x1000, 0x1000 + len(code), count=1)
base = machine.reg_read(UC_X86_REG_IDTR)[1]
print(f"base in memory 0xc0123456, base loaded {base:#x}")
assert base == 0x123456
PYTHON
