"""How fast campaigns are: cases a second and core, in bulk and as Hypothesis generates them, with what a case amounts to.

    python bench/campaign.py [SPECIFICATION ...] [--cases N]

A case runs on both machines; on machines with shadow page tables the host is audited after every exit (SH1), and the median counts only
cases that start with page tables on. Seconds are of this process's processor time.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings

from pgcheck.checker.campaign import strategies
from pgcheck.checker.campaign.cases.case import TAPE, Author, Case
from pgcheck.checker.campaign.cases.tape import counted
from pgcheck.checker.campaign.pairs.outcome import Ground
from pgcheck.checker.campaign.properties.eq2 import eq2
from pgcheck.checker.campaign.properties.sh1 import Audited
from pgcheck.checker.verdicts.policy import NoMonitor
from pgcheck.running import finding
from pgcheck.vmm.audit import Auditor
from pgcheck.vmm.kind import kinds


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
            outcome = eq2(self.ground, (case,), None)
        assert outcome.failure is None, outcome.failure.seen
        statistics_ = pair.guests[0].monitor.statistics
        self.steps.append(len(outcome.log))
        self.exits.append(sum(statistics_.interventions.values()) + statistics_.misses)


def bulk(author: Author, cases: int, *, audited: bool) -> str:
    """Counter-based tapes, one after the other."""
    count = Counter(author, audited=audited)
    for number in range(-cases // 4, 0):
        count(author.cases(counted("warm", number + cases, TAPE), 1)[0])
    count.steps.clear()
    count.exits.clear()
    start = time.process_time()
    for number in range(cases):
        count(author.cases(counted("bench", number, TAPE), 1)[0])
    return shown(cases, time.process_time() - start, count)


def generated(author: Author, cases: int, *, audited: bool) -> str:
    """Tapes that Hypothesis draws."""
    count = Counter(author, audited=audited)

    @settings(
        max_examples=cases, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
    )
    @given(strategies.guests(author))
    def guests(case: Case) -> None:
        count(case)

    start = time.process_time()
    guests()
    return shown(len(count.steps), time.process_time() - start, count)


def shown(cases: int, seconds: float, count: Counter) -> str:
    steps, exits = statistics.median(count.steps), statistics.median(count.exits)
    return f"{cases / seconds:7.0f} cases/s  median {steps:.0f} steps, {exits:.0f} exits"


def policy(name: str) -> Author:
    """The decoder under the policy of the first kind of monitor that the specification's check promises. Raises NoMonitor."""
    machine, refused = finding.loaded(name), NoMonitor(name)
    for kind in kinds():
        try:
            return Author(machine, strategies.policy_of(machine, kind))
        except NoMonitor as no:
            refused = no
    raise refused


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("specifications", nargs="*", default=["pg74", "m68010", "riscv64", "pdp10-ka10"])
    parser.add_argument("--cases", type=int, default=1000)
    asked = parser.parse_args(arguments)
    for name in asked.specifications:
        author = policy(name)
        audits = (False, True) if author.tables is not None else (False,)
        for audited in audits:
            what = f"{name}{' with SH1' if audited else ''}"
            print(f"{what:22} bulk       {bulk(author, asked.cases, audited=audited)}", flush=True)
            print(f"{what:22} Hypothesis {generated(author, asked.cases, audited=audited)}", flush=True)


if __name__ == "__main__":
    main()
