"""Assembly to hexadecimal and back."""

import pytest

from pgcheck.console import Failure
from pgcheck.machines.listing import assembled, disassembled
from pgcheck.machines.programs import ProgramError
from tests.specifications import machine

WORDS, BYTES = "pg74", "i386"


def test_what_is_assembled_disassembles_to_the_same() -> None:
    for name, program in ((WORDS, ["load a1, 0x10", "halt"]), (BYTES, ["popf", "mov eax, cs", "nop"])):
        listing = disassembled(machine(name), assembled(machine(name), "\n".join(program), "-"), "-").splitlines()
        shown = [line.split(maxsplit=1)[1].strip() for line in listing]
        assert all(line.endswith(text) for line, text in zip(shown, program, strict=True))


def test_runs_keep_their_addresses() -> None:
    text = assembled(machine(BYTES), ".org 0x10\nnop\n.org 0x20\npopf", "-")
    assert text == "10: 90\n20: 9d"
    assert [line.split(":")[0] for line in disassembled(machine(BYTES), text, "-").splitlines()] == ["10", "20"]


def test_a_wrong_line_is_told_with_its_place() -> None:
    with pytest.raises(ProgramError, match="file:2:1: unknown instruction"):
        assembled(machine(WORDS), "halt\nhatl", "file")
    with pytest.raises(Failure, match="file:2: expected hexadecimal"):
        disassembled(machine(BYTES), "90\nxyz", "file")


def test_what_is_no_instruction_is_a_question_mark() -> None:
    assert disassembled(machine(WORDS), "ffffffff 48000000", "-").splitlines()[0].endswith("?")
    assert disassembled(machine(BYTES), "0f", "-").endswith("?")
