"""Trap tables beside those of the manuals (tests/data/traps): which exception, in which mode, from where registers are reached, to whom a trap goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pgcheck.checker.check import solver_for
from pgcheck.checker.options import Options
from pgcheck.checker.questions.subject import judgeable
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.pool import Pool
from pgcheck.checker.traps.reading import mode_name
from pgcheck.checker.traps.registers import Register, registers
from pgcheck.checker.traps.table import Traps, traps
from pgcheck.checker.traps.ways import TRAPS, step
from pgcheck.isa.idl.types import Enum
from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.machine import Machine, Row
from pgcheck.isa.terms.ir import Block
from pgcheck.isa.terms.reads import calls, raised
from pgcheck.shipped import shipped
from tests.specifications import ROOT, machine

RISCV, I386 = machine("riscv64"), machine("i386")


def manual(name: str) -> Any:
    return yaml.safe_load((ROOT / "tests" / "data" / "traps" / f"{name}.yaml").read_text("utf-8"))


MANUAL, INTEL = manual("riscv64"), manual("i386")
LISTED = {i: entry for entry in INTEL["instructions"] for i in entry["ids"]}


@pytest.fixture(scope="module")
def table() -> Iterator[Traps]:
    """The table of RISC-V's privileged instructions, CSR instructions and some that access memory."""
    names = {*MANUAL["instructions"], "csrrw", "csrrs", "csrrwi", "lw", "sw", "jalr"}
    with Pool(lambda: solver_for(Options(cache=False, second=False)), 1) as pool:
        yield traps(RISCV, pool, [i for i in judgeable(RISCV) if i.name in names], second=False)


def ends(found: Traps, row: str) -> dict[str, dict[str, str]]:
    """The traps of a row by mode and name, with their conditions ("" for always)."""
    [one] = [r for r in found.rows if r.id == row]
    return {
        mode_name(RISCV, m): {
            e.way.causes[0].members[0]: e.when.text.replace("true", "") for e in es if e.way.what == TRAPS
        }
        for m, es in one.endings.items()
    }


@pytest.mark.parametrize("name", MANUAL["instructions"])
def test_a_privileged_instruction_ends_as_the_manual_says(name: str, table: Traps) -> None:
    wanted = {mode: what for mode, what in MANUAL["instructions"][name].items() if mode != "section"}
    assert ends(table, name) == wanted


def decoded(word: int) -> str:
    """The instruction that a word is, "" for none."""
    found = RISCV.decoding.decoder.decode(lambda number: word if number == 0 else 0)
    return "" if found is None else found.id


def test_every_privileged_instruction_of_the_manual_is_there_or_left_out() -> None:
    words = MANUAL["words"]
    assert {name: decoded(word) for name, word in words.items()} == {name: name for name in words}
    assert words.keys() == MANUAL["instructions"].keys()
    assert {name: decoded(word) for name, word in MANUAL["no_words"]["words"].items() if decoded(word)} == {}


def test_every_csr_of_the_manual_is_there_or_left_out(table: Traps) -> None:
    names = {name: address for address, name in RISCV.decoding.csr_names.items()}
    assert names == MANUAL["registers"]["addresses"]
    absent = {a for low, high in MANUAL["registers"]["absent"].values() for a in range(low, high + 1)}
    assert not absent & {*RISCV.decoding.csr_names}
    for row in ("csrrw:other", "csrrs:other", "csrrwi:other"):
        assert ends(table, row) == dict.fromkeys("USM", {"IllegalInstruction": ""})


def reached(register: Register, access: str) -> dict[str, str]:
    found = register.read if access == "read" else register.written
    return {mode_name(RISCV, m): when for m, when in found.items()}


@pytest.mark.parametrize("kind", ["URO", "SRW", "MRO", "MRW"])
def test_a_csr_is_reached_from_where_the_manual_says(kind: str, table: Traps) -> None:
    lowest, rights = kind[0], kind[1:]
    found = {r.name: r for r in registers(RISCV, table)}
    for name in MANUAL["registers"][kind]:
        gates = MANUAL["gates"].get(name, {})
        read = {m: gates.get(m, "always") if "USM".index(m) >= "USM".index(lowest) else "never" for m in "USM"}
        assert reached(found[name], "read") == read, name
        assert reached(found[name], "written") == (read if rights == "RW" else dict.fromkeys("USM", "never")), name


