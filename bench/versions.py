"""What this checkout costs beside another, in one run: the proofs of each specification's monitor, a guest under type 1, campaigns.

    python bench/versions.py FOLDER [NAME...] [--rounds N] [--what proofs guest campaign] [--every N]

FOLDER is a checkout of another version (`git worktree add FOLDER COMMIT`). Both take turns, each in processes of its own, with one worker and
without a cache of proofs; figures are processor time of a process and all below it, so that a busy machine changes them little.
With --every the rows of every Nth instruction alone are proved. Targets: proofs that both have 1.0 times, all proofs 2.5 times, a guest under type 1 1.2 times.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
VIRTUALIZABLE: Final = ("pg74", "m68010", "pdp10-ka10", "riscv64")
CHECKED, BESIDE = "(the check)", "(beside proofs)"
CASES, TAPE, STEPS, EXITS = 300, 4096, 200_000, 12_000
Costs = dict[str, float]


def spent() -> float:
    """Seconds of processor time of this process and of all below it, those that still run among them."""
    tick, total, todo = os.sysconf("SC_CLK_TCK"), 0, [os.getpid()]
    while todo:
        process = Path(f"/proc/{todo.pop()}")
        try:
            total += sum(map(int, (process / "stat").read_text().rpartition(")")[2].split()[11:15]))
            todo += map(int, (process / f"task/{process.name}/children").read_text().split())
        except OSError:
            continue
    return total / tick


# ---- what one checkout costs, in a process of its own


def proofs(name: str, every: int) -> Costs:
    """By subject, of every so many-th instruction alone; what goes before the first proof is one subject."""
    from pgcheck.checker.monitor import proof
    from pgcheck.checker.options import Options
    from pgcheck.isa.machine.build import load
    from pgcheck.shipped import shipped

    found, last = defaultdict[str, float](float), spent()

    def done(subject: str) -> None:
        nonlocal last
        now = spent()
        found[subject] += now - last
        last = now

    def first(function: Callable[..., Any], called: str) -> Callable[..., Any]:
        def timed(*given: Any, **named: Any) -> Any:
            done(BESIDE)
            result = function(*given, **named)
            done(called)
            return result

        return timed

    for name_, called in (("check", CHECKED), ("canaries", "(canaries)")):
        setattr(proof, name_, first(getattr(proof, name_), called))
    path = shipped(name)
    assert path is not None
    machine = load(path, shipped=shipped)
    only = tuple(i.id for i in machine.instructions[::every]) if every > 1 else ()
    given = proof.prove_monitor(machine, Options(jobs=1, only=only), lambda event: done(event.subject))
    assert given.verdict == "proved", given.verdict
    done(BESIDE)
    return dict(found)


def guest(name: str, every: int) -> Costs:
    """A guest of riscv64 that its monitor serves, one that runs directly, and exits of three kinds."""
    from bench import monitor

    assert name == "riscv64"
    bench, found = monitor.made(), Costs()
    for called, text in (
        ("a supervisor and its user", monitor.SERVICE),
        ("a loop", "loop: addi t0, t0, 1\njal zero, loop\n"),
    ):
        computer = bench.guest(16 * monitor.PAGE).computer
        bench.service(computer) if text == monitor.SERVICE else bench.start(computer, text)
        computer.run(STEPS // 10)
        began = time.process_time()
        computer.run(STEPS if text == monitor.SERVICE else 50 * STEPS)
        found[called] = time.process_time() - began
    began = time.process_time()
    monitor.exits(bench, EXITS)
    found["exits"] = time.process_time() - began
    return found


def campaign(name: str, every: int) -> Costs:
    """EQ2, a thousand cases, and a thousand steps of these."""
    from bench import campaign
    from pgcheck.checker.campaign.cases.tape import counted

    author = campaign.policy(name)
    count = campaign.Counter(author, audited=False)
    took = 0.0
    for number in range(CASES + CASES // 4):
        began = time.process_time()
        count(author.cases(counted("versions", number, TAPE), 1)[0])
        took += time.process_time() - began if number >= CASES // 4 else 0
    steps, exits = sum(count.steps[-CASES:]), sum(count.exits[-CASES:])
    return {"1,000 cases": took * 1000 / CASES, "1,000 steps": took * 1000 / steps, "1,000 exits": took * 1000 / exits}


MEASURES: Final[Mapping[str, Callable[[str, int], Costs]]] = {"proofs": proofs, "guest": guest, "campaign": campaign}

# ---- both


def measured(checkout: Path, what: str, name: str, every: int) -> Costs:
    """What `checkout` costs."""
    own = [str(Path(__file__).resolve()), str(checkout), name]
    command = [sys.executable, *own, "--what", what, "--every", str(every), "--alone"]
    done = subprocess.run(command, cwd=checkout, check=True, stdout=subprocess.PIPE, text=True)
    found: Costs = json.loads(done.stdout.splitlines()[-1])
    return found


def compared(before: Path, what: str, name: str, rounds: int, every: int) -> None:
    """Print both, by the least of each figure over the rounds."""
    found: list[list[Costs]] = [[], []]
    for _ in range(rounds):
        for side, checkout in zip(found, (before, ROOT), strict=True):
            side.append(measured(checkout, what, name, every))
    old, new = ({k: min(r[k] for r in runs) for k in runs[0]} for runs in found)
    common = [k for k in old if k in new and k not in (CHECKED, BESIDE)]
    line = partial(shown, f"{name} {what}")
    if what != "proofs":
        for k in common:
            line(k, old[k], new[k])
        return
    worst = sorted(common, key=lambda k: old[k] - new[k])[:5]
    for k in worst:
        line(f"  {k}", old[k], new[k])
    line("proofs that both have", sum(old[k] for k in common), sum(new[k] for k in common))
    line("the check before them", old[CHECKED], new[CHECKED])
    line("in all", sum(old.values()), sum(new.values()))


def shown(what: str, part: str, before: float, now: float) -> None:
    print(f"{what:20} {part:40} {before:9.2f} s {now:9.2f} s  {now / before if before else 0:6.2f} times", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", default=VIRTUALIZABLE)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--what", nargs="*", choices=MEASURES, default=list(MEASURES))
    parser.add_argument("--alone", action="store_true", help="only FOLDER, as JSON")
    asked = parser.parse_args()
    if asked.alone:
        sys.path.insert(0, str(asked.folder.resolve()))
        print(json.dumps(MEASURES[asked.what[0]](asked.names[0], asked.every)))
        return
    for what in asked.what:
        for name in asked.names:
            if what != "guest" or name == "riscv64":
                compared(asked.folder.resolve(), what, name, asked.rounds, asked.every)


if __name__ == "__main__":
    main()
