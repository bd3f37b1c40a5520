"""What lets an interrupt in is what the specification's own function says, and waits are for one."""

from __future__ import annotations

import pytest

from pgcheck.checker.campaign.cases.interrupts import interrupts
from pgcheck.checker.campaign.cases.inventory import Inventory
from pgcheck.checker.campaign.cases.layout import layout
from pgcheck.checker.campaign.cases.trial import Trial
from pgcheck.models.engine import pending
from pgcheck.models.reference.cycle import decoded, execute
from pgcheck.models.state import State, Surroundings, copied, reset
from tests.specifications import machine


@pytest.mark.parametrize(("name", "waits"), [("riscv64", True), ("m68010", True), ("pdp10-ka10", False)])
def test_a_line_interrupts_in_the_states_found_and_only_when_it_is_up(name: str, waits: bool) -> None:
    of = machine(name)
    where = layout(of)
    trial = Trial(of, where.base, where.size, where.kernel, where.stack)
    found = interrupts(Inventory(of, frozenset(), (0, 1, *where.places), trial))
    assert found.lines and bool(found.waits) == waits
    for mode, opened in found.open.items():
        assert opened
        for values in opened:
            state: State = {**reset(of), **values, of.modes.leaf: mode}
            up = [pending(of, {**state, line: 1}, Surroundings()) for line in found.lines]
            down = pending(of, {**state, **dict.fromkeys(found.lines, 0)}, Surroundings())
            assert any(up) and not down


@pytest.mark.parametrize("name", ["riscv64", "m68010"])
def test_an_encoding_lets_in_a_line_that_was_masked_and_others_mask_it_again(name: str) -> None:
    of = machine(name)
    where = layout(of)
    trial = Trial(of, where.base, where.size, where.kernel, where.stack)
    found = interrupts(Inventory(of, frozenset(), (0, 1, *where.places), trial)).unmasks
    assert found and any(one.masks for one in found)
    for one in found:
        start: State = {**copied(trial.state), **one.values, of.modes.leaf: of.modes.supervisor.values[0], one.line: 1}
        assert not pending(of, copied(start), Surroundings())
        after = copied(start)
        fetched = decoded(of, lambda k, units=one.units: units[k] if k < len(units) else 0)  # type: ignore[misc]
        assert fetched is not None and execute(of, fetched, after, Surroundings(memory=trial.bus))[0] is None
        assert pending(of, after, Surroundings())


def test_a_machine_without_interrupts_has_none() -> None:
    of = machine("campaigns/sixty_four")
    where = layout(of)
    trial = Trial(of, where.base, where.size, where.kernel, where.stack)
    assert interrupts(Inventory(of, frozenset(), (0, 1), trial)).lines == ()
