"""Guests that are another machine than their host: the exact question, the configuration, witnesses and the monitor's proofs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgcheck.checker.check import Options, check
from pgcheck.checker.monitor.proof import prove_monitor
from pgcheck.checker.result import DeploymentResult, InstructionResult
from pgcheck.checker.witnesses.witness_replay import replay_witness
from pgcheck.isa.machine.machine import Machine
from pgcheck.language import load
from tests.specifications import SMALL

OPTIONS = Options(second=False)


def host(name: str) -> Machine:
    return load(SMALL / "virtual" / f"{name}.yaml")


def answered(machine: Machine, deployment: str, *only: str) -> DeploymentResult:
    """The answer of a deployment of which another machine is the guest, about some instructions."""
    return check(machine.under(deployment), replace(OPTIONS, only=only)).main


def rows(found: DeploymentResult) -> dict[str, InstructionResult]:
    return {row.id: row for row in found.instructions}


@pytest.fixture(scope="module")
def pg74() -> Machine:
    return host("pg74-host")


def test_an_instruction_that_the_host_lacks_is_emulated(pg74: Machine) -> None:
    found = check(pg74, OPTIONS)
    assert [d.name for d in found.deployments] == ["default", "triple", "noting"]
    default, triple, noting = found.deployments
    assert default.theorems["theorem1"].status == default.theorems["monitor"].status == "holds"
    assert triple.theorems["monitor"].status == "holds"
    assert rows(triple)["triple"].verdict == "trap-mediated" and "triple" not in rows(default)
    assert {r.id for r in triple.instructions if r.verdict == "hole"} == set()
    assert noting.theorems["monitor"].failing == ("move",)


def test_a_bit_that_the_host_lacks_is_refuted_with_a_witness(pg74: Machine) -> None:
    row = rows(answered(pg74, "noting", "move", "add"))
    assert row["add"].verdict == "innocuous" and row["move"].verdict == "hole"
    witness = row["move"].witness
    assert witness is not None and list(map(str, witness.differs)) == ["virtual:DIRTY"]
    again = replay_witness(pg74.under("noting"), witness)
    assert again.reproduced and again.virtual_after["DIRTY"] == 1 and "DIRTY" not in again.real_after
    mended = replace(witness, virtual={**witness.virtual, "DIRTY": 1})
    assert not replay_witness(pg74.under("noting"), mended).reproduced


def test_the_monitor_of_a_guest_that_is_another_machine_is_proved(pg74: Machine) -> None:
    machine = pg74.under("triple")
    found = prove_monitor(machine, replace(OPTIONS, only=("triple", "move", "lpsw")))
    assert found.verdict == "proved"
    subjects = {o.subject.partition("@")[0] for d in found.deployments for o in d.obligations}
    assert subjects >= {"triple", "move", "lpsw"}


def test_words_that_two_instructions_share_in_part_are_judged_by_themselves() -> None:
    machine = host("pg74-narrow").under("wide")
    names = ("setc / sets", "setc", "double", "guest double")
    row = rows(answered(machine, "wide", *names))
    assert {i: r.verdict for i, r in row.items()} == {
        "setc / sets": "hole",
        "setc": "trap-mediated",
        "double": "innocuous",
        "guest double": "trap-mediated",
    }
    witness = row["setc / sets"].witness
    assert witness is not None and witness.units == (0x82000000,) and replay_witness(machine, witness).reproduced
    assert (
        prove_monitor(host("pg74-doubling").under("wide"), replace(OPTIONS, only=("double", "guest double"))).verdict
        == "proved"
    )


def test_a_feature_is_hidden_where_its_traps_are_emulated() -> None:
    machine = host("umip-hidden")
    guests = answered(machine, "i386", "sgdt", "smsw", "mov", "popf")
    row = rows(guests)
    assert guests.configuration.constants == {"CR4.UMIP": 1}
    assert {row[i].verdict for i in ("sgdt", "smsw.m16", "smsw.r32")} == {"conditional"}
    assert row["popf.32"].verdict == "hole"
    assert row["mov.cr4_r32"].verdict != "hole"


def test_an_extension_of_riscv64_is_emulated_on_riscv64() -> None:
    found = rows(answered(host("triple-emulated"), "extended", "triple", "add", "sret", "ld"))
    assert {i: r.verdict for i, r in found.items()} == {
        "triple": "trap-mediated",
        "add": "innocuous",
        "sret": "privileged",
        "ld": "innocuous",
    }
