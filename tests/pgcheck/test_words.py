"""Values, configurations and differences in words."""

from dataclasses import replace

import pytest

from pgcheck import words
from pgcheck.checker.result import VERDICTS
from pgcheck.checker.values import Configuration, mismatch, sensitivity
from tests.pgcheck.factory import WITNESS


def test_every_verdict_has_words() -> None:
    assert set(words.VERDICTS) == set(VERDICTS)


def test_small_numbers_are_decimal() -> None:
    assert [words.number(v) for v in (0, 9, 10, 255)] == ["0", "9", "0xa", "0xff"]


def test_sensitivities_are_told_by_kind() -> None:
    found = map(sensitivity, ["ctl[mode@S]", "ctl[mode@U]", "beh[mode@SU]", "ctl[interrupt@S]"])
    assert words.sensitivities(found) == "changes mode, interrupt; reveals mode"
    assert words.sensitivities([]) == ""


def test_configurations_name_tables_and_the_guests_own_values() -> None:
    chosen = Configuration({"IOPL": 0, "TS": "mirror"}, {"gdt": {"P": 0, "DPL": 16}, "idt": None})
    assert (
        words.configuration(chosen) == "IOPL = 0, TS = the guest's, gdt answering {P: 0, DPL: 0x10}, idt as the guest's"
    )
    assert words.configuration(None) == "nothing fixed"


def test_cells_of_arrays_are_told_one_by_one() -> None:
    flat = words.cells({"A": {0x10: 3, -1: 9}, "B": 1})
    assert {str(p): v for p, v in flat.items()} == {"A[0x10]": 3, "A[*]": 9, "B": 1}
    assert [
        words.value_of(flat, c)
        for c in (words.Place("A", 0x10), words.Place("A", 5), words.Place("B"), words.Place("C"))
    ] == [3, 9, 1, 0]


@pytest.mark.parametrize(
    "differs, said",
    [
        ("virtual:IF", "IF goes from 1 to 0 on the virtual machine"),
        ("real:MEM", "MEM[*] goes from 0 to 5 on the real machine"),
        ("general:MEM", "MEM[0x100] becomes 7 on the virtual machine, 6 on the real one"),
        ("trap:next", "the virtual machine traps: fault, the real one goes on"),
        ("payload:int", "both trap by int"),
        ("halt", "the real machine halts"),
        ("unmodelled", "the real machine runs into what the specification leaves out"),
    ],
)
def test_differences_are_sentences(differs: str, said: str) -> None:
    witness = replace(WITNESS, virtual_exit="fault")
    assert words.difference(witness, mismatch(differs)).startswith(said)


def test_units_have_all_their_digits() -> None:
    assert words.units((1, 0xAB), 8) == "01 ab"
    assert words.units((1,), 36) == "000000001"
