"""What gdb is told of a machine."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from pgcheck.debugging.description import OWN, WIDTHS, described
from tests.specifications import machine

KNOWN = {
    "riscv64": ("org.gnu.gdb.riscv.cpu", 33),
    "i386": ("org.gnu.gdb.i386.core", 32),
    "m68000": ("org.gnu.gdb.m68k.core", 18),
}
"""The feature that gdb asks for, and how many registers it has there (GDB manual, G.5)."""


@pytest.mark.parametrize("name", KNOWN)
def test_the_document_has_what_gdb_asks_for_and_all_other_state(name: str) -> None:
    found = described(machine(name))
    root = ElementTree.fromstring(found.document)
    features = {f.get("name"): f.findall("reg") for f in root.findall("feature")}
    wanted, count = KNOWN[name]
    assert list(features) == [wanted, OWN] and len(features[wanted]) == count
    listed = [r.get("name") for registers in features.values() for r in registers]
    assert listed == [r.name for r in found.registers] and len(set(listed)) == len(listed)
    assert all(int(r.get("bitsize", "0")) in WIDTHS for r in features[OWN])


def test_state_has_the_names_of_the_specification() -> None:
    of_riscv = {r.name for r in described(machine("riscv64")).registers}
    assert {"mstatus", "satp", "current_mode", "sp"} <= of_riscv and not {"X1", "PC", "MEM", "mtime"} & of_riscv
    of_i386 = {r.name for r in described(machine("i386")).registers}
    assert {"CPL", "DR7", "GDTR_base", "SEGBASE3"} <= of_i386 and not {"GPR0", "EFLAGS", "PORT", "TSC"} & of_i386


def test_fields_are_told() -> None:
    root = ElementTree.fromstring(described(machine("riscv64")).document)
    flags = next(f for f in root.iter("flags") if f.get("id") == "Satp")
    assert {f.get("name"): (f.get("start"), f.get("end")) for f in flags} == {
        "PPN": ("0", "43"),
        "ASID": ("44", "59"),
        "MODE": ("60", "63"),
    }


def test_a_machine_that_gdb_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="does not say how gdb knows it"):
        described(machine("pg74"))
