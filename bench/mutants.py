"""The mutation score: known bugs and listed faults, put into this checker and its monitor, and who kills them.

    python bench/mutants.py [ID...] [--seeds N] [--room ROOM...] [--without-bugs | --without-faults] [--kept FILE]
    python bench/mutants.py --generated N [--seed S] [--module M...]

B and C are bugs of tests/data/bugs.yaml: killed as a fault is, or when a property fails on every seed, and the failing case fails again with
the mutant and passes without; cases are the median of the seeds. F and K are faults of tests/data/faults.yaml: killed when what a user runs gives another
answer, or a test fails, which passes without the fault. The score counts them by room and by who kills. The exit code is 1 when one survives.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.mutants.generated import Generated, sample  # noqa: E402  # a bare checkout runs without installation
from tests.mutants.kept import Kept, digest  # noqa: E402
from tests.mutants.killers import SECONDS, WHO, Tried, tried, who  # noqa: E402
from tests.mutants.mutant import MECHANISMS, Mutant, bugs, function_of, identifiers, missing, mutant  # noqa: E402
from tests.mutants.planted import ROOMS, Fault, faults, listed  # noqa: E402
from tests.mutants.properties import PROPERTIES  # noqa: E402
from tests.mutants.trial import Kill, trial  # noqa: E402

# What ought to notice a change of a module, the quickest first.
GENERATED = {
    "pgcheck.vmm.monitor": (
        "EF1 pg74", "EQ2 pg74", "EQ2 riscv64", "EF1 riscv64 on the processor", "EQ2 m68010", "EQ2 pdp10-ka10",
        "IR1 riscv64 system",
    ),
    "pgcheck.vmm.world": ("EQ2 pg74", "EQ2 riscv64", "EQ2 pdp10-ka10", "RC1 riscv64", "EQ2 pg74 next to a guest"),
    "pgcheck.vmm.paging.shadow": (
        "SH1 riscv64 maps", "SH1 riscv64 maps with few tables", "EF1 riscv64 on the processor", "SH1 riscv64", "SH1 riscv64 in M maps",
    ),
    "pgcheck.vmm.guest_memory": ("ISO2 guest memory", "SH1 riscv64 maps", "EQ2 riscv64"),
    "pgcheck.vmm.translate": ("SH1 riscv64 maps", "EQ2 riscv64", "EQ2 pg74", "EF1 pg74"),
    "pgcheck.vmm.schemes.bounds": ("EF1 pg74 extents", "EF1 pg74", "EQ2 pg74", "SH1 pg74", "ISO3 pg74 recycled"),
    "pgcheck.vmm.schemes.external": ("EQ2 m68010", "EQ2 pdp10-ka10", "ISO2 m68010"),
    "pgcheck.vmm.allocator": ("ISO3 pg74 recycled", "SH1 riscv64 maps with few tables"),
    "pgcheck.vmm.tlb": ("SH2 riscv64", "SH1 riscv64 maps"),
    "pgcheck.vmm.vmm": ("ISO3 pg74 recycled", "RC2 pg74 scheduled", "ISO3 riscv64 recycled", "ISO1 riscv64", "EQ2 pg74"),
    "pgcheck.models.devices.console": ("DV2 console",),
    "pgcheck.models.devices.interrupt_controller": ("DV2 interrupt controller",),
    "pgcheck.models.devices.timer": ("DV2 timer",),
    "pgcheck.models.devices.ticker": ("DV2 ticker",),
    "pgcheck.models.devices.disk": ("DV2 disk",),
    "pgcheck.models.devices.virtqueue": ("DV2 disk",),
    "pgcheck.models.devices.backing": ("DV2 file", "DV2 disk"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one: who killed it, by what, in how many cases and seconds; without a killer it survives, or is proved equivalent."""

    id: str
    room: str
    shown: str
    killer: str = ""
    cases: float = 1
    seconds: float = 0.0
    equivalent: bool = False

    @property
    def fate(self) -> str:
        return who(self.killer) if self.killer else "equivalent" if self.equivalent else "survives"

    def __str__(self) -> str:
        by = self.killer or self.fate.upper()
        return f"{self.id:<4} {self.room:<8} {self.fate:<13} {by:<70} {self.cases:>6g} {self.seconds:>7.1f}  {self.shown[:110]}"


def patch(one: Mutant | Generated) -> Callable[[], None]:
    """The means to break a process, made now: the sources may change while others are tried."""
    code, function = one.code(), function_of(one.target)
    return lambda: setattr(function, "__code__", code)


def of_bugs(names: Sequence[str], seeds: int, kept: Kept) -> Iterator[Result]:
    """What becomes of bugs of the corpus."""
    chosen = [(name, mutant(name)) for name in names]
    for name, one, apply in [(name, one, patch(one)) for name, one in chosen]:
        key = digest(one, seeds)
        if key not in kept.found:
            kept.add(key, asdict(_of_bug(name, one, apply, seeds)))
        yield Result(**kept.found[key])


def _of_bug(name: str, one: Mutant, apply: Callable[[], None], seeds: int) -> Result:
    room = one.target.split(".")[1]
    noticed = of_fault(Fault(name, room, one.target, one.edits, one.noticed))
    if noticed.killer:
        return noticed
    found = trial(apply, one.by, seeds, seconds=SECONDS)
    if isinstance(found, Kill):
        return Result(name, room, found.failure, found.property, found.cases, found.seconds)
    return Result(name, room, found.why)


def of_faults(chosen: Sequence[Fault], kept: Kept) -> Iterator[Result]:
    """What becomes of listed faults."""
    for fault in chosen:
        key = digest(fault)
        if key not in kept.found:
            kept.add(key, asdict(of_fault(fault)))
        yield Result(**kept.found[key])