def test_traps_are_delegated_by_the_bit_of_their_code(table: Traps) -> None:
    (_, codes), *_ = RISCV.code.exits["raise"].parameters
    assert isinstance(codes, Enum)
    wanted = {n: one for n, one in MANUAL["exceptions"].items() if n != "section"}
    assert codes.members == {n: one["code"] for n, one in wanted.items()}
    for (cause, mode), arrivals in table.delivered.items():
        to = {mode_name(RISCV, a.mode): a.when.text for a in arrivals if a.mode is not None}
        field = wanted[cause.members[0]]["medeleg"]
        delegated = {"S": f"medeleg.{field} == 1", "M": f"medeleg.{field} == 0"}
        assert to == ({"M": "true"} if mode_name(RISCV, mode) == "M" else delegated)
        assert not any(a.nested for a in arrivals)


@pytest.mark.parametrize("identifier", LISTED)
def test_exceptions_of_a_system_instruction_are_those_that_intel_lists(identifier: str, evidence: Evidence) -> None:
    differs = INTEL["differs"].get(identifier, {})
    for cpl, key in ((0, "cpl0"), (3, "cpl3")):
        taken = step(I386, I386.instruction(identifier), Row(""), cpl)
        found = {
            "GP" if cause.function == "refuse" else cause.members[0]
            for way, guard in taken.ways.items()
            if way.what == TRAPS and evidence.possible([*taken.known, guard], f"{identifier}:{way}")
            for cause in way.causes
            if cause.function != "software_interrupt"
        }
        assert found == {*LISTED[identifier][key]} ^ {*differs.get(key, ())}, (identifier, key)


def reached_functions(known: Machine, body: Block) -> set[str]:
    """The functions and traps that code calls, directly or not."""
    found, todo = set[str](), [body]
    while todo:
        code = todo.pop()
        new = {*calls(code), *raised(code)} - found
        found |= new
        todo += [known.code.functions[n].body for n in new if n in known.code.functions and n not in known.code.exits]
    return found


def test_every_system_instruction_is_compared() -> None:
    """Whatever may be refused for the privilege level is in the list, and so are the two that move the flags."""
    refused = {i.id for i in I386.instructions if "refuse" in reached_functions(I386, i.body)}
    assert {"hlt", "rep_insb"} <= refused <= LISTED.keys() and {"pushf.32", "popf.32"} <= LISTED.keys()


def test_intel_says_when(evidence: Evidence) -> None:
    names = {**INTEL["refused"], **INTEL["unavailable"]}
    with Pool(lambda: solver_for(Options(cache=False, second=False)), 1) as pool:
        found = traps(I386, pool, [i for i in judgeable(I386) if i.id in names], second=False)
    for row in found.rows:
        said = {str(e.way): e.when.text for e in row.endings[3]}
        assert parts(said["refuse()" if row.id in INTEL["refused"] else "fault(NM)"]) == parts(names[row.id])


def parts(condition: str) -> tuple[str, set[str]]:
    """The one connective of a condition, and what it connects in whatever order."""
    connective = " || " if " || " in condition else " && "
    return connective, {*condition.split(connective)}


def test_a_check_that_is_forgotten_is_no_longer_what_the_manual_says(tmp_path: Path) -> None:
    path = tmp_path / "forgotten.yaml"
    path.write_text(
        "include: [riscv64]\nname: forgotten\noverride:\n  functions: |\n    function check_tvm { description { forgotten } body { } }\n",
        "utf-8",
    )
    known = load(path, shipped=shipped)
    with Pool(lambda: solver_for(Options(cache=False, second=False)), 1) as pool:
        found = traps(known, pool, [known.instruction("csrrw")], second=False)
    [satp] = [r for r in registers(known, found) if r.name == "satp"]
    assert reached(satp, "read")["S"] == "always" != MANUAL["gates"]["satp"]["S"]
