"""The native code of a specification is proved as a user asks for it."""

from __future__ import annotations

import pytest

from pgcheck.checker.generated.native.tier0 import interpreter
from pgcheck.checker.monitor.native.tier0 import ASSUMED, native_code, validated
from pgcheck.checker.monitor.result import Obligation
from pgcheck.checker.options import Limits, Options
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.pool import Pool
from pgcheck.checker.solving.solver import Solver
from pgcheck.models.native.lowering.llvm import Body
from tests.specifications import machine

pytestmark = pytest.mark.slow
OPTIONS = Options(only=("load", "add"), jobs=1)


def asked(name: str) -> tuple[list[Obligation], tuple[str, ...]]:
    told: list[Obligation] = []
    with Pool(lambda: Solver(Limits(), None, True), 1) as pool:
        found = native_code(machine(name), OPTIONS, pool, lambda total, o: told.append(o))
    assert tuple(told) == found.obligations and all(c.fired for c in found.canaries)
    return told, found.assumed


def test_what_is_asked_for_is_proved_and_what_is_assumed_is_said() -> None:
    told, assumed = asked("pg74")
    assert [o.verdict for o in told] == ["proved", "proved"] and assumed == ASSUMED


def test_a_fault_of_the_lowering_is_refuted_with_a_state(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Body.op

    def swapped(self: Body, op: str, width: int, a: str, b: str) -> str:
        return right(self, "sub" if op == "add" and width == 32 else op, width, a, b)

    monkeypatch.setattr(Body, "op", swapped)
    found = [o for o in asked("pg74")[0] if o.verdict == "refuted"]
    assert found and all("native code differs" in o.reason and o.counterexample is not None for o in found)


@pytest.mark.campaign
@pytest.mark.parametrize("name", ["pg74", "riscv64", "m68000", "m68010", "i386", "x86-umip", "pdp10-ka10"])
def test_tier_0_of_a_shipped_machine_is_proved(name: str) -> None:
    solver, code = Solver(Limits(), None, True), interpreter(machine(name))
    found = [validated(code, r, Evidence(solver, False)) for r in code.routines]
    solver.close()
    assert [(o.subject, o.verdict, o.reason) for o in found if o.verdict != "proved"] == []
