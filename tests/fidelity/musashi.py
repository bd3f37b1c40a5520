"""Musashi, an emulator of the 68000 family, as `machine68k` binds it."""

from __future__ import annotations

import importlib
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.fidelity.peer import Missing, Place, Values, bank, fields, pointer, word
from tests.models.worlds import biased

PACKAGE, SIZE = "machine68k", 1 << 24
SR = {"T": (15, 1), "S": (13, 1), "I": (8, 3), "X": (4, 1), "N": (3, 1), "Z": (2, 1), "V": (1, 1), "C": (0, 1)}
REGISTERS = (
    *bank("D", 32, range(8)),
    *bank("A", 32, range(8)),
    *fields("SR", {name: width for name, (_, width) in SR.items()}),
    Place("OSP", 32),
    Place("PC", 32),
    Place("RESETS", 32),
)
CONTROLS = (Place("VBR", 32), Place("SFC", 3), Place("DFC", 3))
VECTORS = {4: "illegal", 8: "privileged", 10: "line A", 11: "line F"}
KINDS = {"m68000": ("M68000", REGISTERS), "m68010": ("M68010", (*REGISTERS, *CONTROLS))}


class Musashi:
    """A processor with 16 MiB of memory. Interrupts cannot be asked for through the binding."""

    name = "Musashi"
    ram = range((1 << 24) - 16)  # a long word at the end of memory does not go on at its beginning
    unit = 2
    latest: Musashi | None = None

    def __init__(self, machine: str) -> None:
        try:
            binding: Any = importlib.import_module(PACKAGE)
        except ImportError as error:
            raise Missing("Musashi is not there: pip install machine68k==0.4.1") from error
        kind, places = KINDS[machine]
        self.places: Sequence[Place] = places
        self.binding, self.kind = binding, binding.CPUType[kind]
        self.number = {p.key: binding.Register[f"{p.leaf}{p.index}"] for p in self.places if p.index is not None}
        self.number |= {p.key: binding.Register[p.key] for p in self.places if p in CONTROLS}
        self.causes: Mapping[str, str] = {f"fault({number})": cause for number, cause in VECTORS.items()}
        self.resets = 0
        self.written: set[int] = set()
        self.dirty: set[int] = set()
        self._made()

    def _made(self) -> None:
        """A processor; there is one core in the process, which is of the kind that was made last."""
        Musashi.latest = self
        self.whole: Any = self.binding.Machine(self.kind, SIZE >> 10)
        self.cpu, self.store = self.whole.cpu, self.whole.mem
        self.cpu.set_reset_instr_callback(self._reset)
        self.store.set_trace_func(self._access)

    def _reset(self) -> None:
        self.resets += 1

    def _access(self, kind: str, width: int, address: int, value: int) -> int:
        if kind == "W":
            self.written.update(a & SIZE - 1 for a in range(address, address + (1 << width)))
        return 0

    def _restart(self) -> None:
        """Out of the stopped state; the processor then spends one turn on what its reset takes."""
        self.cpu.pulse_reset()
        self.cpu.execute(1)

    def draw(self, rng: random.Random) -> Values:
        values = {p.key: word(rng, p.width, self.ram) for p in self.places}
        values["PC"] = pointer(rng, self.ram, 2)
        values |= {"SR.T": 0, "RESETS": 0}
        for key in ("A:7", "OSP", "VBR"):
            if key in values:
                values[key] = pointer(rng, self.ram, 2)
        return values

    def data(self, rng: random.Random, address: int) -> bytes:
        even = 0xFFFEFFFE if rng.getrandbits(6) else 0xFFFFFFFF
        return b"".join((biased(rng, 32) & even).to_bytes(4, "big") for _ in range(2))

    def table(self, address: int) -> bool:
        return False

    def done(self, values: Values) -> bool:
        return values["SR.T"] == 1  # trace exceptions are not modelled

    def begin(self, values: Values, memory: Mapping[int, int]) -> None:
        if Musashi.latest is not self:
            self._made()
        cpu = self.cpu
        self._restart()
        for address in self.dirty:
            self.store.w8(address, 0)
        for address, byte in memory.items():
            self.store.w8(address, byte)
        self.dirty = set(memory)
        cpu.w_sr(sum(values[f"SR.{name}"] << low for name, (low, _) in SR.items()))
        for key, number in self.number.items():
            cpu.w_reg(number, values[key])
        own, other = (cpu.w_isp, cpu.w_usp) if values["SR.S"] else (cpu.w_usp, cpu.w_isp)
        own(values["A:7"])
        other(values["OSP"])
        cpu.w_pc(values["PC"])
        self.resets = values["RESETS"]
        self.written.clear()
        self.store.set_trace_mode(True)

    def step(self) -> Values:
        cpu = self.cpu
        cpu.execute(1)
        status = cpu.r_sr()
        found = {f"SR.{name}": status >> low & (1 << width) - 1 for name, (low, width) in SR.items()}
        found |= {key: cpu.r_reg(number) for key, number in self.number.items()}
        found["A:7"], found["OSP"] = (cpu.r_isp(), cpu.r_usp()) if found["SR.S"] else (cpu.r_usp(), cpu.r_isp())
        return found | {"PC": cpu.r_pc(), "RESETS": self.resets}

    def memory(self, addresses: Iterable[int]) -> dict[int, int]:
        self.store.set_trace_mode(False)
        self.dirty |= self.written
        return {a: self.store.r8(a) for a in {*addresses, *self.written}}

    # ---- census

    def words(self) -> Iterable[int]:
        return range(1 << 16)

    def code(self, word: int) -> bytes:
        return word.to_bytes(2, "big") + bytes(8)

    def at(self, user: bool) -> Values:
        values = {p.key: 0 for p in self.places} | {f"A:{n}": 0x8000 + 0x100 * n for n in range(8)}
        return values | {"PC": 0x4000, "OSP": 0xC000, "SR.S": int(not user)}

    def trapped(self, word: int, user: bool) -> str:
        vectors = {4 * number + 2: number for number in VECTORS}  # exception n goes on at 256 n
        self.begin(self.at(user), vectors | {0x4000 + i: byte for i, byte in enumerate(self.code(word))})
        went = self.step()["PC"] >> 8
        self.memory(())
        return VECTORS.get(went, "")