@cache
def without(killer: str) -> Tried:
    """What a killer comes to where nothing is wrong."""
    return tried(killer)


def of_fault(fault: Fault) -> Result:
    """What becomes of a listed fault."""
    if fault.equivalent:
        proof = without(fault.equivalent)
        passes = not (proof.failed or proof.lost)
        return Result(fault.id, fault.room, proof.shown, seconds=proof.seconds, equivalent=passes)
    reasons = []
    for killer in fault.by:
        if killer in PROPERTIES:
            PROPERTIES[killer].prepare()
        found = tried(killer, fault)
        if found.failed and not (clean := without(killer)).failed and not clean.lost:
            return Result(fault.id, fault.room, found.shown, killer, 1, found.seconds)
        why = "fails without it as well" if found.failed else found.shown if found.lost else "passes"
        reasons.append(f"{killer}: {why[-200:]}")
    return Result(fault.id, fault.room, "; ".join(reasons))


def score(results: Sequence[Result]) -> None:
    """The table of who kills how many, by room."""
    fates = [*WHO, "equivalent", "survives"]
    print(f"\n{'':<9}" + "".join(f"{fate:>14}" for fate in fates))
    for room in (*ROOMS, "all"):
        counts = Counter(r.fate for r in results if room in (r.room, "all"))
        print(f"{room:<9}" + "".join(f"{counts[fate]:>14}" for fate in fates))
    alive = [r for r in results if r.fate != "equivalent"]
    killed = [r for r in alive if r.killer]
    used = [r for r in killed if r.fate != "suite"]
    print(
        f"\n{len(killed)} of {len(alive)} killed, {len(used)} by what a user runs, and {len(results) - len(alive)} proved equivalent."
    )


def told() -> None:
    """What has no mutant, and why."""
    print("\nNot applicable, and what is missing:")
    titles = {**{n: b["title"] for n, b in bugs().items()}, **{n: row["title"] for n, row in listed().items()}}
    for name, reason in missing().items():
        print(f"{name:<5} {titles[name]}: {reason}")
    apart = Counter(b["mechanism"] for b in bugs().values() if b["mechanism"] not in MECHANISMS)
    print(
        "Of mechanisms that are not built: " + ", ".join(f"{n} {mechanism}" for mechanism, n in sorted(apart.items()))
    )


def generated(count: int, seed: int, modules: list[str]) -> None:
    """Try a sample of mutants that nobody listed."""
    wanted = {m: p for m, p in GENERATED.items() if not modules or any(m.endswith(n) for n in modules)}
    tried = sample(list(wanted), count, seed)
    fates = Counter[str]()
    by = Counter[str]()
    for one, apply in [(one, patch(one)) for one in tried]:
        properties = wanted[one.target.partition(":")[0]]
        quick = properties[0].startswith("DV2")
        found = trial(apply, properties, 1, 0 if quick else 40, 12.0)
        if isinstance(found, Kill):
            fates["killed"] += 1
            by[found.property] += 1
            continue
        came = [r.partition(": ")[2] for r in found.why.split("; ")]
        fate = (
            "survived"
            if any(r.startswith("passes") for r in came)
            else "had no end"
            if "no end" in found.why
            else "broke the harness"
        )
        fates[fate] += 1
        print(
            f"{fate:<18} {one}  {'; '.join(dict.fromkeys(r for r in came if not r.startswith('passes')))[:160]}",
            flush=True,
        )
    print(f"\n{len(tried)} generated mutants: " + ", ".join(f"{n} {fate}" for fate, n in fates.most_common()))
    print("killed by: " + ", ".join(f"{name} {n}" for name, n in by.most_common()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ids", nargs="*", metavar="ID")
    parser.add_argument("--seeds", type=int, default=3, help="how often a property must kill a bug (default 3)")
    parser.add_argument("--room", action="append", choices=ROOMS, help="faults and bugs of these rooms only")
    parser.add_argument("--without-bugs", action="store_true", help="the faults of tests/data/faults.yaml alone")
    parser.add_argument("--without-faults", action="store_true", help="the bugs of tests/data/bugs.yaml alone")
    parser.add_argument("--kept", type=Path, metavar="FILE", help="take results from there, and add those that are new")
    parser.add_argument("--generated", type=int, metavar="N", help="try N mutants that nobody listed")
    parser.add_argument("--seed", type=int, default=0, help="which of them")
    parser.add_argument("--module", action="append", default=[], help="from these modules only (the end of the name)")
    options = parser.parse_args()
    started = time.monotonic()
    known = faults()
    assert PROPERTIES, "imported before anything is tried, for every child to have"
    if unknown := [i for i in options.ids if i not in (*identifiers(), *known)]:
        parser.error(f"no mutant {', '.join(unknown)}")
    if options.generated is not None:
        generated(options.generated, options.seed, options.module)
        print(f"{time.monotonic() - started:.0f} s")
        return 0
    asked = options.ids or [*known, *identifiers()]
    rooms = options.room or ROOMS
    chosen = [known[i] for i in asked if i in known and not options.without_faults and known[i].room in rooms]
    old = [i for i in asked if i not in known and not options.without_bugs]
    old = [i for i in old if mutant(i).target.split(".")[1] in rooms]
    print(f"{'id':<4} {'room':<8} {'who':<13} {'by':<70} {'cases':>6} {'seconds':>7}  what it shows")
    results: list[Result] = []
    kept = Kept(options.kept)
    for source in (of_faults(chosen, kept), of_bugs(old, options.seeds, kept)):
        for result in source:
            results.append(result)
            print(result, flush=True)
    score(results)
    if not options.ids:
        told()
    print(f"{time.monotonic() - started:.0f} s")
    return 1 if any(r.fate == "survives" for r in results) else 0


if __name__ == "__main__":
    sys.exit(main())
