"""How fast campaigns are: cases a second and core, natively in batches, as Hypothesis delivers them and the plain way, and the targets.

    python bench/campaign.py [SPECIFICATION ...] [--cases N] [--million]

A case runs on both machines and is compared. Those of a batch that native code does not run to the end on both, or that the specification leaves
open, do not count. Seconds are of this process's processor time. On machines with shadow page tables the plain way is measured with the host audited after every
exit (SH1) as well. The peer is a loop around Unicorn: registers and memory set, 30 instructions, registers read; one machine, nothing compared.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence

from hypothesis import HealthCheck, given, settings

from pgcheck.checker.campaign import strategies
from pgcheck.checker.campaign.batches.share import LIKE, Met, Share
from pgcheck.checker.campaign.cases.case import TAPE, Author, Case
from pgcheck.checker.campaign.cases.tape import counted
from pgcheck.checker.campaign.pairs.outcome import Ground
from pgcheck.checker.campaign.properties.eq2 import eq2
from pgcheck.checker.campaign.properties.sh1 import Audited
from pgcheck.checker.verdicts.policy import NoMonitor
from pgcheck.models.native.linking import Unavailable
from pgcheck.running import finding
from pgcheck.vmm.audit import Auditor
from pgcheck.vmm.kind import kinds

TARGETS = {"riscv64": 50_000, "pg74": 50_000, "m68010": 20_000, "i386": 20_000}
PEER, DELIVERED, FLAT = 3.0, 20_000, 1024
"""Times the peer, cases a second through Hypothesis, and KiB that a million cases may add."""
SHAPES = 24
Line = Callable[[str, float, float, str], None]


class Counter:
    """Runs cases and counts what they amount to; with `audited` the shadow tables are looked at after every exit."""

    def __init__(self, author: Author, *, audited: bool) -> None:
        self.ground = Ground(author)
        self.audited = audited
        self.steps: list[int] = []
        self.exits: list[int] = []

    def __call__(self, case: Case) -> None:
        pair = self.ground.pair(case)
        engine = pair.host.engine
        with pair.hosted_by(Audited(engine, Auditor(pair.vmm)) if self.audited else engine):
            eq2(self.ground, (case,), None)
        statistics_ = pair.guests[0].monitor.statistics
        self.steps.append(pair.bare.clock)
        self.exits.append(sum(statistics_.interventions.values()) + statistics_.misses)


def plain(author: Author, cases: int, *, audited: bool) -> str:
    """Counter-based tapes, one after the other."""
    count = Counter(author, audited=audited)
    for number in range(-cases // 4, 0):
        count(author.cases(counted("warm", number + cases, TAPE), 1)[0])
    count.steps.clear()
    count.exits.clear()
    start = time.process_time()
    for number in range(cases):
        count(author.cases(counted("bench", number, TAPE), 1)[0])
    seconds = time.process_time() - start
    steps, exits = statistics.median(count.steps), statistics.median(count.exits)
    return f"{cases / seconds:9.0f} cases/s  median {steps:.0f} steps, {exits:.0f} exits"


def batches(share: Share) -> tuple[float, str]:
    """Batches as a campaign has them, drawn cases and all: cases a second, and what they amount to."""
    for number in range(SHAPES // 4):
        list(share.run(f"warm {number}", LIKE, Met()))
    met, start = Met(), time.process_time()
    for number in range(SHAPES):
        list(share.run(f"bench {number}", LIKE, met))
    rate = met.compared / (time.process_time() - start)
    events = {name: met.events[name] / max(1, met.compared) for name in ("direct", "exit")}
    shown = f"{met.steps / max(1, met.compared):.1f} steps, {events['exit']:.1f} exits a case"
    return rate, f"{rate:9.0f} cases/s  {shown}; {100 * met.aside / met.cases:.0f} % not run there"


def delivered(share: Share) -> float:
    """Cases a second where Hypothesis draws the shapes and seeds."""
    before = share.counts()["compared"]

    @settings(
        max_examples=SHAPES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(strategies.shapes())
    def like(shape: tuple[bytes, int]) -> None:
        share.first(*shape)

    start = time.process_time()
    like()
    return (share.counts()["compared"] - before) / (time.process_time() - start)


def unicorn(share: Share, cases: int = 4000) -> float:
    """Cases a second of a loop around Unicorn, over the same encodings. Raises ImportError."""
    import importlib

    emulator, riscv_const = (importlib.import_module(n) for n in ("unicorn", "unicorn.riscv_const"))

    machine = emulator.Uc(emulator.UC_ARCH_RISCV, emulator.UC_MODE_RISCV64)
    base, size = 0x8000_0000, 1 << 16
    machine.mem_map(base, size)
    numbers = [getattr(riscv_const, f"UC_RISCV_REG_X{k}") for k in range(1, 32)]
    form = share.batches.variants.form
    choices, zeros = form.programs[1].choices, bytes(4096)
    programs = [
        b"".join(form.entries[choices[(31 * case + 7 * k) % len(choices)]] for k in range(30)) for case in range(256)
    ]
    values = [form.values[k] for k in range(31)]
    start = time.process_time()
    for case in range(cases):
        machine.mem_write(base + 4096, zeros)
        machine.mem_write(base, programs[case % 256])
        machine.reg_write_batch(list(zip(numbers, values, strict=True)))
        try:
            machine.emu_start(base, base + 120, count=30)
        except emulator.UcError:
            pass
        machine.reg_read_batch(numbers)
    return cases / (time.process_time() - start)


def flat(share: Share) -> int:
    """KiB that a million cases add to the memory of this process."""
    cases = 0
    for number in range(40):
        share.first(counted("memory", number, TAPE), number)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = share.counts()["cases"]
    while cases < 1_000_000:
        share.first(counted("memory", cases % 40, TAPE), cases)
        cases = share.counts()["cases"] - start
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before


def author(name: str) -> Author:
    """The decoder under the policy of the first kind of monitor that the specification's check promises, or by force under the first."""
    machine = finding.loaded(name)
    for kind in kinds():
        try:
            return Author(machine, strategies.policy_of(machine, kind))
        except NoMonitor:
            continue
    return Author(machine, strategies.policy_of(machine, next(iter(kinds())), force=True))


