"""Deliveries that store much: many conditional stores are read through once each, and too many are not told apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pgcheck.checker.questions.entry import settled
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.values import NOTHING
from pgcheck.checker.world.arrival import MOST_STORED, Arrival, arrivals
from pgcheck.isa.terms import constant, ite, select
from tests.checker.premises.asking import CONTROL
from tests.checker.variants import edited


def arriving(folder: Path, stores: str, evidence: Evidence) -> Arrival:
    machine = edited(folder, ("SM = M; SP = $pc;", f"{stores} SM = M; SP = $pc;"), base=CONTROL)
    (arrival,) = arrivals(settled(machine, machine.deployments[0], evidence), NOTHING)
    return arrival


def test_each_store_is_looked_through_once_whatever_hangs_on_conditions(tmp_path: Path, evidence: Evidence) -> None:
    stores = " ".join(
        f"if (A[{k % 4}][{k % 8}] == 1) {{ write_physical_memory<8>(SP + 4'd{k % 16}, 8'd{k}); }}" for k in range(48)
    )
    arrival = arriving(tmp_path, stores, evidence)
    memory = arrival.pre[arrival.machine.state.memory]
    assert len(arrival.stored) == 48
    first = arrival.stored[0]  # at SP, and again by the 16th and the 32nd, all on one condition
    assert first.value is ite(first.guard, constant(8, 32), select(memory, first.address))


def test_what_stores_too_much_is_not_decided(tmp_path: Path, evidence: Evidence) -> None:
    many = f"for (U32 i = 0; i < {MOST_STORED + 1}; i++) {{ write_physical_memory<8>(4'd3, 8'd0); }}"
    with pytest.raises(Undecided, match=f"stores more than {MOST_STORED} units"):
        arriving(tmp_path, many, evidence)
    assert len(arriving(tmp_path, many.replace(str(MOST_STORED + 1), "100"), evidence).stored) == 100


def test_deliveries_are_run_once_for_each_deployment_and_what_enters(tmp_path: Path, evidence: Evidence) -> None:
    machine = edited(tmp_path, base=CONTROL)
    setting = settled(machine, machine.deployments[0], evidence)
    found = arrivals(setting, NOTHING)
    assert arrivals(replace(setting), NOTHING) is found
    other = replace(setting, deployment=replace(setting.deployment))
    assert arrivals(other, NOTHING) is not found
    assert not arrivals(replace(setting, entering=frozenset()), NOTHING)
