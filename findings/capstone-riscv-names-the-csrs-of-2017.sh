#!/usr/bin/env bash
# capstone 5.0.9 (its newest release on PyPI), seen with Python 3.11 on 2026-11-30.
#
# Guess: a RISC-V disassembler that is released today prints the CSRs of the ratified privileged architecture by name, and no
# instruction that it does not have.
# What happens: the names are those of draft 1.10 of 2017. URET and the N extension's USTATUS and UEPC, which were never
# ratified, are printed; what versions 1.11 to 1.13 and the hypervisor extension ratified is a decimal number: mcountinhibit,
# menvcfg, senvcfg, mseccfg, mconfigptr, stimecmp, seed, pmpaddr16, hstatus, hgatp. A listing searched for `hstatus` or
# `menvcfg` shows none. FENCE with an empty set, a HINT of the unprivileged manual, prints `unknown, unknown`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q capstone==5.0.9
"$folder/venv/bin/python" - <<'PYTHON'
from capstone import CS_ARCH_RISCV, CS_MODE_RISCV64, Cs

decoder = Cs(CS_ARCH_RISCV, CS_MODE_RISCV64)


def text(word):
    found = next(decoder.disasm(word.to_bytes(4, "little"), 0))
    return f"{found.mnemonic} {found.op_str}".strip()


def read(number):
    return text(number << 20 | 10 << 7 | 2 << 12 | 0x73)


ratified = {
    "mcountinhibit": 0x320, "menvcfg": 0x30A, "senvcfg": 0x10A, "mseccfg": 0x747, "mconfigptr": 0xF15,
    "stimecmp": 0x14D, "seed": 0x015, "pmpaddr16": 0x3C0, "hstatus": 0x600, "hgatp": 0x680,
}  # fmt: skip
for name, number in ratified.items():
    print(f"{name:14} {read(number)}")
    assert read(number) == f"csrr a0, {number}"
for number, name in {0x000: "ustatus", 0x041: "uepc", 0x180: "satp"}.items():
    print(f"{number:#05x}          {read(number)}")
    assert read(number) == f"csrr a0, {name}"
for word, seen in {0x00200073: "uret", 0x0000000F: "fence unknown, unknown"}.items():
    print(f"{word:#010x}     {text(word)}")
    assert text(word) == seen
PYTHON
