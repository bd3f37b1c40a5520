"""Jumps lead where they are said to lead, on machines with relative and with absolute ones."""

from __future__ import annotations

import pytest

from pgcheck.checker.campaign.cases.inventory import Inventory
from pgcheck.checker.campaign.cases.layout import layout
from pgcheck.checker.campaign.cases.loops import Jumps
from pgcheck.checker.campaign.cases.trial import Trial
from pgcheck.models.reference.cycle import decoded, execute
from pgcheck.models.state import Surroundings, copied
from tests.specifications import machine


@pytest.mark.parametrize("name", ["pg74", "riscv64", "m68010", "campaigns/sixty_four"])
@pytest.mark.parametrize(("start", "target"), [(8, 0), (4, 0), (0, 12)])
def test_a_jump_leads_from_a_place_to_another(name: str, start: int, target: int) -> None:
    of = machine(name)
    where = layout(of)
    trial = Trial(of, where.base, where.size, where.kernel, where.stack)
    start, target = where.kernel + start, where.kernel + target
    found = Jumps(Inventory(of, frozenset(), (0, 1, *where.places), trial)).between(start, target)
    assert found
    for units in found:
        state = copied(trial.state)
        state[of.state.pc] = start
        fetched = decoded(of, lambda k, units=units: units[k] if k < len(units) else 0)  # type: ignore[misc]
        assert execute(of, fetched, state, Surroundings())[0] is None and state[of.state.pc] == target


def test_where_no_jump_reaches_there_is_none() -> None:
    of = machine("riscv64")
    where = layout(of)
    trial = Trial(of, where.base, where.size, where.kernel, where.stack)
    assert Jumps(Inventory(of, frozenset(), (0, 1), trial)).between(where.kernel, where.kernel + (1 << 40)) == ()
