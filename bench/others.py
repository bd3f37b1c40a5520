"""The programs of bench/engine.py on machines without page tables: what the host's compiler makes for i386, and a few in m68000 assembly."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from pgcheck.isa.encoding.assembly import Assembler
from pgcheck.isa.machine.machine import Machine
from pgcheck.models.engine import Engine
from pgcheck.models.memory import Bus, Ram
from pgcheck.models.state import Cells, State, Surroundings, holding, reset

KERNELS = Path(__file__).resolve().parent / "kernels"
BASE, SIZE, STACK, ORIGIN = 0x10_0000, 4 << 20, 0x8_0000, 0x1000
I386 = {"fib": 60, "sieve": 6, "matmul": 2, "memcpy": 8, "mix": 4}
M68000 = {"fib": 60, "sieve": 20, "memcpy": 40, "mix": 20}
OPTIONS = (
    "-m32 -march=i386 -O2 -ffreestanding -nostdlib -static -fno-pic -no-pie -w -fno-tree-loop-distribute-patterns "
    "-fno-stack-protector -fcf-protection=none -falign-functions=1 -falign-loops=1 -falign-jumps=1 -falign-labels=1"
)


@dataclass(frozen=True)
class Program:
    """A program in memory: its parts, the state that it starts in, where it is done, and where its checksum is."""

    name: str
    parts: tuple[tuple[int, bytes], ...]
    start: State
    entry: int
    done: int
    result: tuple[str, int]
    peer: Callable[[Program], tuple[float, int]]


def i386(machine: Machine, rounds: int) -> list[Program]:
    """Compiled by the host's compiler, which does not pad by an instruction that the specification has not. Raises OSError or CalledProcessError without one."""
    made: list[Program] = []
    translation = machine.code.translation
    assert translation is not None
    for number, (name, times) in enumerate(I386.items()):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "program"
            command = ["gcc", *OPTIONS.split(), f"-DKERNEL={number}", f"-DN={times * rounds}", "-Wl,--build-id=none"]
            command += [
                f"-Wl,-N,-Ttext={BASE:#x}",
                str(KERNELS / "i386.S"),
                str(KERNELS / "kernels.c"),
                "-o",
                str(path),
            ]
            subprocess.run(command, check=True, capture_output=True)
            with path.open("rb") as file:
                elf = ELFFile(file)
                parts = tuple((s["p_vaddr"], s.data()) for s in elf.iter_segments() if s["p_type"] == "PT_LOAD")
                tables = [s for s in elf.iter_sections() if isinstance(s, SymbolTableSection)]
                symbols = {s.name: int(s["st_value"]) for t in tables for s in t.iter_symbols()}
        state = reset(machine) | holding(machine, translation.replay) | {machine.state.pc: symbols["_start"]}
        made.append(Program(name, parts, state, symbols["_start"], symbols["done"], ("GPR", 0), _i386))
    return made


def m68000(machine: Machine, rounds: int) -> list[Program]:
    """Assembled by the specification's own assembler."""
    lines = {i.id: i.line for i in machine.instructions if i.line}
    text = (KERNELS / "m68000.s").read_text()
    made: list[Program] = []
    for name, times in M68000.items():
        begun = f"movea.l #{STACK},a7\nmove.l #{times * rounds},d7\nmoveq #0,d6\nbra.w {name}\n"
        syntax = machine.decoding.syntax
        assembler = Assembler(lines, machine.decoding.decode, comment=syntax.comment)
        image = assembler.program(begun + text.replace(";", syntax.comment), ORIGIN)
        parts = tuple((c.address, bytes(c.cells)) for c in image.chunks)
        done = max(at + len(data) for at, data in parts) - 2
        state = reset(machine) | {machine.state.pc: ORIGIN}
        made.append(Program(name, parts, state, ORIGIN, done, ("D", 0), _m68000))
    return made


def ours(engine: Engine, machine: Machine, program: Program, steps: int = 0) -> tuple[float, int, int]:
    """CPU seconds, steps and checksum of a program, or of its first `steps`."""
    space = machine.state
    bus = Bus(
        Ram(0, SIZE, space.memory_unit, space.big_endian), (), space.memory_unit, space.big_endian, space.address_width
    )
    for at, data in program.parts:
        for k, byte in enumerate(data):
            bus.store(at + k, 1, byte)
    state, surroundings = program.start.copy(), Surroundings(memory=bus)
    begun = time.process_time()
    stop = engine.run(state, surroundings, steps or 1 << 40, frozenset(machine.code.exits))
    taken = time.process_time() - begun
    leaf, index = program.result
    held = state[leaf]
    assert isinstance(held, Cells) and (steps or stop.exit is not None), (program.name, stop)
    return taken, stop.steps, held[index]


def _unicorn(program: Program, arch: str, mode: str, register: Callable[[], int]) -> tuple[float, int]:
    """CPU seconds and checksum of Unicorn. Raises ImportError."""
    import unicorn as emulator

    engine: Any = emulator.Uc(getattr(emulator, arch), getattr(emulator, mode))
    if arch == "UC_ARCH_M68K":
        engine.ctl_set_cpu_model(1)  # the 68000
    engine.mem_map(0, SIZE)
    for at, data in program.parts:
        engine.mem_write(at, data)
    begun = time.process_time()
    engine.emu_start(program.entry, program.done)
    return time.process_time() - begun, engine.reg_read(register())


def _i386(program: Program) -> tuple[float, int]:
    def register() -> int:
        from unicorn import x86_const

        return int(x86_const.UC_X86_REG_EAX)

    return _unicorn(program, "UC_ARCH_X86", "UC_MODE_32", register)


def _m68000(program: Program) -> tuple[float, int]:
    def register() -> int:
        from unicorn import m68k_const

        return int(m68k_const.UC_M68K_REG_D0)

    return _unicorn(program, "UC_ARCH_M68K", "UC_MODE_BIG_ENDIAN", register)
