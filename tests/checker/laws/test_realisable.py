"""What a monitor writes into entries or bounds does what the specification says, or the finding names what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.laws.realisable import realisable
from pgcheck.checker.solving.evidence import Evidence
from tests.checker.variants import edited, variant
from tests.specifications import machine_of

# Two levels of entries behind a switch: a directory of 4 at ROOT, pages of 32 words; the supervisor is not mapped.
PAGED = """
types: |
  bitfield (32) Entry { FRAME 9-5 W 1 P 0 }
  bitfield (64) Wide { FRAME 9-5 P 0 }
state:
  ON: {type: Bits<1>, role: relocation}
override:
  translate:
    function: translate
    mode: mode
    access: op
    probe: [load_real_address]
    replay: {ON: 0}
    realise:
      given: {ON: 1}
      entry: Entry
      table: {P: 1}
      deny: {P: 0}
      map: {P: 1, W: 1}
      readonly: {P: 1, W: 0}
      frame: {field: FRAME, shift: 5, address: a}
      addresses: "a[31:10] == 0"
  functions: |
    function translate {
      returns Bits<10>
      arguments Bits<32> a, Access op, Bits<1> mode
      description { . }
      body {
        if (mode == 0 || ON == 0) { return a[9:0]; }
        if (a[31:10] != 0) { trap(Cause::Memory); }
        Entry upper = read_physical_memory<32>({R.l[9:2], a[9:8]});
        if (upper.P == 0) { trap(Cause::Memory); }
        Entry lower = read_physical_memory<32>({upper.FRAME, 2'd0, a[7:5]});
        if (lower.P == 0) { trap(Cause::Memory); }
        if (lower.W == 0 && op == Access::Write) { trap(Cause::Memory); }
        return {lower.FRAME, a[4:0]};
      }
    }
"""
DENY = "an entry with `deny` lets an access through"
MAP = "an entry with `map` faults or gives another address"
READ = "an entry with `readonly` faults on a read or gives another address"
WRITE = "an entry with `readonly` lets a write through"
VACUOUS = "no access at all passes a `map` entry: the obligation is vacuous"

PRESENT = "        if (lower.P == 0) { trap(Cause::Memory); }\n"
WRITABLE = "lower.W == 0 && op == Access::Write"
RESULT = "return {lower.FRAME, a[4:0]};"

ENTRIES: dict[str, tuple[str, str, set[str]]] = {
    "as it is": ("", "", set()),
    "presence unchecked": (PRESENT, "", {DENY}),
    "presence unchecked for fetches": (PRESENT, PRESENT.replace("== 0", "== 0 && op != Access::Fetch"), {DENY}),
    "presence checked when all else is": (PRESENT, PRESENT.replace("== 0", "== 0 && a != 32'd77"), {DENY}),
    "writes unchecked": (WRITABLE, "lower.W == 0 && op == Access::Write && a[0] == 1", {WRITE}),
    "fetches checked too": (WRITABLE, "lower.W == 0 && op != Access::Read", {READ}),
    "another address": (RESULT, "return {lower.FRAME, a[4:1], 1'b0};", {MAP, READ}),
    "another frame for writes": (RESULT, "return {(op == Access::Write) ? upper.FRAME : lower.FRAME, a[4:0]};", {MAP}),
    "always a fault": (PRESENT, PRESENT.replace("lower.P == 0", "lower.P != 2"), {MAP, READ, VACUOUS}),
    "a switch that is not given": ("given: {ON: 1}", "given: {}", {DENY, MAP, READ, WRITE}),
    "tables that need not be there": ("table: {P: 1}", "table: {W: 1}", {MAP, READ}),
    "all addresses": ('      addresses: "a[31:10] == 0"\n', "", {MAP, READ}),
    "a map that is read-only": ("map: {P: 1, W: 1}", "map: {P: 1}", {MAP}),
    "a deny that is none": ("deny: {P: 0}", "deny: {W: 0}", {DENY}),
    "no readonly": ("      readonly: {P: 1, W: 0}\n", "", set()),
    "an entry that is never read": ("entry: Entry", "entry: Wide", {"the walk reads no entry of 64 bits"}),
}  # fmt: skip


@pytest.mark.parametrize("name", ENTRIES)
def test_entries(name: str, tmp_path: Path, evidence: Evidence) -> None:
    old, new, expected = ENTRIES[name]
    assert not old or PAGED.count(old) == 1
    text = PAGED.replace(old, new) if old else PAGED
    if "Wide" in new:
        text = text.replace("map: {P: 1, W: 1}", "map: {P: 1}").replace("      readonly: {P: 1, W: 0}\n", "")
    found = list(realisable(variant(tmp_path, text), evidence))
    assert {f.message for f in found} == expected and {f.status for f in found} <= {"error"}


@pytest.mark.parametrize(("bits", "expected"), [("4:0", set()), ("5:1", {MAP, READ})])
def test_an_entry_may_say_more_frames_than_there_are(
    bits: str, expected: set[str], tmp_path: Path, evidence: Evidence
) -> None:
    """A monitor writes only those that there are, and they must be where the walk leads."""
    text = PAGED.replace("FRAME 9-5 W", "FRAME 16-5 W")
    text = text.replace("upper.FRAME", "upper.FRAME[4:0]").replace("lower.FRAME", f"lower.FRAME[{bits}]")
    assert {f.message for f in realisable(variant(tmp_path, text), evidence)} == expected


CHECK = "      if (a >= {21'd0, R.b}) { trap(Cause::Memory); }\n"
SUM = "Bits<11> sum = {1'b0, a[9:0]} + {1'b0, R.l};"
HIGH = "if (a[31:10] != 0 || sum >= Q) { trap(Cause::Memory); }"
BEYOND = "an address beyond the limit is let in"
ONE = "two bases give the same address"
ALIKE = "the base does not move all addresses alike"
LESS = "a larger limit admits less"
BASE = "some base lets in what base 0 refuses"

BOUNDS: dict[str, tuple[str, str, set[str]]] = {
    "as it is": (CHECK, CHECK, set()),
    "the last address too": (CHECK, CHECK.replace(">=", ">"), set()),
    "no limit": (CHECK, "", {BEYOND}),
    "no limit for fetches": (CHECK, CHECK.replace("R.b})", "R.b} && op != Access::Fetch)"), {BEYOND}),
    "one address beyond": (CHECK, CHECK.replace("R.b})", "R.b} && a != 32'd1000)"), {BEYOND}),
    "the limit the wrong way": (CHECK, CHECK.replace(">=", "<"), {BEYOND, LESS}),
    "a base that is not added": (SUM, SUM.replace("+", "|"), {ALIKE, ONE}),
    "a base that is ignored": (SUM, SUM.replace("R.l", "10'd0"), {ONE}),
    "a base that opens": (HIGH, HIGH.replace("a[31:10] != 0", "(a[31:10] != 0 && R.l == 0)"), {BASE}),
    "a limit that turns round": (CHECK, CHECK.replace("R.b})", "R.b} || R.b == 11'd512)"), {LESS}),
    "nothing passes": (CHECK, CHECK.replace("a >= {21'd0, R.b}", "R.b <= 11'h7ff"), {"no limit admits anything"}),
}  # fmt: skip


@pytest.mark.parametrize("name", BOUNDS)
def test_bounds(name: str, tmp_path: Path, evidence: Evidence) -> None:
    old, new, expected = BOUNDS[name]
    found = list(realisable(edited(tmp_path, (old, new)), evidence))
    assert {f.message for f in found} == expected and {f.status for f in found} <= {"error"}


def test_bounds_that_refuse_nothing(tmp_path: Path, evidence: Evidence) -> None:
    found = list(realisable(edited(tmp_path, (CHECK, ""), (HIGH, "")), evidence))
    assert {"no limit refuses anything", BEYOND} <= {f.message for f in found}


REALISE = "  realise: {bounds: {base: R.l, limit: R.b, address: a}}\n"


def test_an_external_unit_is_an_assumption_and_none_a_warning(tmp_path: Path, evidence: Evidence) -> None:
    (assumed,) = realisable(edited(tmp_path, (REALISE, "  realise: external_mmu\n")), evidence)
    assert assumed.status == "assumed" and "outside the processor" in assumed.message
    (missing,) = realisable(edited(tmp_path, (REALISE, "")), evidence)
    assert missing.status == "warning" and "`translate.realise` is missing" in missing.message
    assert not list(realisable(machine_of("pg74"), evidence))
