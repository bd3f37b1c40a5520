"""What a function can read is all that it and what it calls mention, whatever the path."""

from __future__ import annotations

import pytest

from pgcheck.isa.terms.reads import bound_calls, leaves_read, terms_of
from tests.specifications import machine


@pytest.mark.parametrize(
    ("name", "leaves"),
    [
        ("pg74", {"R.b", "R.l"}),
        ("pdp10-ka10", {"PROT", "RELOC"}),
        ("m68000", set()),
        ("riscv64", {"satp.MODE", "satp.PPN", "mstatus.SUM", "mstatus.MXR"}),
    ],
)
def test_what_translation_reads(name: str, leaves: set[str]) -> None:
    spec = machine(name)
    assert spec.code.translation is not None
    assert leaves_read(spec.code.functions, spec.code.translation.function, spec.code.exits) == leaves


def test_arrays_and_what_is_called_deeper_are_read_too() -> None:
    found = leaves_read(machine("i386").code.functions, "translate", machine("i386").code.exits)
    assert {"SEGBASE", "SEGLIM", "SEL", "CR3", "CR0.WP", "CR4.PSE"} <= found


def test_the_body_of_a_terminator_is_read_only_when_it_is_followed() -> None:
    spec = machine("riscv64")
    assert "stvec.BASE" not in leaves_read(spec.code.functions, "translate", spec.code.exits)
    assert "stvec.BASE" in leaves_read(spec.code.functions, "raise", ())


def test_calls_that_give_several_results_are_followed() -> None:
    """The frame that the walk gives has two members, so translation binds its results."""
    assert "walk" in set(bound_calls(machine("i386").code.functions["translate"].body))


def test_the_terms_of_all_branches() -> None:
    loads = [t for t in terms_of(machine("i386").code.functions["walk"].body) if t.op == "load"]
    assert len(loads) == 2
