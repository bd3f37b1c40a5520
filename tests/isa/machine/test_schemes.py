"""Mapping schemes: each takes its own keys, and refuses the smallest wrong one at its place."""

from pathlib import Path

import pytest

from pgcheck.isa.files.errors import SpecificationError
from pgcheck.isa.machine.schemes import Bounds, Entries, External, Scheme
from pgcheck.isa.terms import TRUE
from tests.isa.machine.complete import COMPLETE, machine

BOUNDS = "{given: {LIMIT: 255}, bounds: {base: BASE, limit: LIMIT, address: a}}"
ENTRIES = "{given: {BASE: 1}, entry: Pte, table: {P: 1}, deny: {P: 0}, map: {P: 1, W: 1}, frame: {field: F, shift: 4, address: a}}"


def scheme(folder: Path, text: str) -> Scheme | None:
    assert COMPLETE.count(BOUNDS) == 1
    return machine(folder, COMPLETE.replace(BOUNDS, text)).code.scheme


def test_each_scheme_has_its_own_fields(tmp_path: Path) -> None:
    assert scheme(tmp_path, BOUNDS) == Bounds(given={"LIMIT": 255}, base="BASE", limit="LIMIT", address="a")
    assert scheme(tmp_path, "external_mmu") == External()
    found = scheme(tmp_path, ENTRIES)
    assert isinstance(found, Entries) and found.entry.name == "Pte" and found.given == {"BASE": 1}
    assert (found.table, found.deny, found.map, found.readonly) == ({"P": 1}, {"P": 0}, {"P": 1, "W": 1}, {})
    assert (found.frame, found.shift, found.address, found.addresses) == ("F", 4, "a", TRUE)


@pytest.mark.parametrize(
    ("text", "old", "new", "message"),
    [
        (BOUNDS, "base: BASE", "base: S", "a register is one leaf"),
        (BOUNDS, "limit: LIMIT", "limit: X", "a register is one leaf"),
        (BOUNDS, "address: a", "address: b", "no parameter 'b'"),
        (BOUNDS, "LIMIT: 255", "LIMIT: 256", "256 does not fit LIMIT"),
        (ENTRIES, "entry: Pte", "entry: Mode", "an entry is a bitfield"),
        (ENTRIES, "entry: Pte", "entry: Ptr", "no type 'Ptr'"),
        (ENTRIES, "field: F", "field: G", "no field 'G'"),
        (ENTRIES, "address: a", "address: b", "no parameter 'b'"),
        (ENTRIES, "shift: 4", "shift: 8", "the address has fewer bits than are kept"),
        (ENTRIES, "deny: {P: 0}", "deny: {Q: 0}", "has no field 'Q'"),
        (ENTRIES, "deny: {P: 0}", "deny: {P: 2}", "2 does not fit field 'P'"),
        (ENTRIES, "entry: Pte", "addresses: a + 1, entry: Pte", "a condition must be Boolean"),
    ],
)
def test_what_is_wrong_is_refused_at_its_place(tmp_path: Path, text: str, old: str, new: str, message: str) -> None:
    with pytest.raises(SpecificationError) as caught:
        scheme(tmp_path, text.replace(old, new))
    (problem,) = caught.value.problems
    line = 1 + next(k for k, one in enumerate(COMPLETE.splitlines()) if BOUNDS in one)
    assert message in problem.message and problem.position.line == line
