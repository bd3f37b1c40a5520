"""Column 1 of every report against published classifications: tests/data/README.md says what agreement is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import yaml

from pgcheck.checker.result import InstructionResult
from tests.checker.results import Checked, deployment, row
from tests.specifications import ROOT, machine_of

pytestmark = pytest.mark.slow

DATA = ROOT / "tests" / "data"
HARMLESS = {"innocuous", "always_trap"}


@dataclass(frozen=True)
class Map:
    """The rows of one specification that each published row of one architecture is about."""

    spec: str
    published: str
    deployment: str
    rows: Mapping[str, Any]
    differs: Mapping[str, str]
    theorems: Mapping[str, str]

    def targets(self, published_row: str) -> list[tuple[str, str]]:
        """(specification, id) of each of our rows; none when the published row is out of scope."""
        match self.rows[published_row]:
            case {"out_of_scope": str()}:
                return []
            case {"spec": str(spec), "ids": list(ids)}:
                return [(spec, str(i)) for i in ids]
            case list(ids) if ids:
                return [(self.spec, str(i)) for i in ids]
        raise AssertionError(f"{self.spec}: {published_row} is neither mapped nor out of scope")


@cache
def verdicts() -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = yaml.load((DATA / "verdicts.yaml").read_text(), Loader=yaml.CSafeLoader)
    return loaded


def maps() -> Iterator[Map]:
    for path in sorted((DATA / "verdict-map").glob("*.yaml")):
        loaded = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)
        for entry in loaded if isinstance(loaded, list) else [loaded]:
            yield Map(
                path.stem,
                entry["published"],
                entry["deployment"],
                entry["rows"],
                entry["differs"] or {},
                entry.get("theorems", {}),
            )


MAPS = [pytest.param(m, id=f"{m.spec}-{m.deployment}") for m in maps()]


def published(isa: str) -> dict[str, Mapping[str, Any]]:
    return {e["instruction"]: e for e in verdicts()["entries"] if e["isa"] == isa}


def disagreements(entry: Mapping[str, Any], ours: InstructionResult) -> list[str]:
    """How a row of the report contradicts a published one, by the table of tests/data/README.md."""
    privileged, open_ = entry["privileged"], entry["unprivileged_sensitive"]
    sensitive = ours.sensitive or ours.timing
    wrong = []
    if open_ and not (sensitive and not ours.privileged):
        wrong.append("is published as sensitive and unprivileged")
    if privileged == "yes":
        if not ours.privileged:
            wrong.append("is published as privileged")
        if not set(entry["class"]) <= HARMLESS and not sensitive:
            wrong.append("is published as sensitive")
    elif privileged == "no":
        if ours.privileged:
            wrong.append("is published as unprivileged")
        if not open_ and sensitive:
            wrong.append("is published as not sensitive")
    elif "condition" not in entry:
        if not open_ and sensitive and not ours.privileged_under_configuration:
            wrong.append("is published as no premise failing")
    else:
        if ours.privileged:
            wrong.append("is published as unprivileged in some states")
        if not open_ and not ours.privileged_under_configuration:
            wrong.append("is published as privileged under a configuration")
    return [f"{ours.id} {w}" for w in wrong]


def found(m: Map, published_row: str, checked: Checked) -> list[str]:
    entry = published(m.published)[published_row]
    return [
        line
        for spec, identifier in m.targets(published_row)
        for line in disagreements(entry, row(checked(spec), identifier, m.deployment if spec == m.spec else ""))
    ]


@pytest.mark.parametrize("m", MAPS)
def test_every_published_row_is_mapped_to_rows_that_exist(m: Map) -> None:
    assert set(m.rows) == set(published(m.published))
    assert set(m.differs) <= set(m.rows) and all(m.differs.values())
    ids: dict[str, set[str]] = {}
    for published_row in m.rows:
        for spec, identifier in m.targets(published_row):
            if spec not in ids:
                ids[spec] = {i.id + r.label for i in machine_of(spec).instructions for r in i.rows}
            assert identifier in ids[spec], f"{published_row}: {spec} has no row {identifier}"
    assert m.deployment in {d.name for d in machine_of(m.spec).deployments}


@pytest.mark.parametrize("m", MAPS)
def test_every_published_row_agrees_or_is_listed_as_different(m: Map, checked: Checked) -> None:
    wrong = {name: lines for name in m.rows if name not in m.differs and (lines := found(m, name, checked))}
    assert not wrong


@pytest.mark.parametrize("m", MAPS)
def test_what_is_listed_as_different_differs(m: Map, checked: Checked) -> None:
    stale = [name for name in m.differs if not found(m, name, checked)]
    assert not stale


SAYS = {"yes": ("holds", "conditional"), "no": ("fails",)}


def published_otherwise(m: Map, checked: Checked) -> set[str]:
    """The theorems whose published answer is not the report's."""
    isa = next(i for i in verdicts()["isas"] if i["id"] == m.published)
    ours = deployment(checked(m.spec), m.deployment).theorems
    return {t for t in ("theorem1", "theorem3") if isa[t] in SAYS and ours[t].status not in SAYS[isa[t]]}


@pytest.mark.parametrize("m", MAPS)
def test_published_theorems_agree_or_are_listed_as_different(m: Map, checked: Checked) -> None:
    assert published_otherwise(m, checked) == set(m.theorems) and all(m.theorems.values())


