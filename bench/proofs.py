"""What the proofs of each specification's monitor cost, beside the target: 180 s on two cores, 2 GB.

    python bench/proofs.py [NAME...] [--jobs N]

Run it on an idle machine. The check of the specification is part of the time; nothing is taken from the cache.
"""

from __future__ import annotations

import argparse
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=VIRTUALIZABLE)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    missed = False
    print(
        f"{'specification':14} {'verdict':9} {'obligations':>11} {'seconds':>8} {'slowest row':>24} {'peak MB':>8}  target"
    )
    for name in asked.names:
        path = shipped(name) or Path(name)
        machine = load(path, shipped=shipped)
        started = time.perf_counter()
        found = prove_monitor(machine, Options(jobs=asked.jobs, cache=False))
        seconds = time.perf_counter() - started
        every = [*(o for d in found.deployments for o in d.obligations), *found.code.obligations]
        slowest = max(every, key=lambda o: o.seconds, default=None)
        # Of the largest child: a worker or a solver; the sum over two of each stays below four times this.
        peak = (
            max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) // 1024
        )
        met = seconds <= SECONDS and peak <= MEGABYTES and found.verdict == "proved"
        missed = missed or not met
        shown = f"{slowest.subject} {slowest.seconds:.1f} s" if slowest is not None else ""
        print(
            f"{name:14} {found.verdict:9} {len(every):11} {seconds:8.1f} {shown[-24:]:>24} {peak:8}  {'met' if met else 'MISSED'}"
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
