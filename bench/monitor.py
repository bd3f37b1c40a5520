"""What a monitor costs, beside the targets of the issue: exits handled, interventions, fairness, recursion.

    python bench/monitor.py [--exits N] [--profile]

Rates are of CPU time of one core. Run it on an idle machine: the load before the run is printed, and a figure taken under load is none. What is measured on
native code stands beside the same on generated Python; a target that is missed is a MISS, and ends the bench with 1.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pgcheck.checker.check import Options, check, solver_for  # noqa: E402  # a bare checkout runs without installation
from pgcheck.checker.solving.evidence import Evidence  # noqa: E402
from pgcheck.checker.verdicts.policy import policy  # noqa: E402
from pgcheck.isa.encoding.assembly import Assembler, Image  # noqa: E402
from pgcheck.isa.machine.build import load  # noqa: E402
from pgcheck.isa.machine.machine import Machine  # noqa: E402
from pgcheck.models.computer.computer import Computer  # noqa: E402
from pgcheck.models.engine import Engine  # noqa: E402
from pgcheck.models.generated.compiled import Compiled  # noqa: E402
from pgcheck.models.memory import Ram  # noqa: E402
from pgcheck.models.native.engine import Native  # noqa: E402
from pgcheck.models.state import Cells  # noqa: E402
from pgcheck.shipped import shipped  # noqa: E402
from pgcheck.vmm.policy import Policy  # noqa: E402
from pgcheck.vmm.statistics import Statistics  # noqa: E402
from pgcheck.vmm.vmm import Guest, Vmm, kept  # noqa: E402

EXITS, FAIR, DEPTH = 50_000, 0.02, 3
PAGE, PAGES, TABLES = 1 << 12, 8000, 96

# Each turn of the loop is one control-register write, one shadow miss and one trap that the guest takes itself.
MIX = """
        csrrw zero, stvec, s1
loop:   csrrw zero, sscratch, t0
        sd t0, 0(s0)
        add s0, s0, s2
        .word 0
"""
# A supervisor that serves calls of a user program; what is sensitive in it, and how often a turn executes it.
SERVICE = """
        csrrw zero, stvec, s1
        csrrw zero, sepc, s2
        csrrw zero, sstatus, zero
        sret
loop:   csrrs t1, sepc, zero
        addi t1, t1, 4
        csrrw zero, sepc, t1
        csrrs t2, scause, zero
        csrrs t2, time, zero
        sret
user:   addi a0, a0, 1
        xor a1, a1, a0
        mul a2, a1, a0
        ecall
        jal zero, user
"""
COMPUTE = """
loop:   addi a0, a0, 1
        xor a1, a1, a0
        mul a2, a1, a0
        sd a2, 0(s0)
        ld a3, 0(s0)
        jal zero, loop
"""
WRITES = """
loop:   csrrw zero, sscratch, t0
        jal zero, loop
"""
MISSES = """
loop:   sd t0, 0(s0)
        add s0, s0, s2
        jal zero, loop
"""
BEFORE = {"csrrw:stvec": 1, "csrrw:sepc": 1, "csrrw:sstatus": 1, "sret": 1}
EACH = {"csrrs:sepc": 1, "csrrw:sepc": 1, "csrrs:scause": 1, "csrrs:time": 1, "sret": 1}
INNOCUOUS = frozenset({"addi", "xor", "mul", "jal"})
KERNEL, TURN = 4, 11


@dataclass(frozen=True)
class Bench:
    """riscv64 with the policy that its check promises, and the engine of its processor."""

    machine: Machine
    rules: Policy
    engine: Callable[[Machine], Engine] = Compiled

    @property
    def own(self) -> int:
        """How many frames of its host's a monitor keeps for itself."""
        return kept(self.machine, self.rules)

    def program(self, text: str) -> Image:
        machine = self.machine
        lines = {i.id: i.line for i in machine.instructions if i.line}
        assembler = Assembler(
            lines,
            machine.decoding.decode,
            comment=machine.decoding.syntax.comment,
            csr_names=machine.decoding.csr_names,
        )
        return assembler.program(text, machine.platform.ram_base)

    def computer(self, size: int) -> Computer:
        machine = self.machine
        ram = Ram(machine.platform.ram_base, size, machine.state.memory_unit, machine.state.big_endian)
        return Computer(machine, self.engine(machine), ram)

    def start(self, computer: Computer, text: str, **registers: int) -> Image:
        """Load a program; `registers` are x0 to x31."""
        found, base = self.program(text), self.machine.platform.ram_base
        for chunk in found.chunks:
            for k, unit in enumerate(chunk.cells):
                computer.bus.store(chunk.address + k, 1, unit)
        computer.state[self.machine.state.pc] = base
        array = computer.state["X"]
        assert isinstance(array, Cells)
        array.update({int(name[1:]): value for name, value in registers.items()})
        return found

    def guest(self, size: int) -> Guest:
        return Vmm(self.computer(size + (TABLES + 1 + self.own) * PAGE), self.rules).guest("guest", size)

    def service(self, computer: Computer) -> None:
        symbols = self.program(SERVICE).symbols
        self.start(computer, SERVICE, x9=symbols["loop"], x18=symbols["user"])