def test_disagreement_is_noticed(checked: Checked) -> None:
    table = published("MC68000")
    moved = row(checked("m68000"), "move.from_sr")
    assert not disagreements(table["MOVE from SR"], moved)
    assert disagreements(published("MC68010")["MOVE from SR"], moved)
    assert disagreements(table["MOVE to CCR, TRAP, TRAPV, CHK"], moved)
    assert disagreements(published("x86-32")["CLI"], moved)


# Robin and Irvine's list names eighteen mnemonics, whatever its title says; CPUID and IRET are later additions.
ROBIN_IRVINE = {
    "sgdt": ["sgdt"], "sidt": ["sidt"], "sldt": ["sldt.m16", "sldt.r32"], "smsw": ["smsw.m16", "smsw.r32"],
    "pushf": ["pushf.32", "pushf.16"], "popf": ["popf.32", "popf.16"], "lar": ["lar.r32_rm16"], "lsl": ["lsl.r32_rm16"],
    "verr": ["verr"], "verw": ["verw"], "pop": ["pop.ds", "pop.es", "pop.fs", "pop.gs", "pop.ss"],
    "push": ["push.cs", "push.ss"], "call": ["call.far_ptr", "call.far_m48"], "jmp": ["jmp.far_ptr", "jmp.far_m48"],
    "int": ["int"], "ret": ["retf", "retf.imm16"], "str": ["str.m16", "str.r32"],
    "mov": ["mov.m16_sreg", "mov.r32_sreg", "mov.r16_sreg", "mov.sreg_rm16"],
    "cpuid": ["cpuid"], "iret": ["iret"],
}  # fmt: skip


@pytest.mark.parametrize("mnemonic", ROBIN_IRVINE)
def test_robin_and_irvines_instructions_are_sensitive_and_unprivileged(mnemonic: str, checked: Checked) -> None:
    rows = [row(checked("i386"), i) for i in ROBIN_IRVINE[mnemonic]]
    assert [r.id for r in rows if not r.sensitive or r.privileged] == []
    assert set(ROBIN_IRVINE[mnemonic]) <= set(checked("i386").main.theorems["theorem1"].failing)


I386_EXACT = {
    "hole": [
        "sgdt",
        "sidt",
        "sldt.m16",
        "sldt.r32",
        "smsw.m16",
        "smsw.r32",
        "pushf.32",
        "popf.32",
        "lar.r32_rm16",
        "lsl.r32_rm16",
        "verr",
        "verw",
        "str.m16",
        "str.r32",
        "push.cs",
        "push.ss",
        "mov.r32_sreg",
    ],
    "conditional": [
        "pop.ds",
        "pop.ss",
        "mov.sreg_rm16",
        "call.far_ptr",
        "call.far_m48",
        "jmp.far_ptr",
        "jmp.far_m48",
        "retf",
        "iret",
        "cli",
        "sti",
        "in.al_imm8",
        "out.imm8_al",
    ],
    "trap-mediated": ["int"],
    "privileged": ["lgdt", "lidt", "lmsw", "mov.cr0_r32", "mov.cr3_r32", "hlt"],
    "innocuous": ["mul.rm32", "add.r32_rm32"],
}


@pytest.mark.parametrize("verdict", I386_EXACT)
def test_exact_verdicts_of_i386(verdict: str, checked: Checked) -> None:
    result = checked("i386")
    found_ = {i: row(result, i).verdict for i in I386_EXACT[verdict]}
    assert found_ == dict.fromkeys(I386_EXACT[verdict], verdict)


def test_rdtsc_shows_time_only_or_is_made_to_trap(checked: Checked) -> None:
    assert row(checked("i386"), "rdtsc").verdict in ("timing", "conditional")


def test_umip_closes_five_and_not_the_flags(checked: Checked) -> None:
    result = checked("x86-umip")
    closed = ["sgdt", "sidt", "sldt.m16", "sldt.r32", "smsw.m16", "smsw.r32", "str.m16", "str.r32"]
    assert result.main.configuration.leaves.get("CR4.UMIP") == 1
    assert [i for i in closed if not row(result, i).privileged_under_configuration or row(result, i).privileged] == []
    assert {row(result, i).verdict for i in closed} == {"conditional"}
    assert {row(result, i).verdict for i in ("popf.32", "pushf.32")} == {"hole"}


def test_pdp10_fails_theorem_1_on_five_and_passes_theorem_3(checked: Checked) -> None:
    main = checked("pdp10-ka10").main
    assert main.theorems["theorem1"].status == "fails"
    combined = "jrst:other"  # the codes that combine the bits of 1 and 2
    assert set(main.theorems["theorem1"].failing) == {"jrst:1", "jrst:2", combined, "jsr", "jsp", "pushj"}
    third = main.theorems["theorem3"]
    assert third.status == "conditional" and third.configuration is not None
    assert third.configuration.leaves.get("FL.IOT") == 0


def test_the_68000_has_one_flaw_and_the_68010_none(checked: Checked) -> None:
    assert checked("m68000").main.theorems["theorem1"].failing == ("move.from_sr",)
    assert checked("m68010").main.theorems["theorem1"].status == "holds"


def test_riscv_holds_with_the_counters_shut(checked: Checked) -> None:
    main = deployment(checked("riscv64"), "s_in_u")
    assert main.theorems["theorem1"].status in ("holds", "conditional")
    assert main.theorems["monitor"].status in ("holds", "conditional")
    assert any(name.startswith("scounteren.") for name in main.configuration.leaves)


def test_pg74_holds(checked: Checked) -> None:
    assert {t.status for t in checked("pg74").main.theorems.values()} == {"holds"}
