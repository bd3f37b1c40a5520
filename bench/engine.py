"""How fast programs run: both tiers of the native engine and generated Python, beside emulators, in one run; then every target.

    python bench/engine.py [--rounds N]

CPU time. Programs of `bench/kernels/` are compiled for riscv64 by its cross compiler, for i386 by the host's; for m68000 a few are assembled by the
specification's own assembler. Checksums and counts of steps are asserted equal.
A peer that is not installed, and a target that nothing is there for yet, is a MISS. Ends with 1 at a MISS.
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench import others  # noqa: E402
from pgcheck.isa.encoding.assembly import Assembler  # noqa: E402
from pgcheck.isa.machine.build import load  # noqa: E402  # a bare checkout runs without installation
from pgcheck.isa.machine.machine import Machine  # noqa: E402
from pgcheck.models.engine import Engine  # noqa: E402
from pgcheck.models.generated.compiled import Compiled  # noqa: E402
from pgcheck.models.memory import Bus, Ram  # noqa: E402
from pgcheck.models.native import linking  # noqa: E402
from pgcheck.models.native.engine import Native  # noqa: E402
from pgcheck.models.native.hot import Regions  # noqa: E402
from pgcheck.models.native.linking import Linked, Unavailable  # noqa: E402
from pgcheck.models.native.lowering.plan import Plan  # noqa: E402
from pgcheck.models.native.lowering.threaded import Writer  # noqa: E402
from pgcheck.models.native.runtime import Runtime  # noqa: E402
from pgcheck.models.state import Cells, State, Surroundings, reset  # noqa: E402
from pgcheck.shipped import shipped  # noqa: E402

KERNELS = ROOT / "bench" / "kernels"
PROGRAMS = {"fib": 60, "sieve": 6, "matmul": 2, "memcpy": 8, "mix": 4}  # rounds
COMPILER, EMULATOR = "riscv64-unknown-elf-gcc", "qemu-system-riscv64"
OPTIONS = "-march=rv64im -mabi=lp64 -mcmodel=medany -ffreestanding -nostdlib -O2 -fno-tree-loop-distribute-patterns"
BASE, SIZE, PAGE = 0x8000_0000, 4 << 20, 12
TABLES = BASE + (2 << 20)
A0 = 10
TRAPS = 100_000  # steps


@dataclass(frozen=True)
class Guest:
    """A program: its file, image, where it is done, and the steps and checksum that it has to come to."""

    name: str
    path: Path
    image: bytes
    done: int
    steps: int = 0
    checksum: int = 0


def built(name: str, number: int, rounds: int, folder: Path) -> Guest:
    path = folder / f"{name}.elf"
    command = [COMPILER, *OPTIONS.split(), f"-DKERNEL={number}", f"-DN={rounds}", "-w", "-Wl,-N,-Ttext=0x80000000"]
    files = [str(KERNELS / "start.S"), str(KERNELS / "kernels.c"), "-o", str(path)]
    subprocess.run([*command, "-Wl,--build-id=none,--no-warn-rwx-segments", *files], check=True)
    with path.open("rb") as file:
        elf = ELFFile(file)
        (segment,) = [s for s in elf.iter_segments() if s["p_type"] == "PT_LOAD"]
        tables = [s for s in elf.iter_sections() if isinstance(s, SymbolTableSection)]
        (done,) = [s["st_value"] for t in tables for s in t.iter_symbols() if s.name == "done"]
        assert segment["p_vaddr"] == BASE
        return Guest(name, path, segment.data(), done)


def computer(machine: Machine, guest: Guest, paged: bool) -> tuple[State, Surroundings]:
    """The program before its first instruction: bare, or in supervisor mode with RAM mapped to itself in pages of 4 KiB."""
    bus = Bus(Ram(BASE, SIZE, 8, False), (), 8, False, 64)
    for k, byte in enumerate(guest.image):
        bus.store(BASE + k, 1, byte)
    state = reset(machine)
    state["PC"], state["current_mode"] = BASE, 3
    if paged:
        root, middle = TABLES, TABLES + (1 << PAGE)
        bus.store(root + 8 * (BASE >> 30), 8, middle >> PAGE << 10 | 1)
        for table in range(SIZE >> 21):
            last = TABLES + (2 + table << PAGE)
            bus.store(middle + 8 * table, 8, last >> PAGE << 10 | 1)
            for page in range(512):
                bus.store(last + 8 * page, 8, (BASE >> PAGE) + 512 * table + page << 10 | 0xCF)
        state |= {"current_mode": 1, "satp.MODE": 8, "satp.PPN": root >> PAGE}
    return state, Surroundings(memory=bus)


def ours(engine: Engine, machine: Machine, guest: Guest, paged: bool, steps: int = 0) -> tuple[float, int, int]:
    """CPU seconds, steps and checksum of a program, or of its first `steps`."""
    state, surroundings = computer(machine, guest, paged)
    start = time.process_time()
    stop = engine.run(state, surroundings, steps or 1 << 40, frozenset(machine.code.exits))
    taken = time.process_time() - start
    x = state["X"]
    assert isinstance(x, Cells) and (steps or stop.exit is not None)
    return taken, stop.steps, x[A0]


def unicorn(guest: Guest) -> float:
    """CPU seconds of Unicorn. Raises ImportError."""
    import unicorn as emulator
    from unicorn import riscv_const

    engine: Any = emulator.Uc(emulator.UC_ARCH_RISCV, emulator.UC_MODE_RISCV64)
    engine.mem_map(BASE, SIZE)
    engine.mem_write(BASE, guest.image)
    start = time.process_time()
    engine.emu_start(BASE, guest.done)
    taken = time.process_time() - start
    assert engine.reg_read(riscv_const.UC_RISCV_REG_A0) == guest.checksum, guest.name
    return taken


def children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def system(guest: Guest) -> float:
    """CPU seconds of the system emulator, start included. Raises FileNotFoundError."""
    start = children()
    command = [EMULATOR, "-machine", "virt", "-m", "16M", "-bios", "none", "-nographic", "-kernel", str(guest.path)]
    found = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=600)
    assert found.returncode == guest.checksum & 63, (guest.name, found)
    return children() - start


def mean(values: list[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))


def described(name: str) -> Machine:
    path = shipped(name)
    assert path is not None
    return load(path, shipped=shipped)


def cold(machine: Machine) -> tuple[float, float]:
    """CPU seconds to make an engine of a specification, and to load what was made: its text is written then too."""
    start = time.process_time()
    written = Writer(Plan(machine, frozenset(machine.platform.clock))).written()
    middle = time.process_time()
    often, rare = linking.compiled(written.texts[0]), linking.compiled(written.texts[1], 0)
    end = time.process_time()
    Linked(often, rare)
    return end - start, middle - start + time.process_time() - end


class Targets:
    """Prints each target beside what was measured."""

    missed = 0

    def line(self, what: str, target: str, measured: str, good: bool) -> None:
        self.missed += not good
        print(f"  {'ok  ' if good else 'MISS'} {what}: {target} / {measured}")


def compiling(runtime: Runtime) -> Regions:
    """Regions that are compiled at once and here, so that their making counts."""
    return Regions(runtime, linking.compiled)


def run(machine: Machine, rounds: int, folder: Path) -> tuple[dict[str, list[float]], list[int]]:
    """Millions of steps a second of every engine on every program, in the order of PROGRAMS, and its steps."""
    rates: dict[str, list[float]] = {}
    lengths = list[int]()
    native = {paged: Native(machine) for paged in (False, True)}
    tiers = {paged: Native(machine, regions=compiling) for paged in (False, True)}
    for number, (name, times) in enumerate(PROGRAMS.items()):
        guest = built(name, number, times * rounds, folder)
        ours(native[False], machine, guest, False, 1000)
        taken, steps, checksum = ours(native[False], machine, guest, False)
        guest = Guest(name, guest.path, guest.image, guest.done, steps, checksum)
        lengths.append(steps)
        rates.setdefault("tier 0, bare", []).append(steps / taken / 1e6)
        ours(native[True], machine, guest, True, 1000)
        taken, again, other = ours(native[True], machine, guest, True)
        assert (again, other) == (steps - 1, checksum), name  # the power switch is not mapped
        rates.setdefault("tier 0, Sv39", []).append(steps / taken / 1e6)
        for paged, label in ((False, "tier 1, bare"), (True, "tier 1, Sv39")):
            ours(tiers[paged], machine, guest, paged, 1000)
            taken, *found = ours(tiers[paged], machine, guest, paged)
            assert found == [steps - paged, checksum], name
            rates.setdefault(label, []).append(steps / taken / 1e6)
        part = 300_000
        rates.setdefault("generated Python, Sv39", []).append(
            part / ours(Compiled(machine), machine, guest, True, part)[0] / 1e6
        )
        for peer, measure in (("Unicorn", unicorn), (EMULATOR, system)):
            try:
                rates.setdefault(peer, []).append(steps / measure(guest) / 1e6)
            except (ImportError, FileNotFoundError):
                rates.pop(peer)
        print(f"{name:8} {steps / 1e6:8.1f} M steps, checksum {checksum:#x}", flush=True)
    assert not any(e.warning or e.outside for e in (*native.values(), *tiers.values()))
    return rates, lengths


def beside(name: str, rounds: int) -> dict[str, list[float]]:
    """How many times as fast as Unicorn each tier is on each program of another machine; nothing where that cannot be measured."""
    machine = described(name)
    engines = {"tier 0": Native(machine), "tier 1": Native(machine, regions=compiling)}
    ratios: dict[str, list[float]] = {tier: [] for tier in engines}
    try:
        for program in getattr(others, name)(machine, rounds):
            peer, expected = program.peer(program)
            line = f"{name} {program.name:8}"
            for tier, engine in engines.items():
                others.ours(engine, machine, program, 1000)
                taken, steps, checksum = others.ours(engine, machine, program)
                assert checksum == expected, (name, program.name, checksum, expected)
                ratios[tier].append(peer / taken)
                line += f" {tier} {steps / taken / 1e6:8.1f}"
            print(f"{line} M steps/s, Unicorn {steps / peer / 1e6:8.1f}", flush=True)
    except (ImportError, OSError, subprocess.CalledProcessError):
        return {tier: [] for tier in engines}
    assert not any(e.warning or e.outside for e in engines.values())
    return ratios


def trapping(machine: Machine, engine: Engine) -> float:
    """Traps a second: a loop of `ecall` in user mode, whose handler counts and returns behind it."""
    lines = {i.id: i.line for i in machine.instructions if i.line}
    syntax, text = machine.decoding.syntax, (KERNELS / "traps.s").read_text()
    assembler = Assembler(lines, machine.decoding.decode, comment=syntax.comment)
    image = assembler.program(text, BASE)
    bus = Bus(Ram(BASE, SIZE, 8, False), (), 8, False, 64)
    for chunk in image.chunks:
        for k, byte in enumerate(chunk.cells):
            bus.store(chunk.address + k, 1, byte)
    state = reset(machine)
    state["PC"], state["current_mode"] = BASE, 1
    surroundings, start = Surroundings(memory=bus), time.process_time()
    engine.run(state, surroundings, TRAPS, frozenset())
    taken, x = time.process_time() - start, state["X"]
    assert isinstance(x, Cells) and x[5] > TRAPS // 8
    return x[5] / taken


def share(folder: Path, rounds: int, rates: dict[str, list[float]], steps: list[int]) -> list[float]:
    """What share of the speed of the same programs, made for the host, tier 1 under page tables has. Raises OSError or CalledProcessError."""
    found = list[float]()
    for number, (name, times) in enumerate(PROGRAMS.items()):
        path = folder / f"{name}.native"
        source = f'#include <stdio.h>\n#include "{KERNELS / "kernels.c"}"\nint main() {{ return kernel() & 0; }}\n'
        command = ["gcc", "-O2", "-w", "-fno-tree-loop-distribute-patterns", f"-DKERNEL={number}"]
        command += [f"-DN={times * rounds}", "-x", "c", "-", "-o", str(path)]
        subprocess.run(command, input=source.encode(), check=True, capture_output=True)
        start = children()
        subprocess.run([str(path)], check=True)
        taken = children() - start
        found.append(rates["tier 1, Sv39"][number] * 1e6 * taken / steps[number])
    return found


def targets(rates: dict[str, list[float]], found: dict[str, dict[str, list[float]]], shares: list[float]) -> int:
    """Print the targets; how many were missed. `found` are the ratios to Unicorn on other machines, by tier."""
    told = Targets()

    def against(what: str, row: str, peer: str, factor: float, worst: float = 0) -> None:
        if peer not in rates:
            told.line(what, f"{factor:g} times {peer}", f"{peer} is not installed", False)
            return
        ratios = [one / other for one, other in zip(rates[row], rates[peer], strict=True)]
        measured = f"{mean(ratios):.2f} times {peer}, worst {min(ratios):.2f}"
        target = f"at least {factor:g} times {peer}" + (f", none below {worst:g}" if worst else "")
        told.line(what, target, measured, mean(ratios) >= factor and min(ratios) >= worst)

    against("tier 0, riscv64 with Sv39", "tier 0, Sv39", "Unicorn", 3)
    against("tier 1, riscv64 with Sv39", "tier 1, Sv39", EMULATOR, 1.2, 0.8)
    for name, tiers in found.items():
        for (tier, times), least in zip(tiers.items(), (1, 3), strict=True):
            measured = "no compiler, or no Unicorn"
            if times:
                measured = f"{mean(times):.2f} times Unicorn, worst {min(times):.2f}"
            good = bool(times) and mean(times) >= least
            told.line(f"{tier}, {name}", f"at least {least} times Unicorn", measured, good)
    measured = f"{mean(shares):.2f}, worst {min(shares):.2f}" if shares else "no gcc"
    told.line("tier 1, share of native code by gcc -O2", "at least 0.2", measured, bool(shares) and mean(shares) >= 0.2)
    told.line("a page-table-heavy kernel", "as above", "there is no program for it here yet", False)
    for name in ("riscv64", "i386", "m68000"):
        made, linked = cold(described(name))
        told.line(f"cold build of {name}", "at most 3 s", f"{made:.2f} s", made <= 3)
        told.line(f"cached load of {name}", "at most 0.15 s", f"{linked:.3f} s", linked <= 0.15)
    return told.missed


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=50, help="times as long as the shortest run")
    rounds = parser.parse_args().rounds
    machine = described("riscv64")
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    try:
        print(linking.version().partition("+")[0])
    except Unavailable as error:
        print(f"  MISS every target: {error}")
        return 1
    if shutil.which(COMPILER) is None:
        print(f"  MISS every target: {COMPILER} is not installed")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        rates, steps = run(machine, rounds, Path(folder))
        try:
            shares = share(Path(folder), rounds, rates, steps)
        except (OSError, subprocess.CalledProcessError):
            shares = []
    print(f"\n{'M steps/s':24}" + "".join(f"{name:>9}" for name in PROGRAMS) + f"{'mean':>9}")
    for name, found in rates.items():
        print(f"{name:24}" + "".join(f"{rate:9.1f}" for rate in found) + f"{mean(found):9.1f}")
    for engine in (Native(machine), Compiled(machine)):
        trapping(machine, engine)
        print(f"{type(engine).__name__:24}{trapping(machine, engine):9.0f} traps/s")
    ratios = {name: beside(name, rounds) for name in ("i386", "m68000")}
    print("\ntarget / measured")
    return 1 if targets(rates, ratios, shares) else 0


if __name__ == "__main__":
    sys.exit(main())
