"""The share of a campaign in batches: it compares what it says, finds what is wrong, and what it finds is a finding like any."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from pgcheck.checker.campaign import finding, runner, strategies
from pgcheck.checker.campaign.batches import share as sharing
from pgcheck.checker.campaign.batches.share import Met, Share
from pgcheck.checker.campaign.cases.case import TAPE, Author
from pgcheck.checker.campaign.cases.tape import counted
from pgcheck.checker.campaign.runner import Campaign, Done, Found, Plan
from pgcheck.checker.campaign.store import Store
from pgcheck.checker.campaign.table import PROPERTIES
from pgcheck.models.native.batches.parts import Side
from pgcheck.vmm.policy import Policy
from tests.checker.campaign.batches.conftest import Shares

pytestmark = pytest.mark.slow
LARGE = [pytest.param(name, marks=pytest.mark.campaign) for name in ("m68010", "riscv64", "pdp10-ka10")]


@pytest.mark.parametrize("name", ["pg74", *LARGE])
def test_a_right_monitor_passes_and_is_met(shares: Shares, name: str) -> None:
    share, met = shares(name), Met()
    share.cells()
    found = [tape for k in range(6) for tape in share.run(f"right {k}", 500, met)]
    assert len(found) == 6 and not any(share.differs(tape) for tape in found)
    assert met.cases == 3000 and met.compared > 1500
    assert min(met.events[e] for e in ("direct", "exit", "trap")) > 1000
    cells = share.cells()
    rows = {name for name, mode, end in cells}
    assert sum(cells.values()) >= met.steps > 3000 and len(rows) > 20


def test_the_same_name_gives_the_same_cases_whatever_native_code_knows(shares: Shares) -> None:
    share = Share(shares("pg74").author)
    one, other = ([*share.run("same", 300, met), met, share.cells()] for met in (Met(), Met()))
    assert one == other and [*share.run("another", 300, Met())] != one[:-2]


# ---- what is planted is seen


def planted(share: Share) -> tuple[Side, Side, Side]:
    batch = share.batches.batch
    share.batches.begin(share.base(counted("planted", 1, TAPE)))
    assert batch.one(b"")[1] == "" and batch.differs() == ""
    return batch.bare, batch.virtual, batch.real


def flipped(share: Share, address: int) -> str:
    """Where the machines differ with one bit changed; it is changed back, and they differ no more."""
    cell = ctypes.c_uint8.from_address(address)
    cell.value ^= 1
    seen = share.batches.batch.differs()
    cell.value ^= 1
    assert share.batches.batch.differs() == ""
    return seen


def test_a_bit_planted_in_any_leaf_or_device_register_is_seen(shares: Shares) -> None:
    share = shares("pg74")
    sides = planted(share)
    for side in sides[:2]:
        places = [side.address + place.at for place in side.layout.scalars.values()]
        for name, row in side.mirror.leaves.rows.items():
            region = side.layout.arrays[name]
            places += [side.address + region.at + k * region.size for k in range(row.size)]
        assert places and {flipped(share, place) for place in places} == {"leaves"}
        first, count = side.words["values"], max(share.batches.batch.volatile.values()) + 1
        assert {flipped(share, first + 8 * k) for k in range(count)} == {"devices"}


def test_a_bit_planted_in_any_page_is_seen_where_the_machine_has_stored(shares: Shares) -> None:
    share = shares("pg74")
    bare, virtual, real = planted(share)
    for side, place in ((bare, "memory"), (virtual, "memory"), (real, "host")):
        side.mirror.memory[side.layout.dirty.at] = 1
        start = side.address + side.mirror.get("ram") & (1 << 64) - 1
        seen = {flipped(share, start + 8 * unit) for unit in range(share.author.layout.size)}
        assert seen == {place}
    assert {flipped(share, side.words.address + 8 * k) for side in (bare,) for k in (0,)} == {"steps"}


# ---- what is wrong is found


def wrong(share: Share, **changes: object) -> Share:
    """Batches under a policy that is changed."""
    author = Author(share.author.machine, replace(share.author.policy, **changes))  # type: ignore[arg-type]
    return Share(author)


def lax(policy: Policy) -> dict[str, object]:
    """The guest's relocation is the processor's."""
    return {"mirrored": policy.mirrored | {"M"}}


WRONG: dict[str, Callable[[Policy], dict[str, object]]] = {
    "the guest has the processor's mode": lax,
    "no trap enters the monitor": lambda policy: {"intercept": frozenset()},
}


@pytest.mark.parametrize("change", WRONG.values(), ids=list(WRONG))
def test_a_wrong_policy_differs(shares: Shares, change: Callable[[Policy], dict[str, object]]) -> None:
    right, met = shares("pg74"), Met()
    share = wrong(right, **change(right.author.policy))
    tapes = [tape for k in range(4) for tape in share.run(f"wrong {k}", 400, met)]
    assert any(share.differs(tape) for tape in tapes) and met.differing


def campaign(share: Share, path: Path, cases: int, *, resume: bool = False) -> Campaign:
    plan = Plan((PROPERTIES["EQ2"],), "s", cases)
    return Campaign(share.author, share.author.policy, plan, Store(path), "1", resume=resume, share=share)


def test_what_a_batch_finds_is_a_finding_like_any(shares: Shares, tmp_path: Path) -> None:
    share, met = shares("popf"), Met()
    one = campaign(share, tmp_path / "c.sqlite", 400)
    tapes = (tape for k in range(8) for tape in share.run(f"popf {k}", 400, met))
    tape = next(tape for tape in tapes if share.differs(tape))
    (found,) = one.looked(share, PROPERTIES["EQ2"], tape, 7, met, one.coverage)
    assert found.failure.identity.startswith("EQ2 ") and found.number == 7
    document = finding.read(found.file)
    assert document["property"] == "EQ2" and len(found.file) < 1 << 14
    failure = finding.again(share.author.machine, document).failure
    assert failure is not None and failure.identity == document["identity"]
    assert 0 < sum(map(bool, bytes.fromhex(document["tape"]))) < sum(map(bool, tape)) // 8
    assert one.store.findings(one.key) == {found.failure.identity: found.file}


def test_what_only_native_code_sees_is_told_as_such(
    shares: Shares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = shares("pg74")
    monkeypatch.setattr(sharing, "SHARD", 600)
    monkeypatch.setattr(Share, "differs", lambda self, tape: "leaves")
    events = list(campaign(share, tmp_path / "c.sqlite", 32).run())
    found = [event for event in events if isinstance(event, Found)]
    assert [event.failure.field for event in found] == ["native leaves"]
    assert "a fault of the native engine" in found[0].failure.seen


def test_a_campaign_that_goes_on_is_the_one_that_was_never_interrupted(
    shares: Shares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = shares("pg74")
    monkeypatch.setattr(sharing, "SHARD", 600)
    first = campaign(share, tmp_path / "c.sqlite", 40)
    whole = [event for event in first.run() if isinstance(event, Done)]
    again = campaign(share, tmp_path / "c.sqlite", 40, resume=True)
    kept = [event for event in again.run() if isinstance(event, Done)]
    assert [event.shard for event in kept] == [event.shard for event in whole] and all(e.skipped for e in kept)
    assert [e.shard.property for e in whole].count(sharing.NAME) == 1
    assert (again.batched, again.events) == (first.batched, first.events)
    assert first.batched[runner.COMPARED] > 300 and json.dumps(whole[-1].shard.events)
    fresh = campaign(share, tmp_path / "d.sqlite", 40)
    assert [e.shard for e in fresh.run() if isinstance(e, Done)] == [event.shard for event in whole]
    assert runner.BATCHED == "EQ2"


def test_hypothesis_draws_shapes_and_seeds(shares: Shares) -> None:
    share = shares("pg74")
    before = share.counts()

    @settings(
        max_examples=6, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
    )
    @given(strategies.shapes())
    def holds(shape: tuple[bytes, int]) -> None:
        assert share.first(*shape, 200) is None

    holds()
    assert (share.counts() - before)["compared"] > 600


def test_the_first_that_differs_comes_back_as_a_tape(shares: Shares) -> None:
    share = shares("popf")
    found = next(t for k in range(20) if (t := share.first(counted("popf", k, TAPE), k)) is not None)
    assert len(found) > TAPE and share.differs(found)
