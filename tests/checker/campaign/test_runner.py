"""Shards of a campaign: cases of their own, done again where they are not whole, and findings that stay what they were when they shrink."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pgcheck.checker.campaign.cases.case import Author
from pgcheck.checker.campaign.pairs.outcome import Failure, Outcome
from pgcheck.checker.campaign.pairs.property import Property
from pgcheck.checker.campaign.runner import SHARD, Campaign, Done, Drawn, Found, Plan
from pgcheck.checker.campaign.store import Store
from pgcheck.checker.campaign.table import PROPERTIES
from tests.specifications import machine_of
from tests.vmm import lockstep

pytestmark = pytest.mark.slow


@dataclass(slots=True)
class Watched(Campaign):
    """A campaign whose cases are not run: their tapes are kept, and each but that of zeros fails, by its length."""

    tapes: list[bytes] = field(default_factory=list)
    failing: bool = False

    def tried(self, chosen: Property, tape: bytes, stride: int | None = None, drawn: Drawn | None = None) -> Outcome:
        self.tapes.append(tape)
        if not self.failing or not any(tape):
            return Outcome(())
        size = "long" if len(tape.rstrip(b"\0")) > 8 else "short"
        return Outcome((), failure=Failure(chosen.id, 0, "", (), size, f"{len(tape)} bytes"))


def watched(folder: Path, cases: int, *, resume: bool = False, failing: bool = False) -> Watched:
    author = Author(machine_of("pg74"), lockstep.policy_of("pg74"))
    plan = Plan((PROPERTIES["EQ2"], PROPERTIES["EQ3"]), "seed", cases)
    return Watched(author, author.policy, plan, Store(folder / "c.sqlite"), "1", resume, failing=failing)


def test_no_two_shards_try_the_same_cases(tmp_path: Path) -> None:
    running = watched(tmp_path, 3 * SHARD)
    list(running.run())
    assert len(running.tapes) == len({*running.tapes}) == 2 * 3 * SHARD


def test_a_shard_of_another_size_is_done_again(tmp_path: Path) -> None:
    list(watched(tmp_path, SHARD + 3).run())
    running = watched(tmp_path, 2 * SHARD, resume=True)
    done = [e for e in running.run() if isinstance(e, Done)]
    assert [e.skipped for e in done] == [True, True, False, False]
    assert [e.shard.cases for e in done] == [SHARD] * 4 and len(running.tapes) == 2 * SHARD


def test_a_failure_is_not_shrunk_to_another(tmp_path: Path) -> None:
    running = watched(tmp_path, 1, failing=True)
    (found, *_) = [e for e in running.run() if isinstance(e, Found)]
    assert found.failure.field == "long"


# Machines with tables in memory that have no monitor, and instructions of the check's holes, which nobody tells the campaign of.
HOLES = {
    "i386": {
        "popf",
        "pushf",
        "mov",
        "sidt",
        "sgdt",
        "sldt",
        "str",
        "smsw",
        "lar",
        "lsl",
        "verr",
        "verw",
        "push",
        "cpuid",
    },
    "x86-umip": {"popf", "pushf", "mov", "lar", "lsl", "verr", "verw", "push", "cpuid"},
}


@pytest.mark.parametrize("name", HOLES)
def test_a_campaign_under_a_monitor_that_is_forced_finds_holes_and_nothing_else(name: str, tmp_path: Path) -> None:
    author = Author(machine_of(name), lockstep.policy_of(name))
    plan = Plan((PROPERTIES["EQ2"],), "forced", SHARD, shrink=False)
    running = Campaign(author, author.policy, plan, Store(tmp_path / "c.sqlite"), "1")
    found = [e.failure.instruction.split(".")[0] for e in running.run() if isinstance(e, Found)]
    assert found and {*found} <= HOLES[name], found
    assert all(running.events["EQ2"][event] for event in ("direct", "exit", "reflect", "fill", "switch", "block"))
