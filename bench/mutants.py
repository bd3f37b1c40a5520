"""The mutation score: every bug of tests/data/bugs.yaml that this monitor can have, put back, and the property that kills it.

    python bench/mutants.py [ID...] [--seeds N]
    python bench/mutants.py --generated N [--seed S] [--module M...]

A mutant is killed when a property fails on every seed, and the failing case fails again with the mutant and passes without. Cases are
the median of the seeds. The exit code is 1 when a listed mutant survives.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.mutants.generated import Generated, sample  # noqa: E402  # a bare checkout runs without installation
from tests.mutants.mutant import MECHANISMS, Mutant, bugs, function_of, identifiers, missing, mutant  # noqa: E402
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
    "pgcheck.models.devices.console": ("DV1 console",),
    "pgcheck.models.devices.interrupt_controller": ("DV1 interrupt controller",),
    "pgcheck.models.devices.timer": ("DV1 timer",),
    "pgcheck.models.devices.ticker": ("DV1 ticker",),
    "pgcheck.models.devices.disk": ("DV1 disk",),
    "pgcheck.models.devices.virtqueue": ("DV1 disk",),
    "pgcheck.models.devices.backing": ("DV1 file", "DV1 disk"),
}  # fmt: skip


def patch(one: Mutant | Generated) -> Callable[[], None]:
    """The means to break a process, made now: the sources may change while others are tried."""
    code, function = one.code(), function_of(one.target)
    return lambda: setattr(function, "__code__", code)


def listed(names: list[str], seeds: int) -> int:
    """Try the mutants of the corpus; how many survive."""
    known, survivors = bugs(), 0
    kills: list[Kill] = []
    print(f"{'id':<5} {'killed by':<34} {'cases':>6} {'seconds':>8}  what it shows")
    chosen = [(name, mutant(name)) for name in names or identifiers()]
    patched = [(name, one, patch(one)) for name, one in chosen]
    for name, one, apply in patched:
        found = trial(apply, one.by, seeds)
        if isinstance(found, Kill):
            kills.append(found)
            print(
                f"{name:<5} {found.property:<34} {found.cases:>6g} {found.seconds:>8.1f}  {found.failure[:110]}",
                flush=True,
            )
        else:
            survivors += 1
            print(f"{name:<5} SURVIVES: {found.why}", flush=True)
    if kills:
        print(
            f"\n{len(kills)} of {len(kills) + survivors} killed, with a median of {median(k.cases for k in kills):g} cases."
        )
    if not names:
        print("\nNot applicable, and what is missing:")
        for name, bug in known.items():
            if name in missing():
                print(f"{name:<5} {bug['title']}: {missing()[name]}")
        apart = Counter(b["mechanism"] for n, b in known.items() if b["mechanism"] not in MECHANISMS)
        print(
            "Of mechanisms that are not built: "
            + ", ".join(f"{n} {mechanism}" for mechanism, n in sorted(apart.items()))
        )
    return survivors


def generated(count: int, seed: int, modules: list[str]) -> None:
    """Try a sample of mutants that nobody listed."""
    wanted = {m: p for m, p in GENERATED.items() if not modules or any(m.endswith(n) for n in modules)}
    tried = sample(list(wanted), count, seed)
    fates = Counter[str]()
    by = Counter[str]()
    for one, apply in [(one, patch(one)) for one in tried]:
        properties = wanted[one.target.partition(":")[0]]
        quick = properties[0].startswith("DV1")
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
    parser.add_argument("--seeds", type=int, default=3, help="how often a property must kill (default 3)")
    parser.add_argument("--generated", type=int, metavar="N", help="try N mutants that nobody listed")
    parser.add_argument("--seed", type=int, default=0, help="which of them")
    parser.add_argument("--module", action="append", default=[], help="from these modules only (the end of the name)")
    options = parser.parse_args()
    started = time.monotonic()
    unknown = [i for i in options.ids if i not in identifiers()]
    if unknown:
        parser.error(f"no mutant {', '.join(unknown)}")
    if options.generated is not None:
        generated(options.generated, options.seed, options.module)
        survivors = 0
    else:
        survivors = listed(options.ids, options.seeds)
    print(f"{time.monotonic() - started:.0f} s")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
