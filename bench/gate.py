"""What a change costs: a specification checked cold, again after one leaf instruction changed, and after a shared function changed.

Prints seconds and their ratio to the cold run of the same process; the cache is the benchmark's own.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

from pgcheck.checker.check import Options, check
from pgcheck.checker.options import default_jobs
from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.meaning import meanings
from pgcheck.shipped import folder, shipped

NAME = "riscv64"
LEAF = ("integer.yaml", "X[xd] = X[xs1] ^ X[xs2];", "X[xd] = X[xs2] ^ X[xs1] ^ 64'd0;")
SHARED = (
    "memory.yaml",
    "if (mode == PrivilegeMode::U && pte.U == 0) { return false; }",
    "if (pte.U == 0 && mode == PrivilegeMode::U) { return false; }",
)


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory(prefix="pgcheck-bench-") as place:
        os.environ["PGCHECK_CACHE"] = str(Path(place) / "cache")
        cold, rows = _seconds(_copied(Path(place), "cold"))
        same, _ = _seconds(_copied(Path(place), "same"))
        leaf, _ = _seconds(_copied(Path(place), "leaf", LEAF))
        shared, _ = _seconds(_copied(Path(place), "shared", SHARED))
    print(f"{NAME}: {rows} rows, cold {cold:.1f} s on {default_jobs()} processors")
    for what, seconds in (
        ("unchanged", same),
        ("one leaf instruction changed", leaf),
        ("a shared function changed", shared),
    ):
        print(f"  {what}: {seconds:.2f} s, {seconds / cold:.3f} of the cold run")


def _copied(place: Path, name: str, edit: tuple[str, str, str] | None = None) -> Path:
    """A copy of the specifications, with one text replaced in one file of the machine's folder."""
    target = place / name
    shutil.copytree(folder(), target)
    if edit is not None:
        file = target / NAME / edit[0]
        text = file.read_text("utf-8")
        assert text.count(edit[1]) == 1, edit[1]
        file.write_text(text.replace(edit[1], edit[2]), "utf-8")
    return target / f"{NAME}.yaml"


def _seconds(path: Path) -> tuple[float, int]:
    """How long a check takes, loading and digests by meaning included, and the number of rows."""
    start = time.perf_counter()
    machine = load(path, shipped=shipped)
    result = check(machine, Options(jobs=default_jobs()))
    meanings(machine)
    return time.perf_counter() - start, len(result.main.instructions)


if __name__ == "__main__":
    main()
