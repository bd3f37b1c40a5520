#!/usr/bin/env bash
# keystone-engine 0.9.2, seen with Python 3.11 on 2026-11-30.
#
# Guess: an immediate that does not fit its field is refused with KsError, as GNU as refuses or at least warns of it, and as
# keystone itself does for INT, IN and PUSH.
# What happens: beside those, MOV, ADD and CMP with a byte register, MOV to a word register, RET and ENTER take the low bits
# without a word, so that `cmp al, 256` compares with 0 and `ret 0x10000` drops nothing; a jump that is out of reach comes
# back as its opcode alone, without a displacement. On MIPS the refusal is no error: asm() answers (None, 0) and prints.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q keystone-engine==0.9.2
"$folder/venv/bin/python" - <<'PYTHON' 2> "$folder/stderr"
from keystone import KS_ARCH_MIPS, KS_ARCH_X86, KS_MODE_32, KS_MODE_BIG_ENDIAN, KS_MODE_MIPS32, Ks, KsError

x86 = Ks(KS_ARCH_X86, KS_MODE_32)


def made(text):
    try:
        return bytes(x86.asm(text)[0]).hex()
    except KsError:
        return "refused"


expected = {
    "int 0x100": "refused", "in al, 0x100": "refused", "push 0x1ffffffff": "refused",
    "mov al, 0x1ff": "b0ff", "add al, 0x180": "0480", "cmp al, 256": "3c00", "mov ax, 0x12345": "66b84523",
    "ret 0x10000": "c20000", "enter 0x10000, 0": "c8000000", "jmp 0x1ffffffff": "eb",
}  # fmt: skip
for text, bytes_made in expected.items():
    print(f"{text:18} {made(text)}")
    assert made(text) == bytes_made

mips = Ks(KS_ARCH_MIPS, KS_MODE_MIPS32 + KS_MODE_BIG_ENDIAN).asm("ori $t0, $t0, 0x12345")
print("ori $t0, $t0, 0x12345 on MIPS:", mips)
assert mips[0] is None
PYTHON
