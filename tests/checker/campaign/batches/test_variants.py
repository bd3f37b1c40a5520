"""One decoder for both tiers: native code makes the same case of a tape as Python, and runs it as the plain evaluator does."""

from __future__ import annotations

import ctypes

import pytest

from pgcheck.checker.campaign.batches.share import Share
from pgcheck.checker.campaign.cases.case import TAPE, Case
from pgcheck.checker.campaign.cases.tape import counted, sites
from pgcheck.checker.campaign.pairs.pair import alone
from pgcheck.isa.terms.ir import UNMODELLED, UNPREDICTABLE
from pgcheck.models.computer.computer import Computer
from pgcheck.models.engine import Engine, Interpreter
from pgcheck.models.generated.compiled import Compiled
from pgcheck.models.memory import Ram
from pgcheck.models.native.batches.batch import tape
from pgcheck.models.native.batches.parts import Side
from pgcheck.models.native.batches.steps import End
from pgcheck.models.state import Cells, copied
from tests.checker.campaign.batches.conftest import Shares

pytestmark = pytest.mark.slow
LARGE = [pytest.param(name, marks=pytest.mark.campaign) for name in ("m68010", "riscv64", "i386", "pdp10-ka10")]


def tapes(share: Share, shape: int, count: int) -> list[bytes]:
    """Tapes like one drawn case: the one that changes nothing, and some of a seed."""
    length, drawn = share.batches.variants.form.tape, counted("variants", shape, TAPE)
    return [drawn + tail for tail in (bytes(8 * length), *(tape(shape, k, length) for k in range(count)))]


def computer(share: Share, case: Case, engine: Engine | None = None) -> Computer:
    """A computer on which a case has been put."""
    machine = alone(share.author.machine)
    state, size = machine.state, share.author.layout.size
    held = Ram(machine.platform.ram_base, size, state.memory_unit, state.big_endian)
    made = Computer(machine, engine or Interpreter(machine), held)
    made.state.clear()
    made.state.update(copied(case.state))
    made.surroundings.undefined = sites(0)
    for address, count, value in case.stores:
        made.bus.store(address, count, value)
    return made


def unlike(share: Share, side: Side, found: Computer) -> list[str]:
    """What a machine of a batch and a computer do not agree on."""
    machine, mirror, batch = share.author.machine, side.mirror, share.batches.batch
    names = [n for n, place in side.layout.scalars.items() if mirror.number(place) != found.state[n]]
    for name, row in mirror.leaves.rows.items():
        held = found.state[name]
        assert isinstance(held, Cells)
        names += [f"{name} {k}" for k in range(row.size) if row.has(k) and row.get(k) != held[k]]
    values = side.words["values"]
    for name, at in batch.volatile.items():
        held = found.state[name]
        for k in range(machine.state.arrays[name].size) if isinstance(held, Cells) else (0,):
            kept = ctypes.c_uint64.from_address(values + 8 * (at + k)).value
            names += [f"{name} {k}"] if kept != (held[k] if isinstance(held, Cells) else held) else []
    ram, size = found.bus.ram, share.author.layout.size
    assert isinstance(ram, Ram)
    names += [f"memory {a:#x}" for a in range(ram.base, ram.base + size) if side.held.load(a, 1) != ram.load(a, 1)]
    return names


@pytest.mark.parametrize("name", ["pg74", "popf", *LARGE])
def test_native_code_makes_the_case_of_a_tape_that_python_makes(shares: Shares, name: str) -> None:
    share = shares(name)
    batch, changed = share.batches.batch, 0
    for shape in range(3):
        for one in tapes(share, shape, 5):
            (case,) = share.drawn(one)
            share.batches.begin(share.base(one))
            batch.words["steps"] = 0
            batch.one(one[TAPE:])
            expected = computer(share, case)
            for side in (batch.bare, batch.virtual):
                assert unlike(share, side, expected) == []
            changed += case != share.base(one)
    assert changed >= 12


def test_a_tape_of_zeros_changes_nothing(shares: Shares) -> None:
    share = shares("pg74")
    drawn = counted("variants", 0, TAPE)
    assert share.drawn(drawn) == (share.base(drawn),)


def test_tapes_of_a_seed_are_those_that_native_code_draws(shares: Shares) -> None:
    share = shares("pg74")
    batch, length = share.batches.batch, share.batches.variants.form.tape
    share.batches.begin(share.base(counted("variants", 0, TAPE)))
    for number in (0, 1, 70_000):
        batch.run(1 << 63 | 5, number, number + 1)
        assert batch.tape() == tape(1 << 63 | 5, number, length)


@pytest.mark.parametrize("name", ["pg74", "popf", *LARGE])
def test_the_bare_machine_of_a_batch_is_the_plain_evaluators(shares: Shares, name: str) -> None:
    share = shares(name)
    batch, met = share.batches.batch, 0
    machine = alone(share.author.machine)
    for shape in range(4):
        for one in tapes(share, shape, 5):
            (case,) = share.drawn(one)
            share.batches.begin(share.base(one))
            if batch.one(one[TAPE:])[0] == End.ASIDE:
                continue
            found = computer(share, case, Interpreter(machine) if name in ("pg74", "popf") else Compiled(machine))
            stop = found.run(case.steps)
            assert unlike(share, batch.bare, found) == []
            assert case.steps - batch.bare.words["left"] == stop.steps
            if stop.exit is not None:
                assert batch.bare.exits[batch.bare.words["exit"]] == stop.exit.function
            left_open = stop.exit is not None and stop.exit.function in (UNMODELLED, UNPREDICTABLE)
            met += stop.steps > 3 and not left_open
    assert met >= 8
