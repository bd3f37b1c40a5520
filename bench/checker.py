"""What a check costs and what its answers rest on, for each specification; then every target beside what was measured.

    python bench/checker.py [NAME...] [--jobs N] [--solvers]

Run it on an idle machine; it ends with 1 where a target is missed. `--solvers` also times z3, bitwuzla and cvc5 alone on the same obligations.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench import loading  # noqa: E402
from pgcheck.checker.check import Options, check  # noqa: E402  # a bare checkout runs without installation
from pgcheck.checker.options import default_jobs  # noqa: E402
from pgcheck.checker.result import Event, Judged, MachineResult  # noqa: E402
from pgcheck.checker.solving.versions import versions  # noqa: E402
from pgcheck.isa.machine.build import load  # noqa: E402
from pgcheck.isa.machine.machine import Machine  # noqa: E402
from pgcheck.shipped import names, shipped  # noqa: E402

SOLVERS = ("z3", "bitwuzla", "cvc5")
# A hundred instructions in the proportion of i386: a fifth of them concern control state.
MIX = 100
# Processor seconds of a cold check with one worker and both solvers, by specification, and of all that are shipped.
COLD = {"i386": 7.0, "riscv64": 9.0}
ALL_COLD = 30.0


@dataclass(frozen=True)
class Measured:
    """One specification: results cold and cached, seconds a row, and memory."""

    name: str
    result: MachineResult
    cold: float
    cached: float
    rows: tuple[float, ...]
    slowest: str
    peak: float
    core: float


def machine_of(name: str) -> Machine:
    path = shipped(name) or Path(name)
    return load(path, shipped=shipped)


@contextmanager
def cache_in(folder: str) -> Iterator[None]:
    before = os.environ.get("PGCHECK_CACHE")
    os.environ["PGCHECK_CACHE"] = folder
    yield
    os.environ.pop("PGCHECK_CACHE")
    if before is not None:
        os.environ["PGCHECK_CACHE"] = before


class Memory:
    """The largest sum of resident memory of this process and all below it, in MiB, looked at twenty times a second."""

    def __init__(self) -> None:
        self.peak = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.05):
            self.peak = max(self.peak, resident(os.getpid()))


def resident(root: int) -> float:
    """MiB in use by a process and all that it started; shared pages count for each (Linux only, else this process alone)."""
    parents, sizes = {}, {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
            parents[int(entry.name)], sizes[int(entry.name)] = int(stat[1]), int(stat[21]) * resource.getpagesize()
        except OSError:
            continue
    if not sizes:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    total, todo = 0, [root]
    while todo:
        process = todo.pop()
        total += sizes.get(process, 0)
        todo += [child for child, parent in parents.items() if parent == process]
    return total / 2**20


def measured(name: str, jobs: int) -> Measured:
    """A cold and a cached check."""
    seconds: dict[str, float] = {}

    def note(event: Event) -> None:
        if isinstance(event, Judged):
            seconds[event.id] = seconds.get(event.id, 0.0) + event.seconds

    with tempfile.TemporaryDirectory() as folder, cache_in(folder):
        with Memory() as memory:
            started = time.perf_counter()
            machine = machine_of(name)
            result = check(machine, Options(jobs=jobs), note)
            cold = time.perf_counter() - started
        rows, slowest = tuple(seconds.values()), max(seconds, key=lambda i: seconds[i])
        started = time.perf_counter()
        check(machine_of(name), Options(jobs=jobs))
        cached = time.perf_counter() - started
    return Measured(name, result, cold, cached, rows, slowest, memory.peak, settled(result))


def settled(result: MachineResult) -> float:
    """The share of the unprivileged core that the taint settles: of the rows that user mode can run, those that always trap left out."""
    core = [i for i in result.main.instructions if not i.privileged and i.verdict != "intentional"]
    return sum(i.evidence == "taint" for i in core) / len(core) if core else 1.0


def mix(jobs: int) -> float:
    """Seconds for a hundred instructions of i386, every fifth of which concerns control state."""
    machine = machine_of("i386")
    ids = [i.id for i in machine.instructions]
    step = len(ids) / MIX
    chosen = tuple(ids[int(k * step)] for k in range(MIX))
    started = time.perf_counter()
    check(machine, Options(jobs=jobs, cache=False, only=chosen))
    return time.perf_counter() - started


def cpu(*command: str, times: int = 7) -> float:
    """The median CPU seconds of a command."""
    found = []
    for _ in range(times):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, *command], env=env, stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return median(found)


def cold_cpu(name: str) -> float:
    """CPU seconds of a check with one worker and an empty cache, solvers included."""
    with tempfile.TemporaryDirectory() as folder, cache_in(folder):
        return cpu("-m", "pgcheck", "check", name, "--jobs", "1", "--exit-zero", times=1)


def solvers(name: str) -> None:
    """Each solver alone on the obligations of one specification, through the same pipe."""
    from pgcheck.checker.solving.process import COMMAND, SolverDied, SolverProcess

    with tempfile.TemporaryDirectory() as folder:
        check(machine_of(name), Options(cache=False, second=False, dump=Path(folder)))
        scripts = [
            p.read_text().replace("(check-sat)\n(check-sat)", "(check-sat)")
            for p in sorted(Path(folder).glob("*.smt2"))
        ]
    print(f"  {name}: {len(scripts)} obligations that folding leaves")
    verdicts: dict[str, list[str]] = {}
    for solver in SOLVERS:
        if solver != "z3" and solver not in versions():
            print(f"    {solver:9s} not installed")
            continue
        process = SolverProcess(COMMAND, 6144)
        process.ask({"do": "check", "text": "(check-sat)\n", "asked": [], "rlimit": 1000}, 60)
        times, answers = [], []
        for text in scripts:
            do = (
                {"do": "check", "asked": [], "rlimit": 50_000_000}
                if solver == "z3"
                else {"do": solver, "seconds": 10.0, "memory": 6144}
            )
            started = time.perf_counter()
            try:
                answers.append(str(process.ask({**do, "text": text}, 60)["status"]))
            except SolverDied as died:
                answers.append(died.status)
            times.append(time.perf_counter() - started)
        process.kill()
        verdicts[solver] = answers
        open_ = sum(a not in ("sat", "unsat") for a in answers)
        print(
            f"    {solver:9s} {sum(times):7.2f} s  median {1000 * median(times):6.1f} ms  max {max(times):6.2f} s  without an answer {open_}"
        )
    both = [{a for a in answers if a in ("sat", "unsat")} for answers in zip(*verdicts.values(), strict=True)]
    print(f"    disagreements {sum(len(b) > 1 for b in both)}")


def show(m: Measured) -> None:
    e = m.result.effort
    p95 = quantiles(m.rows, n=20)[18] if len(m.rows) > 1 else max(m.rows)
    unknown = sum(i.verdict == "unknown" for d in m.result.deployments for i in d.instructions)
    print(
        f"{m.name}: {len(m.rows)} rows, {e.queries} queries ({e.folded} folded), {m.cold:.1f} s cold, {m.cached:.1f} s cached"
    )
    print(
        f"  a row: median {1000 * median(m.rows):.0f} ms, p95 {1000 * p95:.0f} ms, max {max(m.rows):.2f} s ({m.slowest}); slowest query {e.slowest[1]:.2f} s ({e.slowest[0]})"
    )
    agreed = 100 * e.confirmed / e.unsat if e.unsat else 100.0
    replayed = 100 * e.replayed / e.witnesses if e.witnesses else 100.0
    print(
        f"  second solver confirms {agreed:.1f} % of {e.unsat} proofs; {replayed:.0f} % of {e.witnesses} witnesses replayed; {unknown} unknown"
    )
    print(f"  taint settles {100 * m.core:.0f} % of the unprivileged core; peak memory {m.peak:.0f} MiB")


def targets(found: list[Measured], jobs: int) -> bool:
    """Print every target beside what was measured; whether all are reached."""
    print("\ntarget / measured")
    reached = True

    def line(what: str, target: float, value: float, unit: str, *, least: bool = False) -> None:
        nonlocal reached
        good = value >= target if least else value <= target
        reached = reached and good
        print(
            f"  {'ok  ' if good else 'MISS'} {what}: {'at least' if least else 'at most'} {target:g} {unit} / {value:.2f} {unit}"
        )

    for m in found:
        line(f"{m.name} cold", 30 if m.name == "riscv64" else 20, m.cold, "s")
        line(f"{m.name} cached", 2, m.cached, "s")
        line(
            f"{m.name} unknown",
            0,
            sum(i.verdict == "unknown" for d in m.result.deployments for i in d.instructions),
            "rows",
        )
        line(f"{m.name} settled by taint", 80, 100 * m.core, "%", least=True)
        line(
            f"{m.name} proofs that both solvers agree on",
            100,
            100 * m.result.effort.confirmed / max(1, m.result.effort.unsat) if m.result.effort.unsat else 100,
            "%",
            least=True,
        )
        line(f"{m.name} peak memory", 1536, m.peak, "MiB")
    spent = {m.name: cold_cpu(m.name) for m in found}
    for name, target in COLD.items():
        if name in spent:
            line(f"{name} cold, one worker, both solvers, CPU", target, spent[name], "s")
    if spent.keys() >= set(names()):
        line("all shipped specifications cold, one worker, CPU", ALL_COLD, sum(spent.values()), "s")
    line("100 instructions in the mix of i386", 6, mix(jobs), "s")
    bare = cpu("-c", "pass")
    line("pgcheck --help over bare Python, CPU", 60, 1000 * (cpu("-m", "pgcheck", "--help") - bare), "ms")
    loading.targets(line)
    return reached


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="shipped specifications; default: all")
    parser.add_argument("--jobs", type=int, default=default_jobs())
    parser.add_argument(
        "--solvers", action="store_true", help="time z3, bitwuzla and cvc5 alone on the same obligations"
    )
    asked = parser.parse_args()
    load_ = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    print(
        f"Python {platform.python_version()}, {platform.machine()}, {asked.jobs} workers, load before {load_:.1f}, {versions()}\n"
    )
    found = []
    for name in asked.names or names():
        m = measured(name, asked.jobs)
        found.append(m)
        show(m)
    if asked.solvers:
        print("\nsolvers alone")
        for name in asked.names or names():
            solvers(name)
    return 0 if targets(found, asked.jobs) else 1


if __name__ == "__main__":
    sys.exit(main())
