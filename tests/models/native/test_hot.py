"""With regions made at any time the native engine does what the plain interpreter does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.machine import Machine
from pgcheck.models.engine import Interpreter, VmExit
from pgcheck.models.memory import Bus, Ram
from pgcheck.models.native.engine import Native
from pgcheck.models.native.mirror import Mirror
from pgcheck.models.native.regions.body import RegionBody
from pgcheck.models.native.regions.folded import Folded
from pgcheck.models.state import Cells, Surroundings, cells, reset
from tests.models.generated.test_compiled import computer as small
from tests.models.generated.test_compiled import loop, paged, run
from tests.models.native import test_engine_tiny as tiny
from tests.models.native.programs import compiling, made, ran
from tests.models.native.test_engine import rewriting
from tests.oracle import machines
from tests.specifications import machine

pytest.importorskip("llvmlite", reason="the extra 'native' is not installed")
pytestmark = pytest.mark.slow

PROGRAMS = {"riscv64": 14, "m68000": 5, "pg74": 16, "pdp10-ka10": 5, "i386": 8}
CAMPAIGN = 500


def agree(name: str, seeds: range) -> int:
    """Hold random programs against the plain interpreter; how many regions were installed."""
    installed = 0
    for seed in seeds:
        described = machine(name)
        engine = compiling(described, seed)
        expected, found = ran(described, Interpreter(described), seed), ran(described, engine, seed)
        for i, (one, other) in enumerate(zip(expected, found, strict=True)):
            assert one == other, (name, seed, i)
        assert not engine.warning
        installed += made(engine)
    return installed


@pytest.mark.parametrize("name", PROGRAMS)
def test_random_programs_run_alike(name: str) -> None:
    assert agree(name, range(PROGRAMS[name])) > PROGRAMS[name] // 4


def test_programs_under_page_tables_run_alike() -> None:
    engines: list[Native] = []
    for seed in range(200, 212):

        def native(described: Machine, seed: int = seed) -> Native:
            engines.append(compiling(described, seed))
            return engines[-1]

        assert run("riscv64", seed, Interpreter, paged) == run("riscv64", seed, native, paged), seed
    assert sum(map(made, engines)) > 2


@pytest.mark.campaign
@pytest.mark.parametrize("name", PROGRAMS)
def test_many_random_programs_run_alike(name: str) -> None:
    agree(name, range(1000, 1000 + CAMPAIGN))


@pytest.mark.parametrize("seed", range(6))
def test_a_tiny_machine_runs_alike(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(machines.machine(seed), encoding="utf-8")
    described = load(path)
    space = described.state
    engine = compiling(described, seed)
    one, other = (
        Bus(Ram(0, space.memory_size, space.memory_unit, space.big_endian), (), space.memory_unit, space.big_endian, space.address_width)
        for _ in range(2)
    )  # fmt: skip
    for case in range(20):
        assert tiny.ran(described, engine, other, case) == tiny.ran(described, Interpreter(described), one, case)


def test_every_budget_is_kept_exactly() -> None:
    engine = compiling(machine("riscv64"), 0)
    for budget in [*range(40), 1000, 12_345]:
        state, surroundings = small(loop())
        assert engine.run(state, surroundings, budget, frozenset()) == VmExit(budget)
        expected, other = small(loop())
        Interpreter(engine.machine).run(expected, other, budget, frozenset())
        assert state == expected and surroundings.clock == budget
    assert made(engine)


def test_a_store_to_the_next_instruction_takes_effect_at_once() -> None:
    state, surroundings = rewriting()
    engine = compiling(machine("riscv64"), 0)
    engine.run(state, surroundings, 4000, frozenset())
    assert cells(state, "X")[7] == 500 * 101 and made(engine)


@pytest.mark.parametrize("counted", [0, -1, 1 << 40])
def test_a_region_that_counts_wrongly_is_refused(counted: int, monkeypatch: pytest.MonkeyPatch) -> None:
    right = RegionBody.spent
    monkeypatch.setattr(RegionBody, "spent", lambda self, steps: right(self, counted * steps))
    engine, (state, surroundings) = compiling(machine("riscv64"), 0), small(loop())
    with pytest.raises(RuntimeError, match="native code took more steps than the"):
        for _ in range(200):
            engine.run(state, surroundings, 1000, frozenset())


def inverted() -> None:
    """Hold a loop against the plain interpreter that inverts 32 bits, of which 16 share a line with code: tier 0 has to store those, after a region has read
    all and perhaps stored the others."""
    described = machine("m68000")
    for at in (0xFE, 0x10E):
        found: list[int] = []
        for engine in (Interpreter(described), compiling(described, 1)):
            bus = Bus(Ram(0, 1 << 12, 8, True), (), 8, True, 24)
            bus.store(0x104, 4, 0x4690_60FC)  # not.l (a0); bra.s -4
            state = reset(described)
            state |= {"A": Cells(0, {0: at}), "PC": 0x104}
            surroundings = Surroundings(memory=bus)
            for times in (101, 102, 104, 108):
                engine.run(state, surroundings, 2 * times, frozenset())
                found.append(bus.load(at, 4))
            assert isinstance(engine, Interpreter) or made(engine)
        assert found == [0xFFFF_FFFF] * 8


def test_stores_before_what_tier_0_has_to_run_are_undone() -> None:
    inverted()


def test_stores_that_are_not_undone_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RegionBody, "_restore", lambda self, part: None)
    with pytest.raises(AssertionError):
        inverted()


# ---- a fault is found


def unmet(self: Folded, ends: Any) -> None:
    if ends:
        self.known, self.stored = ends[0].known, ends[0].stored


@pytest.mark.parametrize(
    ("where", "name", "wrong", "subject"),
    [
        pytest.param(Folded, "_meet", unmet, "riscv64", id="what is known where paths meet"),
        pytest.param(Mirror, "mark", lambda self, first, count: None, "pg74", id="store to code"),
    ],
)
def test_a_fault_is_found(where: type, name: str, wrong: Any, subject: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(where, name, wrong)
    with pytest.raises(AssertionError):
        agree(subject, range(30))
