"""Made-up deliveries: each premise about trap entries must notice one, or says that it is untested."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

import pytest

from pgcheck.checker.questions.entry import settled
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.values import NOTHING
from pgcheck.checker.world.arrival import arrivals
from pgcheck.checker.world.canary import canary, noticed
from tests.specifications import every_name, machine_of

pytestmark = pytest.mark.slow

# What finds it out, by premise.
FOUND_BY = {"entry_is_recoverable": "recovered", "entry_is_in_control": "_guests_word", "entry_stores_apart": "_stray"}


@pytest.mark.parametrize("name", every_name())
def test_every_machine_whose_traps_enter_has_a_canary(name: str, evidence: Evidence) -> None:
    machine = machine_of(name)
    for deployment in machine.deployments:
        entries = list(arrivals(settled(machine, deployment, evidence), NOTHING))
        made = canary(entries, evidence)
        assert (made is None) == (not entries)
        if made is not None:
            assert (
                made.leaf in made.arrival.guests and made.forgetting.post[made.leaf] is not made.arrival.post[made.leaf]
            )


@pytest.mark.parametrize("premise", FOUND_BY)
def test_a_premise_that_notices_nothing_decides_nothing(
    premise: str, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*_: object) -> Iterator[object]:
        return iter(())

    machine = machine_of("pg74")
    setting = settled(machine, machine.deployments[0], evidence)
    module = import_module(f"pgcheck.checker.premises.{premise}")
    assert [f.status for f in module.PREMISE.ask(setting, NOTHING, evidence)] == ["ok"]
    monkeypatch.setattr(module, FOUND_BY[premise], lambda *_: "" if premise == "entry_stores_apart" else nothing())
    with pytest.raises(Undecided, match="the check is untested"):
        list(module.PREMISE.ask(setting, NOTHING, evidence))


def test_what_is_noticed_goes_on() -> None:
    noticed("x", ["something"])
    with pytest.raises(Undecided):
        noticed("x", [])
