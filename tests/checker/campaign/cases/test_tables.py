"""Campaigns on machines of 64 units of memory with page tables: guests run there, and a wrong monitor is found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from pgcheck.checker.campaign.cases.case import TAPE, Author
from pgcheck.checker.campaign.cases.tape import counted
from pgcheck.checker.campaign.pairs.outcome import Ground
from pgcheck.checker.campaign.strategies import policy_of
from pgcheck.checker.campaign.table import PROPERTIES
from pgcheck.isa.machine.build import load
from pgcheck.vmm.paging.ledger import Ledger
from tests.checker.campaign.cases.paged import SHAPES, text

pytestmark = pytest.mark.slow

Authors = Callable[[str], Author]
ROOM = {"a table fills a quarter of its page": {"EQ2", "SH1", "SH2"}}
"""Where one guest and its table take all four frames, there is none for a second."""


@pytest.fixture(scope="module")
def authors(tmp_path_factory: pytest.TempPathFactory) -> Authors:
    known: dict[str, Author] = {}

    def get(name: str) -> Author:
        if name not in known:
            path = tmp_path_factory.mktemp("paged") / "machine.yaml"
            path.write_text(text(SHAPES[name]), "utf-8")
            machine = load(path)
            known[name] = Author(machine, policy_of(machine))
        return known[name]

    return get


def seen(author: Author, name: str, cases: int) -> tuple[Counter[str], set[str]]:
    """What happened in the first cases of a property, until one failed, and how."""
    one, ground, events, failures = PROPERTIES[name], Ground(author), Counter[str](), set[str]()
    for k in range(cases):
        outcome = one.tried(ground, one.drawn(author, counted("paged", k, TAPE)), None)
        events.update(outcome.events)
        if outcome.failure is not None:
            failures.add(outcome.failure.identity)
            break
    return events, failures


@pytest.mark.parametrize("name", SHAPES)
def test_a_machine_of_64_units_runs_guests_with_page_tables(authors: Authors, name: str) -> None:
    author, events = authors(name), Counter[str]()
    ground = Ground(author)
    roomy = {
        p.id for p in PROPERTIES.values() if p.id in ("EQ2", "SH1", "SH2", "ISO2") and ground.room(p.guests, p.depth)
    }
    assert roomy == ROOM.get(name, {"EQ2", "SH1", "SH2", "ISO2"})
    for one in sorted(roomy):
        found, failures = seen(author, one, 16)
        assert failures == set(), one
        events += found
    assert events["fill"] > 50 and events["direct"] > 50 and events["recall"] > 50
    assert events["switch"] and events["drop"] + events["protect"] + events["recycle"]


def test_tables_that_are_not_told_of_stores_are_found_there(authors: Authors, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "a page is a table"
    monkeypatch.setattr(Ledger, "overwritten", lambda *arguments: iter(()))
    assert {i.split()[0] for i in seen(authors(name), "SH1", 400)[1]} == {"SH1"}
