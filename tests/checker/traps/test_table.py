"""The trap table: what it says of small machines, that it changes with them, and what registers and knobs say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pgcheck.checker.check import solver_for
from pgcheck.checker.example import MACHINE, REFUSED, SILENT
from pgcheck.checker.options import Options
from pgcheck.checker.questions.subject import judgeable
from pgcheck.checker.solving.pool import Pool
from pgcheck.checker.traps.registers import knobs, registers
from pgcheck.checker.traps.table import Traps, traps
from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.machine import Machine
from pgcheck.shipped import shipped
from tests.specifications import machine

Made = Callable[..., Traps]


@pytest.fixture(scope="module")
def made() -> Iterator[Made]:
    with Pool(lambda: solver_for(Options(cache=False, second=False)), 1) as pool:

        def make(known: Machine, *names: str) -> Traps:
            chosen = [i for i in judgeable(known) if not names or i.name in names]
            return traps(known, pool, chosen, second=False)

        yield make


def said(table: Traps, row: str) -> dict[int, dict[str, str]]:
    [found] = [r for r in table.rows if r.id == row]
    return {m: {str(e.way): e.when.text for e in es} for m, es in found.endings.items()}


def toy(folder: Path, *edits: tuple[str, str]) -> Machine:
    text = MACHINE
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    path = folder / "toy.yaml"
    path.write_text(text, "utf-8")
    return load(path, shipped=shipped)


def test_an_instruction_that_is_refused_traps_and_one_that_is_not_completes(made: Made, tmp_path: Path) -> None:
    assert said(made(toy(tmp_path, REFUSED), "cli"), "cli") == {
        0: {"completes": "true"},
        1: {"trap(Privileged)": "true"},
    }
    assert said(made(toy(tmp_path, SILENT), "cli"), "cli") == {0: {"completes": "true"}, 1: {"completes": "true"}}


def test_the_condition_is_in_the_names_of_the_specification(made: Made, tmp_path: Path) -> None:
    gated = (
        "if (M == 1) { trap(Cause::Privileged); }\n      IE",
        "if (M == 1 && BASE[7:4] == 3) { trap(Cause::Privileged); }\n      IE",
    )
    assert said(made(toy(tmp_path, gated), "cli"), "cli")[1] == {
        "completes": "BASE[7:4] != 3",
        "trap(Privileged)": "BASE[7:4] == 3",
    }


def test_the_order_of_two_checks_is_seen(made: Made, tmp_path: Path) -> None:
    first = ("if (M == 1) { trap(Cause::Privileged); }\n      IE", "{} IE")
    a, b = "if (IE == 1) { trap(Cause::Service); }", "if (A == 7) { trap(Cause::Undefined); }"
    one = made(toy(tmp_path, (first[0], f"{a} {b} IE")), "cli")
    other = made(toy(tmp_path, (first[0], f"{b} {a} IE")), "cli")
    assert said(one, "cli")[0]["trap(Service)"] == "IE == 1"
    assert said(one, "cli")[0]["trap(Undefined)"] == "IE == 0 && A == 7"
    assert said(other, "cli")[0]["trap(Service)"] == "IE == 1 && A != 7"
    assert said(other, "cli")[0]["trap(Undefined)"] == "A == 7"


def test_where_a_trap_is_delivered_is_the_specifications_own_entry(made: Made, tmp_path: Path) -> None:
    def arrivals(known: Machine) -> dict[int | None, str]:
        table = made(known, "cli")
        [(_, found)] = table.delivered.items()
        return {a.mode: a.when.text for a in found}

    assert arrivals(toy(tmp_path)) == {0: "true"}
    entry = ("OLD = $pc; M = 0; $pc = 8'd4;", "OLD = $pc; M = (IE == 1) ? 1'b0 : M; $pc = 8'd4;")
    assert arrivals(toy(tmp_path, entry)) == {0: "IE == 1", 1: "IE == 0"}


def test_a_register_is_read_and_written_from_where_some_instruction_can(made: Made) -> None:
    known = machine("riscv64")
    table = made(known, "csrrw", "csrrs")
    found = {r.name: r for r in registers(known, table)}
    assert set(found) == set(known.decoding.csr_names.values())
    u, s, m = table.modes
    satp, cycle, marchid = found["satp"], found["cycle"], found["marchid"]
    assert satp.read == satp.written == {u: "never", s: "mstatus.TVM == 0", m: "always"}
    assert cycle.read == {u: "mcounteren.CY == 1 && scounteren.CY == 1", s: "mcounteren.CY == 1", m: "always"}
    assert set(cycle.written.values()) == {"never"}
    assert (marchid.read[m], marchid.written[m]) == ("always", "never")


def test_a_knob_is_control_state_that_makes_rows_trap(made: Made) -> None:
    table = made(machine("riscv64"), "sret", "wfi", "sfence.vma", "lw")
    assert {(k.leaf, k.mode, k.when, k.rows) for k in knobs(table)} == {
        ("mstatus.TSR", 1, ("mstatus.TSR == 1",), ("sret",)),
        ("mstatus.TVM", 1, ("mstatus.TVM == 1",), ("sfence.vma",)),
        ("mstatus.TW", 1, ("mstatus.TW == 1",), ("wfi",)),
    }


def test_what_takes_too_many_comparisons_is_named_by_where_it_stands(made: Made) -> None:
    table = made(machine("i386"), "retf")
    ends = [e for r in table.rows for es in r.endings.values() for e in es]
    named = [e.when for e in ends if e.when.status == "named"]
    assert named and all(w.through and not w.text for w in named)
    assert not table.unknown
    assert any("far_return" in w.through for w in named)


def test_an_obligation_without_an_answer_is_not_decided() -> None:
    options = Options(cache=False, second=False, rlimit=1)
    known = machine("riscv64")
    with Pool(lambda: solver_for(options), 1) as pool, pytest.MonkeyPatch.context() as patch:
        patch.setattr("pgcheck.checker.traps.table.present", lambda *_: (0, 1))
        table = traps(known, pool, [known.instruction("lr.w")], second=False)
    assert table.unknown
