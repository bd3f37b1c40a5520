"""What loading and starting cost, in CPU time of whole commands and of everything below them, beside the same in the same run without what was kept.

    python bench/loading.py

Of the growth, machines of 100 to 10,000 instructions are made from real rows (bench/many.py). It ends with 1 where a target is missed.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.many import many  # noqa: E402  # a bare checkout runs without installation
from pgcheck.checker.check import Options, check  # noqa: E402
from pgcheck.isa.encoding.coverage import overlaps  # noqa: E402
from pgcheck.isa.machine.build import load  # noqa: E402
from pgcheck.shipped import shipped  # noqa: E402

SIZES = (100, 1000, 10_000)
CHECKED = (100, 500)
Line = Callable[[str, float, float, str], None]


def spent() -> float:
    """CPU seconds of this process and of all its children that have ended."""
    return sum(
        u.ru_utime + u.ru_stime for u in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def cpu(folder: str, *words: str, times: int = 1) -> float:
    """The median CPU seconds of a pgcheck command with its caches in a folder."""
    found = []
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PGCHECK_CACHE": folder, "PYTHONDONTWRITEBYTECODE": ""}
    for _ in range(times):
        before = spent()
        subprocess.run([sys.executable, "-m", "pgcheck", *words], env=env, stdout=subprocess.DEVNULL, cwd=ROOT)
        found.append(spent() - before)
    return median(found)


def commands(line: Line) -> None:
    """Commands whose specification, or whose answer, is known, and what they cost the first time."""
    with tempfile.TemporaryDirectory() as folder:
        cpu(folder, "rules")  # byte code
        for target, words in (
            (0.20, ("validate", "i386")),
            (0.25, ("riscv64",)),
            (0.6, ("riscv64", "--format", "html")),
        ):
            anew = cpu(folder, *words)
            known = cpu(folder, *words, times=5)
            line(f"pgcheck {' '.join(words)}, known ({anew:.2f} s before it was)", target, known, "s")


def growth(line: Line) -> None:
    """Loading, the check of overlaps, and checking, by instruction."""
    loaded, checked = {}, {}
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            path = many(size, Path(folder))
            before = spent()
            machine = load(path, shipped=shipped)
            loaded[size] = (spent() - before) / size
            if size == SIZES[-1]:
                encodings = {i.id: i.encoding for i in machine.instructions if i.encoding is not None}
                before = spent()
                overlaps(encodings)
                line(f"overlaps among {size} encodings", 3, spent() - before, "s")
    for size in CHECKED:
        with tempfile.TemporaryDirectory() as folder:
            machine = load(many(size, Path(folder)), shipped=shipped)
            before = spent()
            check(machine, Options(cache=False))
            checked[size] = (spent() - before) / size
    for what, found in (("loading", loaded), ("checking", checked)):
        small, large = min(found), max(found)
        said = f"{1000 * found[small]:.2f} ms of {small}, {1000 * found[large]:.2f} ms of {large}"
        line(f"growth of {what} an instruction ({said})", 1.5, found[large] / found[small], "times")


def targets(line: Line) -> None:
    """Every target beside what was measured."""
    commands(line)
    growth(line)


def main() -> int:
    missed = []

    def line(what: str, target: float, value: float, unit: str) -> None:
        missed.extend([what] * (value > target))
        print(
            f"  {'MISS' if value > target else 'ok  '} {what}: at most {target:g} {unit} / {value:.2f} {unit}",
            flush=True,
        )

    targets(line)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
