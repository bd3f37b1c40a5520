"""SH1: the shadow tables' own code is proved, and each mistake in it is refuted by a run of that code on plain numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pgcheck.checker.monitor.shadow import kinds_of_entry, scenarios, untold, violated
from pgcheck.checker.monitor.step import Promise
from pgcheck.checker.options import Limits
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.feasible import Feasible
from pgcheck.checker.solving.solver import Solver
from pgcheck.checker.verdicts.policy import policy
from pgcheck.isa.terms.ir import TRANSLATE
from pgcheck.vmm.guest_memory import GuestMemory
from pgcheck.vmm.paging.ledger import Context, Ledger, Shadow
from pgcheck.vmm.paging.shadow import ShadowTables
from tests.checker.results import Checked
from tests.specifications import machine_of

pytestmark = pytest.mark.slow

Ask = Callable[[str], tuple[str, ...]]


@pytest.fixture(scope="module")
def promise(checked: Checked) -> Promise:
    machine = machine_of("riscv64")
    solver = Solver(Limits(), None, False)
    result = checked("riscv64").deployments[0]
    found = policy(machine, result, Evidence(solver, False))
    solver.close()
    own = next(d for d in machine.deployments if d.name == result.name)
    return Promise(Setting(machine, own, found.intercept - {TRANSLATE}), found)


@pytest.fixture
def ask(promise: Promise) -> Iterator[Ask]:
    """The violations that the real code shows on plain numbers, for an operation beside a writable entry; none if proved."""
    solver = Solver(Limits(), None, False)

    def run(operation: str) -> tuple[str, ...]:
        scenario = scenarios(promise)[operation].scenario
        followed, found = violated(
            promise, scenario, kinds_of_entry(promise)[0], Feasible(Evidence(solver, False), "t")
        )
        assert followed
        assert found is None or found.replayed, "no reproduction"
        return found.replayed if found is not None else ()

    yield run
    solver.close()


QUICK = (
    "store to guest memory",
    "page of tables found",
    "entry beside a fill (access 1)",
    "root switch",
    "tables given up",
)


@pytest.mark.parametrize("operation", QUICK)
def test_an_operation_keeps_every_entry_right(ask: Ask, operation: str) -> None:
    assert ask(operation) == ()


def test_a_store_that_drops_nothing(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ShadowTables, "stored", lambda self, address, count: None)
    assert ask("store to guest memory") == ("an entry outlives what it was derived from",)


def test_a_store_that_drops_only_what_begins_where_it_does(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(self: Ledger, address: int, count: int) -> Iterator[Shadow]:
        for touched in self.touched((address, count)):
            for load, entries in list(self.derived.get(touched, {}).items()):
                if load[0] == address:
                    yield from list(entries)

    monkeypatch.setattr(Ledger, "overwritten", wrong)
    assert ask("store to guest memory") == ("an entry outlives what it was derived from",)


def test_a_dropped_entry_that_the_processor_still_has(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(self: ShadowTables, entry: Shadow, event: str) -> None:
        entry.context.entries.pop(entry.page, None)
        self.ledger.remove(entry)

    monkeypatch.setattr(ShadowTables, "_drop", wrong)
    assert ask("store to guest memory") == ("a dropped entry is still in the processor's table",)


def test_tables_that_are_not_protected(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    right = ShadowTables.__init__

    def wrong(self: ShadowTables, *args: Any, **others: Any) -> None:
        right(self, *args, **others)
        self.memory.on_watch.clear()

    monkeypatch.setattr(ShadowTables, "__init__", wrong)
    assert ask("page of tables found") == ("the guest can store to its tables unseen",)
    assert ask("entry beside a fill (access 1)") == ("the guest can store to its tables unseen",)


def test_a_fill_that_ignores_what_the_guest_permits(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    right = ShadowTables.permitted_to

    def wrong(self: ShadowTables, *args: Any) -> Any:
        _, derived = right(self, *args)
        return max(self.available, key=len), derived

    monkeypatch.setattr(ShadowTables, "permitted_to", wrong)
    assert any(
        v.startswith("an entry permits what the guest's tables do not") for v in ask("fill on a miss (access 0)")
    )


def test_tables_without_the_monitors_own_pages(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    right = ShadowTables.map_own

    def elsewhere(self: ShadowTables, context: Context) -> None:
        self.private = {page: at + 0x1000 for page, at in self.private.items()}
        right(self, context)
        self.private = {page: at - 0x1000 for page, at in self.private.items()}

    monkeypatch.setattr(ShadowTables, "map_own", elsewhere)
    assert ask("root switch") == ("page 0x0 of the monitor's own is not mapped for it alone",)
    monkeypatch.setattr(ShadowTables, "map_own", lambda self, context: None)
    assert ask("root switch") == ("tables without the monitor's own pages",)


def test_a_fill_in_place_of_the_monitors_own_page(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    right = ShadowTables.miss

    def wrong(self: ShadowTables, *given: Any) -> bool:
        context = self.current
        assert context is not None
        own, context.private = context.private, ()
        try:
            return right(self, *given)
        finally:
            context.private = own

    monkeypatch.setattr(ShadowTables, "miss", wrong)
    assert "an entry in place of a page of the monitor's own" in ask("entry beside a fill (access 1)")


def test_a_fill_that_does_not_ask_whose_frame_it_is(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ShadowTables, "miss", _miss_anywhere(ShadowTables.miss))
    assert "an entry for what is no RAM of the guest's" in ask("fill on a miss (access 0)")


def _miss_anywhere(right: Callable[..., bool]) -> Callable[..., bool]:
    """A miss for which every page is RAM."""

    class Anything:
        def __init__(self, memory: GuestMemory) -> None:
            self.memory = memory

        def __getattr__(self, name: str) -> Any:
            return getattr(self.memory, name)

        def holds(self, address: int, count: int = 1) -> bool:
            return True

    def wrong(self: ShadowTables, *args: Any) -> bool:
        memory = self.memory
        self.memory = Anything(memory)  # type: ignore[assignment]
        try:
            return right(self, *args)
        finally:
            self.memory = memory

    return wrong


def test_a_root_switch_that_keeps_the_context(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    right = ShadowTables.used_context

    def wrong(self: ShadowTables, key: object, virtual: Any) -> Context:
        return next(iter(self.contexts.values()), None) or right(self, key, virtual)

    monkeypatch.setattr(ShadowTables, "used_context", wrong)
    assert "a context of another root" in ask("root switch")


def test_a_table_given_up_that_may_be_remembered(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    right = ShadowTables.give_up

    def wrong(self: ShadowTables, context: Context) -> None:
        tlb, self.tlb = self.tlb, type(self.tlb)()
        right(self, context)
        self.tlb = tlb

    monkeypatch.setattr(ShadowTables, "give_up", wrong)
    monkeypatch.setattr(
        ShadowTables,
        "forget",
        lambda self: [self.give_up(self.contexts.popitem()[1]) for _ in range(len(self.contexts))],
    )
    assert "a given-up entry may still be remembered" in ask("tables given up")


def test_the_canary_of_the_family_is_refuted(promise: Promise) -> None:
    solver = Solver(Limits(), None, False)
    found = violated(promise, untold, kinds_of_entry(promise)[0], Feasible(Evidence(solver, False), "canary"))[1]
    assert found is not None and found.replayed == ("an entry outlives what it was derived from",)
    solver.close()