def made() -> Bench:
    path = shipped("riscv64")
    assert path is not None
    machine = load(path, shipped=shipped)
    options = Options(jobs=os.cpu_count() or 1)
    found = check(machine, options).main
    solver = solver_for(options)
    try:
        return Bench(machine, policy(machine, found, Evidence(solver, False)))
    finally:
        solver.close()


def handled(statistics: Statistics) -> int:
    return sum(statistics.interventions.values()) + statistics.misses


missed: list[str] = []


def line(name: str, figure: str, target: str, reached: bool) -> None:
    print(f"  {'ok  ' if reached else 'MISS'} {name}: {target} / {figure}", flush=True)
    if not reached:
        missed.append(name)


def _kinds(found: Statistics) -> dict[str, int]:
    return {"emulated": found.count("emulated"), "reflected": found.count("reflected"), "miss": found.misses}


def exits(bench: Bench, count: int) -> None:
    """An equal mix of the three kinds of exit; every turn reaches a page that the guest has not touched."""
    turns, spent = count // 3, 0.0
    kinds: Counter[str] = Counter()
    guest = bench.guest((PAGES + 4) * PAGE)
    found = guest.monitor.statistics
    while turns:
        number = min(PAGES, turns)
        turns -= number
        guest.monitor.mmu.forget()
        loop = bench.program(MIX).symbols["loop"]
        bench.start(guest.computer, MIX, x5=1, x8=bench.machine.platform.ram_base + PAGE, x9=loop, x18=PAGE)
        guest.computer.run(1)
        kinds.subtract(_kinds(found))
        began = time.process_time()
        guest.computer.run(4 * number)
        spent += time.process_time() - began
        kinds.update(_kinds(found))
    rate = sum(kinds.values()) / spent
    print(f"  {dict(kinds)} in {spent:.2f} s of CPU time")
    line("exits handled per second, equal mix", f"{rate:,.0f}", "at least 50,000", rate >= 50_000)


def interventions(bench: Bench) -> None:
    """EF1: sensitive instructions as often as the bare machine executes them, innocuous ones never."""
    turns = 200
    guest = bench.guest(16 * PAGE)
    bench.service(guest.computer)
    guest.computer.run(KERNEL + TURN * turns)
    found = {i: n for (i, why), n in guest.monitor.statistics.interventions.items() if why == "emulated"}
    expected = Counter(BEFORE)
    for name, number in EACH.items():
        expected[name] += number * turns
    innocuous = sum(n for (i, _), n in guest.monitor.statistics.interventions.items() if i in INNOCUOUS)
    line("interventions on innocuous instructions", str(innocuous), "exactly 0", innocuous == 0)
    total = sum(expected.values())
    line(
        "interventions on sensitive instructions", str(sum(found.values())), f"exactly {total}", found == dict(expected)
    )
    print(f"  of these, csrrs:time {found.get('csrrs:time', 0)} times only because the configuration makes it trap")


def fairness(bench: Bench) -> None:
    """Guests with different work share the steps at every multiple of ten quanta."""
    worst = 0.0
    for count in range(1, 9):
        vmm = Vmm(bench.computer((count * (16 + TABLES) + 1 + bench.own) * PAGE), bench.rules)
        for number in range(count):
            guest = vmm.guest(f"guest {number}", 16 * PAGE)
            if number % 2:
                bench.start(guest.computer, "loop: jal zero, loop\n")
            else:
                bench.service(guest.computer)
        for _ in range(3):
            list(vmm.run(1000, 100))
            share = sum(g.used for g in vmm.guests) / count
            worst = max([worst, *(abs(g.used - share) / share for g in vmm.guests)])
    line("1 to 8 guests, largest distance from a fair share", f"{100 * worst:.2f} %", "at most 2 %", worst <= FAIR)


def recursion(bench: Bench) -> None:
    """What the lowest monitor does for the same program, with one to DEPTH monitors on each other."""
    counts = []
    for depth in range(1, DEPTH + 1):
        top, guests = bench.computer((16 + depth * (TABLES + 1 + bench.own)) * PAGE), list[Guest]()
        for level in range(depth - 1, -1, -1):
            guests.append(Vmm(top, bench.rules).guest("guest", (16 + level * (TABLES + 1 + bench.own)) * PAGE))
            top = guests[-1].computer
        bench.service(top)
        top.run(2000)
        counts.append(handled(guests[0].monitor.statistics))
    factor = max(after / before for before, after in zip(counts, counts[1:], strict=False))
    print(f"interventions of the lowest of 1 to {DEPTH} monitors: {counts}, at most {factor:.3f} times more per level")


