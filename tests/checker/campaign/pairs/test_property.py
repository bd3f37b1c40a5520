"""What holds of every property of campaigns, whatever it claims."""

from __future__ import annotations

import pytest

from pgcheck.checker.campaign.cases.case import TAPE, Author
from pgcheck.checker.campaign.cases.tape import counted
from pgcheck.checker.campaign.pairs.account import absent
from pgcheck.checker.campaign.pairs.outcome import Ground, Outcome
from pgcheck.checker.campaign.strategies import policy_of
from pgcheck.checker.campaign.table import PROPERTIES
from pgcheck.vmm import monitor
from tests.specifications import machine_of
from tests.vmm.lockstep import policy_of as known_policy_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def author() -> Author:
    machine = machine_of("campaigns/sixty_four")
    return Author(machine, policy_of(machine))


def tried(author: Author, name: str, cases: int) -> list[Outcome]:
    one, ground = PROPERTIES[name], Ground(author)
    return [one.tried(ground, one.drawn(author, counted(f"lost {name}", k, TAPE * one.cases)), 1) for k in range(cases)]


@pytest.mark.parametrize("name", sorted(PROPERTIES))
def test_a_guest_that_takes_the_machine_breaks_whatever_is_claimed(
    name: str, author: Author, monkeypatch: pytest.MonkeyPatch
) -> None:
    if absent(PROPERTIES[name].subject, author.machine):
        return
    assert all(o.failure is None for o in tried(author, name, 4))
    monkeypatch.setattr(monitor, "lost", lambda division, state, real: ["B"])
    failures = [o.failure for o in tried(author, name, 4) if o.failure is not None]
    # Of several guests RC3 sees that the turns of one are missing.
    assert {(f.law, f.field) for f in failures} == {(name, "schedule" if name == "RC3" else "ResourceControlLost")}


def test_a_property_of_translations_has_them_in_use_in_every_case() -> None:
    one = Author(machine_of("riscv64"), known_policy_of("riscv64", "s_in_u"))

    def walked(name: str) -> set[bool]:
        drawn = (PROPERTIES[name].drawn(one, counted("paged", k, TAPE))[0] for k in range(30))
        return {bool(case.state["satp.MODE"]) for case in drawn}

    assert walked("SH1") == walked("SH2") == {True}
    assert walked("EQ2") == {True, False}
