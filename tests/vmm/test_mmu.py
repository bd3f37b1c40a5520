"""Mapping schemes on the monitor's side: each that a specification can declare has its mechanism, in a file of the same name."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from pgcheck.isa.machine.schemes import Bounds, Entries, External, Scheme
from pgcheck.isa.rows import modules
from pgcheck.vmm import schemes
from pgcheck.vmm.audit import audit
from pgcheck.vmm.mmu import mechanism, mechanisms
from pgcheck.vmm.schemes.external import ExternalMmu
from tests.specifications import machine
from tests.vmm import programs
from tests.vmm.lockstep import pair, policy_of


def test_every_scheme_has_a_mechanism() -> None:
    assert set(mechanisms()) == set(get_args(Scheme))
    assert modules("pgcheck.vmm.schemes") == modules("pgcheck.isa.machine.schemes")


@pytest.mark.parametrize(("name", "scheme"), [("riscv64", Entries), ("pg74", Bounds), ("m68010", External)])
def test_a_machine_has_the_mechanism_of_its_scheme(name: str, scheme: type[object]) -> None:
    assert mechanism(machine(name)).scheme is scheme


def test_a_machine_without_a_scheme_is_helped_from_outside() -> None:
    one = machine("pg74")
    assert mechanism(replace(one, code=replace(one.code, translation=None))).scheme is External


NEW = """
from pgcheck.vmm.mmu import Mechanism
from pgcheck.vmm.schemes.external import audit, made

class Nothing:
    pass

MECHANISM = Mechanism(scheme=Nothing, made=made, audit=audit, outside=True)
"""


def test_a_new_mechanism_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guest on a processor of its scheme runs, and is audited."""
    (tmp_path / "nothing.py").write_text(NEW)
    monkeypatch.setattr(schemes, "__path__", [*schemes.__path__, str(tmp_path)])
    mechanisms.cache_clear()
    try:
        [new] = set(mechanisms()) - set(get_args(Scheme))
        one = machine("m68010")
        assert one.code.translation is not None
        translation = replace(one.code.translation, realise=new())  # type: ignore[arg-type]  # a scheme of this test
        other = replace(one, code=replace(one.code, translation=translation))
        both = pair(other, policy_of("m68010"), programs.M68_SIZE, programs.m68(other))
        both.step(200)
        assert (
            isinstance(both.guest.monitor.mmu, ExternalMmu)
            and both.guest.computer.clock == 200
            and audit(both.vmm) == ()
        )
    finally:
        mechanisms.cache_clear()
        sys.modules.pop("pgcheck.vmm.schemes.nothing", None)
