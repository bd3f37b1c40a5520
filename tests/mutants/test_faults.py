"""The listed faults: each row of the list has one, each fits the code and names killers that are there, and planting breaks one process."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.mutants import killers
from tests.mutants.kept import Kept, digest
from tests.mutants.killers import RIGHT, tried, who
from tests.mutants.mutant import Stale, identifiers, missing
from tests.mutants.planted import ROOMS, ROOT, Fault, faults, listed, plant, span
from tests.mutants.properties import PROPERTIES
from tests.specifications import path_of

pytestmark = pytest.mark.slow

FAULTS = faults()


def test_every_row_of_the_list_has_a_fault_or_says_what_is_missing() -> None:
    rows = listed()
    assert rows.keys() == FAULTS.keys() | (missing().keys() & rows.keys())
    assert not FAULTS.keys() & missing().keys()
    assert all(FAULTS[i].room == row["room"] for i, row in rows.items() if i in FAULTS)


def test_there_are_as_many_as_there_should_be_over_all_rooms() -> None:
    reported = Counter(row["room"] for i, row in listed().items() if i.startswith("F"))
    assert reported.keys() == set(ROOMS) and sum(reported.values()) == 60 and min(reported.values()) >= 10
    assert len(FAULTS) + len(identifiers()) >= 150


@pytest.mark.parametrize("identifier", FAULTS)
def test_a_fault_fits_and_changes_the_code(identifier: str) -> None:
    compile(FAULTS[identifier].source(), identifier, "exec", dont_inherit=True)


@pytest.mark.parametrize("room", ROOMS)
def test_killers_are_there(room: str) -> None:
    named = sorted({killer for one in FAULTS.values() if one.room == room for killer in (*one.by, one.equivalent)})
    assert [k for k in named if k and not _there(k)] == []
    assert all(one.by or one.equivalent for one in FAULTS.values())


def _there(killer: str) -> bool:
    word, _, rest = killer.partition(" ")
    match word:
        case "check":
            return (ROOT / rest).is_file() and RIGHT.match((ROOT / rest).read_text("utf-8")) is not None
        case "verdicts" | "prove" | "fuzz":
            named = rest.split()[0]
            return (ROOT / named).is_file() or path_of(named).is_file()
        case "suite":
            file, _, name = rest.partition("::")
            return (ROOT / file).is_file() and f"def {name}" in (ROOT / file).read_text("utf-8")
    return killer in PROPERTIES


# ---- what counts


def _made(target: str, *edits: tuple[str, str]) -> Fault:
    return Fault("X1", "isa", target, edits, ())


@pytest.mark.parametrize(
    ("target", "edits"),
    [
        ("pgcheck.isa.nothing:name", [("a", "b")]),
        ("pgcheck.isa.words:nothing", [("a", "b")]),
        ("pgcheck.models.memory:Ram.nothing", [("a", "b")]),
        ("pgcheck.models.memory:Ram.told", [("no such text", "b")]),
        ("pgcheck.models.memory:Ram.told", [("page", "frame")]),
        ("pgcheck.models.memory:Ram.told", [("self.dirty.add(page)", "self.dirty.add( page )")]),
    ],
    ids=["no module", "no function", "no method", "no text", "several places", "no change"],
)
def test_a_fault_that_does_not_fit_is_stale(target: str, edits: list[tuple[str, str]]) -> None:
    one = _made(target, *edits)
    with pytest.raises(Stale):
        replace(one, room=target.split(".")[1]).source()


def test_a_definition_is_a_function_a_method_or_a_table() -> None:
    text = "A = 1\nB: int = (\n    2\n)\n\n\nclass C:\n    @property\n    def d(self):\n        return 3\n"
    shown = {name: text[slice(*span(text, name))] for name in ("A", "B", "C.d")}
    assert shown == {"A": "A = 1\n", "B": "B: int = (\n    2\n)\n", "C.d": "    def d(self):\n        return 3\n"}


def test_a_module_that_is_here_already_is_not_planted() -> None:
    before = list(sys.meta_path)
    with pytest.raises(Stale, match="already"):
        plant(FAULTS["F30"])
    assert sys.meta_path == before


def test_a_fault_is_killed_by_what_passes_without_it() -> None:
    killer = FAULTS["K27"].by[0]
    assert who(killer) == "check"
    assert tried(killer, FAULTS["K27"]).failed and not tried(killer).failed


@pytest.mark.parametrize("killer", ["SH1 riscv64 maps", "SH1 riscv64 maps with few tables"])
def test_tables_that_change_at_random_pass_without_a_fault(killer: str) -> None:
    found = tried(killer)
    assert not (found.failed or found.lost), found.shown


def test_a_test_kills_in_a_process_of_its_own() -> None:
    killer = "suite tests/isa/terms/test_terms.py::test_operators_at_their_edges"
    found = tried(killer, FAULTS["F03"])
    assert found.failed and "sdiv" in found.shown and who(killer) == "suite"


def test_a_table_is_planted_before_it_is_imported() -> None:
    killer = "suite tests/isa/terms/test_names.py"
    assert tried(killer, FAULTS["F39"]).failed and not tried(killer).failed


@pytest.mark.parametrize("identifier", ["F03", "F39"])
def test_what_has_no_end_or_crashes_kills_nothing(identifier: str) -> None:
    one = FAULTS[identifier]
    endless = tried("suite tests/isa/test_words.py", one, seconds=0.1)
    assert endless.lost and not endless.failed and "no end" in endless.shown
    crashed = tried("check tests/specs/nothing.yaml", one)
    assert crashed.lost and not crashed.failed and "FileNotFoundError" in crashed.shown


@pytest.mark.parametrize(
    ("killer", "said"),
    [
        ("verdicts popf", "check"),
        ("check tests/specs/soundness/knob.yaml", "check"),
        ("check tests/specs/soundness/signed_order.yaml", "prove-monitor"),
        ("prove pg74", "prove-monitor"),
        ("EQ1 pg74", "prove-monitor"),
        ("EQ2 pg74", "fuzz"),
        ("fuzz pg74 --cases 10", "fuzz"),
        ("DV2 riscv64", "fuzz"),
        ("ISO2 guest memory", "suite"),
        ("SH1 riscv64 maps", "suite"),
        ("DV2 disk", "suite"),
    ],
)
def test_who_kills(killer: str, said: str) -> None:
    assert who(killer) == said and said in killers.WHO


def test_a_result_is_kept_for_one_mutant_and_what_tries_to_kill_it(tmp_path: Path) -> None:
    one = FAULTS["K27"]
    others = [
        replace(one, edits=((one.edits[0][0], "self.reads"),)),
        replace(one, target=FAULTS["F49"].target),
        replace(one, by=()),
    ]
    assert len({digest(fault) for fault in (one, *others)}) == 4 and digest(one) != digest(one, seeds=3)
    file = tmp_path / "kept"
    Kept(file).add(digest(one), {"id": "K27"})
    with file.open("a") as stream:
        stream.write('{"name": "broken o')
    assert Kept(file).found == {digest(one): {"id": "K27"}}
    assert Kept(None).found == {}


@pytest.mark.campaign
@pytest.mark.parametrize("identifier", FAULTS)
def test_every_fault_is_killed(identifier: str) -> None:
    one = FAULTS[identifier]
    assert one.equivalent or any(tried(k, one).failed and not tried(k).failed for k in one.by)