def spent(act: Callable[[], object]) -> float:
    """Seconds of CPU time."""
    began = time.process_time()
    act()
    return time.process_time() - began


def compute(bench: Bench, steps: int) -> float:
    """The speed of a guest that computes, as a share of the bare machine's: the median of five, taken in turns."""
    base, ratios = bench.machine.platform.ram_base, list[float]()
    bare, guest = bench.computer(16 * PAGE), bench.guest(16 * PAGE).computer
    for one in (bare, guest):
        bench.start(one, COMPUTE, x8=base + PAGE)
        one.run(20_000)
    for _ in range(5):
        ratios.append(spent(lambda: bare.run(steps)) / spent(lambda: guest.run(steps)))
    return sorted(ratios)[2]


def rates(bench: Bench, count: int) -> dict[str, float]:
    """Control-register writes and shadow misses a second, and microseconds of a turn between two guests and of a call that a guest's kernel serves."""
    base, found = bench.machine.platform.ram_base, dict[str, float]()
    guest = bench.guest(16 * PAGE)
    bench.start(guest.computer, WRITES, x5=1)
    guest.computer.run(1000)
    found["emulated exits"] = count / spent(lambda: guest.computer.run(2 * count))
    guest = bench.guest((PAGES + 4) * PAGE)
    bench.start(guest.computer, MISSES, x8=base + PAGE, x18=PAGE)
    guest.computer.run(300)
    before = guest.monitor.statistics.misses
    seconds = spent(lambda: guest.computer.run(3 * min(count, PAGES - 200)))
    found["shadow misses"] = (guest.monitor.statistics.misses - before) / seconds
    vmm = Vmm(bench.computer((2 * (16 + TABLES) + 1 + bench.own) * PAGE), bench.rules)
    for name in ("one", "other"):
        bench.start(vmm.guest(name, 16 * PAGE).computer, COMPUTE, x8=base + PAGE)
    list(vmm.run(100, 1))
    found["world switch"] = spent(lambda: list(vmm.run(count // 10, 1))) / (2 * (count // 10)) * 1e6
    calls, served = dict[bool, float](), bench.guest(16 * PAGE)
    for virtual in (False, True):
        one = served.computer if virtual else bench.computer(16 * PAGE)
        bench.service(one)
        one.run(KERNEL + 100 * TURN)
        calls[virtual] = spent(partial(one.run, TURN * (count // 10))) / (count // 10) * 1e6
    statistics = served.monitor.statistics
    found["compiled"] = statistics.compiled / sum(statistics.interventions.values())
    found["call"], found["call, ratio"] = calls[True], calls[True] / calls[False]
    return found


def targets(bench: Bench, count: int) -> None:
    """What the monitor comes to with native code on both sides; generated Python beside it."""
    native, generated = replace(bench, engine=Native), rates(bench, count)
    share, found = compute(native, 50_000_000), rates(native, count)
    beside = f"generated Python {compute(bench, 300_000):.2f}"
    line("compute-bound guest / bare", f"{share:.2f}; {beside}", "at least 0.97", share >= 0.97)
    for what, target in (("emulated exits", 1_000_000), ("shadow misses", 500_000)):
        figure = f"{found[what]:,.0f}; generated Python {generated[what]:,.0f}"
        line(f"{what} a second", figure, f"at least {target:,}", found[what] >= target)
    for what, most in (("world switch", 1.0), ("call", 1.5)):
        figure = f"{found[what]:.1f} us; generated Python {generated[what]:.1f} us"
        line(what, figure, f"at most {most} us", found[what] <= most)
    print(f"  a call takes {found['call, ratio']:.1f} times as long as on the bare machine")
    print(
        f"  of the interventions of calls native code made {100 * found['compiled']:.1f} % without asking; of shadow misses none"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exits", type=int, default=EXITS, metavar="N", help=f"default: {EXITS}")
    parser.add_argument("--profile", action="store_true", help="where the time of an exit goes")
    asked = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    bench = made()
    measures = (
        partial(targets, count=asked.exits // 2),
        partial(exits, count=asked.exits),
        interventions,
        fairness,
        recursion,
    )
    print("target / measured")
    for measure in measures:
        if asked.profile:
            profiled(measure, bench)
        else:
            measure(bench)
    return 1 if missed else 0


def profiled(measure: Callable[[Bench], None], bench: Bench) -> None:
    with cProfile.Profile() as profile:
        measure(bench)
    pstats.Stats(profile).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    sys.exit(main())
