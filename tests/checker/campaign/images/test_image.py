"""Holes as programs: what a forced monitor's guest notices from reset, and what it cannot."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgcheck.checker.campaign.images.image import Images, Unreachable, images
from pgcheck.checker.result import Witness
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.verdicts.policy import policy
from pgcheck.vmm.policy import Policy
from tests.checker.results import Checked
from tests.specifications import machine_of


def hole(checked: Checked, evidence: Evidence, name: str) -> tuple[Policy, str, Witness]:
    """The forced policy and the only hole of a small specification."""
    found = policy(machine_of(name), checked(name).main, evidence, force=True)
    ((row, witness),) = [(r.id, r.witness) for r in checked(name).main.instructions if r.witness is not None]
    return found, row, witness


@pytest.mark.parametrize("name", ["read_mode", "lra"])
def test_a_hole_that_shows_in_a_register_is_seen_by_a_program(checked: Checked, evidence: Evidence, name: str) -> None:
    forced, row, witness = hole(checked, evidence, name)
    ((same, image, shown, reason),) = images(machine_of(name), forced, [(row, witness)])
    assert same == row and not reason and image is not None and shown is not None
    assert shown.bare != shown.monitored and image.steps > 1


def test_a_hole_in_what_no_instruction_reads_is_seen_by_none(checked: Checked, evidence: Evidence) -> None:
    """The interrupt enable of this machine can be set and never read."""
    forced, row, witness = hole(checked, evidence, "popf")
    ((_, image, shown, reason),) = images(machine_of("popf"), forced, [(row, witness)])
    assert image is not None and shown is not None and shown.bare == shown.monitored
    assert "sees no difference: virtual:IE" in reason


def test_an_instruction_that_is_no_hole_shows_nothing(checked: Checked, evidence: Evidence) -> None:
    """The same program with another instruction in the hole's place: the digests agree."""
    forced, row, witness = hole(checked, evidence, "read_mode")
    machine = machine_of("read_mode")
    writer = Images(machine)
    image = writer.image(row, witness)
    assert writer.shown(image, forced).bare != writer.shown(image, forced).monitored
    (unit,) = witness.units
    harmless = {a: 0x06100000 if v == unit else v for a, v in image.cells.items()}
    quiet = type(image)(image.row, harmless, image.steps, image.dump)
    shown = writer.shown(quiet, forced)
    assert shown.bare == shown.monitored and shown.bare


def test_registers_are_loaded_and_stored_by_instructions_that_do_that(checked: Checked) -> None:
    """pg74 loads accumulators with LOAD and stores them with STORE."""
    registers = Images(machine_of("pg74")).registers
    assert set(registers.loads) == set(registers.stores) == {("A", k) for k in range(16)}
    assert {a.instruction.id for a in registers.loads.values()} <= {"load", "tlu"}
    assert {a.instruction.id for a in registers.stores.values()} == {"store"}


def test_what_cannot_be_reached_is_said(checked: Checked, evidence: Evidence) -> None:
    _, row, witness = hole(checked, evidence, "read_mode")
    with pytest.raises(Unreachable, match="virtual user mode"):
        Images(machine_of("read_mode")).image(row, replace(witness, virtual_mode=1))
