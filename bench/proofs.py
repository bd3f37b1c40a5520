"""What the proofs of each specification's monitor cost, beside the targets; ends with 1 where one is missed.

    python bench/proofs.py [NAME...] [--jobs N]

Run it on an idle machine. The check of the specification is part of the time; nothing is taken from the cache. Processor time has its
children's in it; its targets are a third of what the version before took.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pgcheck.checker.monitor.proof import prove_monitor  # noqa: E402  # a bare checkout runs without installation
from pgcheck.checker.options import Options  # noqa: E402
from pgcheck.isa.machine.build import load  # noqa: E402
from pgcheck.shipped import shipped  # noqa: E402

VIRTUALIZABLE = ("pg74", "m68010", "riscv64", "pdp10-ka10")
SECONDS, MEGABYTES = 180.0, 2048
PROCESSOR = {"m68010": 31.3, "riscv64": 42.7, "pdp10-ka10": 99.3}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=VIRTUALIZABLE)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    missed = False
    print(
        f"{'specification':14} {'verdict':9} {'obligations':>11} {'seconds':>8} {'CPU':>8} {'peak MB':>8}  slowest row"
    )
    for name in asked.names:
        path = shipped(name) or Path(name)
        machine = load(path, shipped=shipped)
        started, before = time.perf_counter(), processor()
        found = prove_monitor(machine, Options(jobs=asked.jobs, cache=False))
        seconds, spent = time.perf_counter() - started, processor() - before
        every = [*(o for d in found.deployments for o in d.obligations), *found.code.obligations]
        slowest = max(every, key=lambda o: o.seconds, default=None)
        # Of the largest child: a worker or a solver; the sum over two of each stays below four times this.
        peak = (
            max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) // 1024
        )
        shown = f"{slowest.subject} {slowest.seconds:.1f} s" if slowest is not None else ""
        print(f"{name:14} {found.verdict:9} {len(every):11} {seconds:8.1f} {spent:8.1f} {peak:8}  {shown}")
        missed |= found.verdict != "proved"
        targets = [("time", seconds, SECONDS, "s"), ("memory", float(peak), float(MEGABYTES), "MB")]
        if name in PROCESSOR:
            targets.append(("processor time", spent, PROCESSOR[name], "s"))
        for what, value, most, unit in targets:
            missed |= value > most
            print(f"  {'MISS' if value > most else 'ok  '} {what}: at most {most:g} {unit} / {value:.1f} {unit}")
    return int(missed)


def processor() -> float:
    """The seconds of processor time of this process and of its children that have ended."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


if __name__ == "__main__":
    sys.exit(main())