def measured(name: str, cases: int, line: Line) -> Share | None:
    """Measure one specification; its batches."""
    chosen = author(name)
    try:
        share = Share(chosen)
    except Unavailable as error:
        print(f"{name:12} {error}")
        line(f"{name} in batches", TARGETS.get(name, 0), 0, "cases/s")
        return None
    rate, shown = batches(share)
    print(f"{name:12} batches    {shown}", flush=True)
    through = delivered(share)
    print(f"{name:12} Hypothesis {through:9.0f} cases/s", flush=True)
    for audited in (False, True) if chosen.tables is not None else (False,):
        print(f"{name:12} plain{' SH1 ' if audited else '     '} {plain(chosen, cases, audited=audited)}", flush=True)
    if name in TARGETS:
        line(f"{name} in batches, two machines compared", TARGETS[name], rate, "cases/s")
    if name == "riscv64":
        line(f"{name} delivered through Hypothesis", DELIVERED, through, "cases/s")
        try:
            peer = unicorn(share)
            line(f"{name} over a loop around Unicorn ({peer:.0f} cases/s)", PEER, rate / peer, "times")
        except ImportError:
            line(f"{name} over a loop around Unicorn, which is not installed", PEER, 0, "times")
    return share


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("specifications", nargs="*", default=list(TARGETS))
    parser.add_argument("--cases", type=int, default=200, help="cases the plain way")
    parser.add_argument("--million", action="store_true", help="whether a million cases add to memory")
    asked = parser.parse_args(arguments)
    lines: list[tuple[bool, str]] = []

    def line(what: str, target: float, value: float, unit: str) -> None:
        good = value >= target
        shown = f"at least {target:g} {unit} / {value:.1f} {unit}"
        lines.append((good, f"  {'ok  ' if good else 'MISS'} {what}: {shown}"))

    shares = [share for name in asked.specifications if (share := measured(name, asked.cases, line)) is not None]
    if asked.million and shares:
        grown = flat(shares[0])
        what = f"  {'ok  ' if grown <= FLAT else 'MISS'} memory that a million cases add"
        lines.append((grown <= FLAT, f"{what}: at most {FLAT} KiB / {grown} KiB"))
    print("\ntarget / measured")
    for _, text in lines:
        print(text)
    return 0 if lines and all(good for good, _ in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
