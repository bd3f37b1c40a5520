"""The family EQ4 in the proofs of a monitor: a generator with a fault makes routines that are refuted, and the report says so."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from pgcheck.checker.check import solver_for
from pgcheck.checker.monitor import routines as proved
from pgcheck.checker.monitor.result import EQ4, CodeProof, MonitorProof
from pgcheck.checker.options import Options
from pgcheck.checker.solving.pool import Pool
from pgcheck.machines.proofs.document import document
from pgcheck.machines.proofs.report import report
from pgcheck.models.generated import source
from pgcheck.shipped import names
from tests.specifications import machine

pytestmark = pytest.mark.slow

Prove = Callable[..., CodeProof]


@pytest.fixture
def prove() -> Iterator[Prove]:
    options = Options(jobs=1)
    with Pool(lambda: solver_for(options), 1) as pool:
        yield lambda name, *only: proved.routines(
            machine(name), replace(options, only=only), pool, lambda total, obligation: None
        )


def whole(code: CodeProof) -> MonitorProof:
    return MonitorProof("pg74", "pg74.yaml", "", (), {}, 0.0, code)


def test_every_routine_is_asked_and_counted(prove: Prove) -> None:
    found = prove("pg74")
    machine_ = machine("pg74")
    assert {o.family for o in found.obligations} == {EQ4} and found.verdict == "proved"
    assert sorted(o.subject for o in found.obligations) == sorted(
        (*machine_.code.functions, *(n for i in machine_.instructions for n in (i.id, f"{i.id} in blocks")))
    )
    assert [(c.family, c.fired) for c in found.canaries] == [(EQ4, True)] * 2
    known = json.loads(document(whole(found), timing=False))["code"]
    assert known["families"] == {EQ4: {"proved": 72}} and known["verdict"] == "proved"
    assert "generated code: proved" in report(whole(found)) and "72 proved" in report(whole(found))


def test_instructions_can_be_asked_alone(prove: Prove) -> None:
    assert [o.subject for o in prove("pg74", "lpsw", "add").obligations] == [
        "add",
        "lpsw",
        "add in blocks",
        "lpsw in blocks",
    ]


# Of an operator: what the generator would write with a fault, and an instruction whose code it is in.
FAULTS = {
    "sext": ("pg74", "li", lambda w, ws, d, a, b: f"{a}"),
    "concat": ("pg74", "srr", lambda w, ws, d, a, b: f"({a} << {ws[1]} ^ {b} >> 1)"),
    "xor": ("pg74", "xor", lambda w, ws, d, a, b: f"({a} | {b})"),
    "or": ("pg74", "or", lambda w, ws, d, a, b: f"({a} + {b})"),
}


@pytest.mark.parametrize("operator", FAULTS)
def test_a_generator_with_a_fault_is_refuted(operator: str, prove: Prove, monkeypatch: pytest.MonkeyPatch) -> None:
    name, instruction, template = FAULTS[operator]
    monkeypatch.setitem(source.TEMPLATES, operator, template)
    alone, found = prove(name, instruction).obligations
    assert alone.verdict == "refuted" and "Interpreter" in alone.reason
    if operator in ("sext", "concat"):  # of operands, which are constants in a block
        assert found.verdict == "proved"
    else:
        assert found.verdict == "refuted" and "without blocks" in found.reason
    shown = report(whole(CodeProof((alone,))))
    assert "refuted: EQ4" in shown and "generated code gives" in shown


# Of a machine without a monitor: instructions whose code has what is hard to follow: page walks with early returns and of several addresses, narrow shifts, divisions.
HARD = {
    "i386": ("sar.rm16_imm8", "verr", "movsw", "cmpsd"),
}


@pytest.mark.parametrize("name", HARD)
def test_code_that_is_hard_to_follow_is_proved_and_a_fault_in_it_refuted(
    name: str, prove: Prove, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = prove(name, *HARD[name])
    assert found.obligations and found.verdict == "proved", [o for o in found.obligations if o.verdict != "proved"]
    assert {o.evidence for o in found.obligations if o.subject.startswith(HARD[name][0])} <= {"folded", "two-solvers"}
    monkeypatch.setitem(source.TEMPLATES, "concat", lambda w, ws, d, a, b: f"({a} << {ws[1]} ^ {b} >> 1)")
    assert "refuted" in {o.verdict for o in prove(name, HARD[name][0]).obligations}


@pytest.mark.campaign
@pytest.mark.parametrize("name", names())
def test_all_generated_code_of_a_shipped_machine_is_proved(name: str, prove: Prove) -> None:
    found = prove(name)
    assert found.verdict == "proved", [o for o in found.obligations if o.verdict != "proved"]


def test_a_silent_canary_proves_nothing(prove: Prove, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proved, "compared", lambda made, routine: {})
    found = prove("pg74", "add")
    assert [c.fired for c in found.canaries] == [False, True] and found.verdict == "unknown"
    assert proved.WASTES in found.obligations[0].reason
