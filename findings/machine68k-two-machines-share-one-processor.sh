#!/usr/bin/env bash
# machine68k 0.4.1 (its newest release on PyPI, Musashi inside; it is built from source and wants a C compiler), seen with Python 3.11 on
# 2026-12-01.
#
# Guess: `Machine(cpu_type, ram)` is an object of its own, so a 68000 and a 68010 can be compared side by side in one process.
# What happens: all machines of a process are one processor. Once a 68010 is made, the 68000's object executes RTD, which the 68000 does
# not have, instead of the illegal-instruction exception; what it is called still says 68000. A process each is needed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q machine68k==0.4.1
"$folder/venv/bin/python" - <<'PYTHON'
from machine68k import CPUType, Machine

ILLEGAL, RETURNED = 0x8000, 0x0


def after_rtd(machine):
    """Where the processor is after the word of RTD with a displacement of 0, from a stack of zeros."""
    cpu, memory = machine.cpu, machine.mem
    for address, value in ((0, 0x1000), (4, 0x400), (4 * 4, ILLEGAL), (0x1000, RETURNED)):
        memory.w32(address, value)
    memory.w16(0x400, 0x4E74)
    memory.w16(0x402, 0)
    cpu.pulse_reset()
    cpu.execute(1)
    cpu.w_sr(0x2700)
    cpu.w_pc(0x400)
    cpu.execute(1)
    return cpu.r_pc()


old = Machine(CPUType.M68000, 1024)
alone = after_rtd(old)
new = Machine(CPUType.M68010, 1024)
beside = after_rtd(old)
print(f"alone {alone:#x}, after another machine was made {beside:#x}, called {old.cpu.get_cpu_name()}")
assert alone == ILLEGAL and beside == RETURNED
PYTHON
