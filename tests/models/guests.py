"""Processors of the Unicorn emulator, set up so that one instruction can be compared with the reference binding.

Addresses are 32 bits wide on every guest and are folded onto `MEMORY` bytes, so that any address can be accessed.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import unicorn as uc
from unicorn import m68k_const, riscv_const, x86_const
from unicorn.unicorn_py3.unicorn import Uc, UcError

MEMORY = 1 << 24
FOLD = MEMORY - 1
ADDRESSES = 1 << 32
RESERVED = range(0x30000, 0x30040)
SPILLED = 0x30020
_NOWHERE = 0xFFFFFFF0
_UNDEFINED_OPCODE = 6
_M68000 = 0  # its place in the emulator's table of processors; UC_CPU_M68K_M68000 selects the MC68020


@dataclass(frozen=True, slots=True)
class Place:
    """Where an emulator holds a leaf, or its element `index`: bits of a register from `low` on."""

    leaf: str
    index: int | None
    register: int
    low: int
    width: int


@dataclass(frozen=True, slots=True)
class Observed:
    """What one instruction did: registers by place, next address, vector of the exception, and bytes written."""

    values: tuple[int, ...]
    pc: int
    vector: int | None
    written: frozenset[int]


@dataclass(frozen=True)
class Guest:
    """How one machine's state maps to a processor of the emulator; `fixed` are bits of registers that no place holds.

    `vectors`: for each terminator, its argument that is the emulator's exception number, and what is added to it. `invalid` is the number of the exception
    that the emulator reports as an invalid instruction. `align` is the alignment of instructions. `spill` is an instruction that
    writes a register of 16 bits, which cannot be read otherwise, to the address `SPILLED`.
    """

    machine: str
    arch: int
    mode: int
    cpu: int | None
    pc: int
    places: tuple[Place, ...]
    fixed: Mapping[int, int]
    vectors: Mapping[str, tuple[int, int]]
    invalid: int
    align: int
    spill: tuple[int, bytes] | None = None

    @cached_property
    def emulator(self) -> Emulator:
        return Emulator(self)


class Emulator:
    """One instance of the emulator, used for one instruction after another."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        self.engine: Any = Uc(guest.arch, guest.mode)
        if guest.cpu is not None:
            self.engine.ctl_set_cpu_model(guest.cpu)
        self.host = mmap.mmap(-1, MEMORY)
        self.buffer = (ctypes.c_char * MEMORY).from_buffer(self.host)
        for base in range(0, ADDRESSES, MEMORY):
            self.engine.mem_map_ptr(base, MEMORY, uc.UC_PROT_ALL, ctypes.addressof(self.buffer))
        self.engine.hook_add(uc.UC_HOOK_INTR, self._interrupted)
        self.engine.hook_add(uc.UC_HOOK_MEM_WRITE, self._wrote)
        self.clean = self.engine.context_save()
        self.registers = sorted({p.register for p in guest.places})
        self.vector: int | None = None
        self.written: set[int] = set()
        self.spill = guest.spill[1] if guest.spill is not None else b""
        self.host[RESERVED.start : RESERVED.start + len(self.spill)] = self.spill

    def _interrupted(self, engine: Any, number: int, data: object) -> None:
        self.vector = number
        engine.emu_stop()

    def _wrote(self, engine: Any, access: int, address: int, size: int, value: int, data: object) -> None:
        self.written.update(address + i & FOLD for i in range(size))

    def run(self, code: bytes, pc: int, values: tuple[int, ...], memory: Mapping[int, int], straight: bool) -> Observed:
        """Run the instruction `code` at `pc` on registers (by place) and the bytes `memory` (by folded address).

        `straight` says that it should go on after itself; then the register to be spilled is spilled in the same translation
        block, since the emulator settles flags only there. Another step is allowed to get there, for the emulator leaves a repeated
        string instruction only when it finds its count to be 0.
        """
        for address, byte in memory.items():
            self.host[address] = byte
        line = code + self.spill if straight else code
        self.host[pc : pc + len(line)] = line
        for start in (pc, pc + len(code)):
            self.engine.ctl_remove_cache(start, start + len(line))
        held = dict(self.guest.fixed)
        for place, value in zip(self.guest.places, values, strict=True):
            held[place.register] = held.get(place.register, 0) | value << place.low
        self.engine.context_restore(self.clean)
        self.engine.reg_write_batch(list(held.items()))
        self.vector = None
        self.written = set()
        together = bool(self.spill) and straight
        until, count = (pc + len(line), 3 if together else 2) if straight else (_NOWHERE, 1)
        try:
            self.engine.emu_start(pc, until, count=count)
        except UcError as error:
            if error.errno in (uc.UC_ERR_INSN_INVALID, uc.UC_ERR_EXCEPTION):
                self.vector = self.guest.invalid
            elif error.errno != uc.UC_ERR_FETCH_UNMAPPED:  # of the next instruction
                raise
        after = dict(zip(self.registers, self.engine.reg_read_batch(self.registers), strict=True))
        end = self.engine.reg_read(self.guest.pc) - (len(self.spill) if together and self.vector is None else 0)
        if self.guest.spill is not None:
            if not together or self.vector is not None:
                self.engine.emu_start(RESERVED.start, _NOWHERE, count=1)
            after[self.guest.spill[0]] = int.from_bytes(self.host[SPILLED : SPILLED + 2], "big")
        seen = tuple(after[p.register] >> p.low & (1 << p.width) - 1 for p in self.guest.places)
        return Observed(seen, end, self.vector, frozenset(a for a in self.written if a not in RESERVED))

    def byte(self, address: int) -> int:
        """A byte of memory, by folded address."""
        return self.host[address]


