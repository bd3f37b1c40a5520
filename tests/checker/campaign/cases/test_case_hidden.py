"""Cases use the addresses at which the monitor has pages of its own: they load from there, store there and run there."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest

from pgcheck.checker.campaign.cases.case import TAPE, Author
from pgcheck.checker.campaign.cases.tape import counted
from pgcheck.checker.campaign.pairs.account import possible
from pgcheck.checker.campaign.pairs.outcome import Ground
from pgcheck.checker.campaign.table import PROPERTIES
from pgcheck.models.state import State, Surroundings
from pgcheck.vmm.paging.shadow import ShadowTables
from pgcheck.vmm.translate import Args
from tests.specifications import machine_of
from tests.vmm.lockstep import policy_of

pytestmark = pytest.mark.slow


@cache
def author() -> Author:
    return Author(machine_of("riscv64"), policy_of("riscv64", "s_in_u"))


def test_only_a_policy_with_pages_hides_addresses() -> None:
    of = author()
    assert of.hidden and "hidden" in possible(of.machine, of.policy)
    other = policy_of("riscv64", "vmm_in_m")
    assert Author(of.machine, other).hidden == () and "hidden" not in possible(of.machine, other)


def test_hidden_addresses_are_loaded_from_stored_to_and_run(monkeypatch: pytest.MonkeyPatch) -> None:
    made, seen = ShadowTables.miss, Counter[int]()

    def miss(self: ShadowTables, args: Args, virtual: State, surroundings: Surroundings, real: State) -> bool:
        before = self.events["hidden"]
        mended = made(self, args, virtual, surroundings, real)
        if self.events["hidden"] > before:
            seen[args[self.translation.access]] += 1
            assert not mended
        return mended

    monkeypatch.setattr(ShadowTables, "miss", miss)
    ground, one = Ground(author()), PROPERTIES["SH1"]
    for k in range(80):
        assert one.tried(ground, one.drawn(author(), counted("hidden", k, TAPE)), None).failure is None
    assert len(seen) == 3 and min(seen.values()) > 1


def test_a_monitor_that_maps_over_its_own_pages_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    fill = vars(ShadowTables)["_fill"]

    def over(self: ShadowTables, context: object, *rest: object) -> bool:
        own, context.private = context.private, ()  # type: ignore[attr-defined]
        try:
            return bool(fill(self, context, *rest))
        finally:
            context.private = own  # type: ignore[attr-defined]

    monkeypatch.setattr(ShadowTables, "_fill", over)
    ground, one = Ground(author()), PROPERTIES["SH1"]
    outcomes = (one.tried(ground, one.drawn(author(), counted("hidden", k, TAPE)), None) for k in range(80))
    assert any(outcome.failure is not None for outcome in outcomes)
