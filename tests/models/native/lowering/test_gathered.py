"""Units that lie one behind the other are read and stored at once; those that do not are not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pgcheck.isa.terms import TRUE, Term, constant, extract, local, mk
from pgcheck.isa.terms.ir import Block, Function, Return, Store
from pgcheck.models.engine import Engine, Interpreter
from pgcheck.models.memory import Bus, Ram
from pgcheck.models.native.engine import Native
from pgcheck.models.native.lowering.gathered import Gathered, gathered
from pgcheck.models.native.lowering.plan import Plan
from pgcheck.models.state import Cells, Surroundings, frozen, holding, reset
from tests.models.native.programs import compiling
from tests.specifications import machine

A, B, V = local(32, "a"), local(32, "b"), local(16, "v")
QUICK = 0


def read(address: Term) -> Term:
    return mk("load", 8, address) if address.op != "load" else address


def added(term: Term, distance: int) -> Term:
    return mk("add", 32, term, constant(32, distance))


def found(body: Block, results: tuple[int, ...] = (16,)) -> Gathered | None:
    return gathered(machine("i386"), Function("f", (("a", 32), ("b", 32), ("v", 16)), results, body))


def joined(low: Term, high: Term) -> Block:
    return (Return((mk("concat", 16, read(high), read(low)),)),)


def test_units_behind_each_other_are_one_read() -> None:
    whole = found(joined(A, added(A, 1)))
    assert whole is not None and (whole.guard, whole.first, whole.count) == (TRUE, A, 2)


def test_units_at_two_places_are_one_read_where_these_are_neighbours() -> None:
    whole = found(joined(A, B))
    assert whole is not None and whole.guard == mk("eq", 0, B, added(A, 1)) and whole.first == A


def test_units_the_other_way_round_are_one_read_of_their_bits_the_other_way_round() -> None:
    whole = found(joined(added(A, 1), A))
    assert whole is not None and whole.results[0].op == "concat"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(joined(A, added(A, 2)), id="a gap"),
        pytest.param(joined(A, A), id="one unit twice"),
        pytest.param(joined(A, mk("zext", 32, read(A))), id="an address that is read"),
        pytest.param((Store(A, extract(V, 7, 0)), *joined(A, added(A, 1))), id="a store before"),
        pytest.param((Return((mk("zext", 16, read(A)),)),), id="one unit alone"),
    ],
)
def test_others_are_not(body: Block) -> None:
    assert found(body) is None


def test_units_that_are_stored_behind_each_other_are_one_store() -> None:
    halves = extract(V, 7, 0), extract(V, 15, 8)
    whole = found((Store(A, halves[0]), Store(added(A, 1), halves[1])), ())
    assert whole is not None and whole.stored == V and whole.first == A
    assert found((Store(A, halves[0]), Store(added(A, 2), halves[1])), ()) is None


# ---- across pages that lie apart, with tables whose bits are set

TABLES = {0x1000: 0x2007, 0x2010: 0x4007, 0x2018: 0x9007, 0x201C: 0x3007}  # linear 6000 and 7000 lie at 9000 and 3000
CODE = bytes.fromhex("a1fe6f0000 0501010101 a3fe6f0000 8b16 0116 46 ebea")  # eax and edx from and to where pages meet
ROUND = 7


def ran(engine: Engine) -> list[Any]:
    """What an engine makes of reads and stores that move over the end of a page and then off the last."""
    described = machine("i386")
    bus = Bus(Ram(0, 1 << 16, 8, False), (), 8, False, 32)
    for at, entry in TABLES.items():
        bus.store(at, 4, entry)
    for k, byte in enumerate(CODE):
        bus.store(0x4000 + k, 1, byte)
    for k in range(0x20):
        bus.store(0x9FF0 + k, 1, k)
        bus.store(0x3000 + k, 1, 0x80 + k)
    assert described.code.translation is not None
    state = reset(described) | holding(described, described.code.translation.replay)
    state |= {"EIP": 0x4000, "CR0.PG": 1, "CR3": 0x1000}
    held = state["GPR"]
    assert isinstance(held, Cells)
    held[6] = 0x6F00
    surroundings, told = Surroundings(memory=bus), list[Any]()
    for budget in (1, 2, 30, 500, 4000, 40_000):
        stop = engine.run(state, surroundings, budget, frozenset(described.code.exits))
        told.append((stop.steps, stop.exit and stop.exit.args, {n: frozen(v) for n, v in state.items()}))
    assert isinstance(bus.ram, Ram) and isinstance(bus.ram.cells, bytearray)
    return [*told, bytes(bus.ram.cells)]


def test_accesses_across_pages_do_the_same_on_both_tiers() -> None:
    described = machine("i386")
    expected = ran(Interpreter(described))
    assert expected[-2][1] is not None and expected[-1][0x2018] & 0x60 == expected[-1][0x201C] & 0x60 == 0x60
    for engine in (Native(described, QUICK), compiling(described, 0)):
        for i, (one, other) in enumerate(zip(expected, ran(engine), strict=True)):
            assert one == other, i


def test_a_guard_that_is_not_looked_at_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Plan, "__init__", _without_guards(Plan.__init__))
    described = compiling(machine("i386"), 0).machine
    described = replace(described)
    assert ran(Native(described, QUICK)) != ran(Interpreter(described))


def _without_guards(right: Any) -> Any:
    def made(self: Plan, *args: Any) -> None:
        right(self, *args)
        self.gathered = {name: replace(whole, guard=TRUE) for name, whole in self.gathered.items()}

    return made