def _bank(leaf: str, width: int, registers: tuple[int, ...], first: int = 0) -> tuple[Place, ...]:
    return tuple(Place(leaf, first + i, r, 0, width) for i, r in enumerate(registers))


def _flags(leaf: str, register: int, bits: Mapping[str, int]) -> tuple[Place, ...]:
    return tuple(Place(f"{leaf}.{name}", None, register, low, 1) for name, low in bits.items())


def _constants(module: object, pattern: str, names: object) -> tuple[int, ...]:
    assert isinstance(names, list | range)
    return tuple(getattr(module, pattern.format(n)) for n in names)


GUESTS = {
    guest.machine: guest
    for guest in (
        Guest(
            "i386",
            uc.UC_ARCH_X86,
            uc.UC_MODE_32,
            None,
            x86_const.UC_X86_REG_EIP,
            _bank("GPR", 32, _constants(x86_const, "UC_X86_REG_E{}", ["AX", "CX", "DX", "BX", "SP", "BP", "SI", "DI"]))
            + _flags(
                "EFLAGS", x86_const.UC_X86_REG_EFLAGS, {"CF": 0, "PF": 2, "AF": 4, "ZF": 6, "SF": 7, "DF": 10, "OF": 11}
            ),
            {x86_const.UC_X86_REG_EFLAGS: 2},
            {"fault": (0, 0)},
            _UNDEFINED_OPCODE,
            1,
        ),
        Guest(
            "m68000",
            uc.UC_ARCH_M68K,
            uc.UC_MODE_BIG_ENDIAN,
            _M68000,
            m68k_const.UC_M68K_REG_PC,
            # SR is first: writing it exchanges stack pointers.
            _flags("SR", m68k_const.UC_M68K_REG_SR, {"C": 0, "V": 1, "Z": 2, "N": 3, "X": 4})
            + _bank("D", 32, _constants(m68k_const, "UC_M68K_REG_D{}", range(8)))
            + _bank("A", 32, _constants(m68k_const, "UC_M68K_REG_A{}", range(8))),
            {},
            {"fault": (0, 0), "trap": (0, 32), "access_error": (0, 0)},
            -1,
            2,
            (m68k_const.UC_M68K_REG_SR, bytes.fromhex(f"40f9{SPILLED:08x}")),
        ),
        Guest(
            "riscv64",
            uc.UC_ARCH_RISCV,
            uc.UC_MODE_RISCV64,
            None,
            riscv_const.UC_RISCV_REG_PC,
            _bank("X", 64, _constants(riscv_const, "UC_RISCV_REG_X{}", range(1, 32)), 1),
            {},
            {"raise": (0, 0)},
            2,
            4,
        ),
    )
}
