"""Best responses: a row is a hole only against every entry that the monitor could put into its table."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.questions.hole import question, virtual_modes
from pgcheck.checker.questions.response import against
from pgcheck.checker.questions.subject import subject
from pgcheck.checker.solving import expansion
from pgcheck.checker.solving.evidence import Evidence
from tests.checker.judging import setting_of
from tests.checker.variants import with_instruction

TABLE = """
types: |
  bitfield (WIDTH) Slot { V HIGH-1 P 0 }
tables:
  slot: {role: relocation, respond: [mirror], monitor: {MONITOR}}
functions: |
  function slot {
    returns Slot
    arguments Bits<2> n
    description { the entry of a number }
    body { return read_physical_memory<32>({8'd3, n})[HIGH:0]; }
  }
"""


def answers(folder: Path, body: str, evidence: Evidence, monitor: str = "", width: int = 4, more: str = "") -> set[str]:
    """The answers for every virtual mode in which the instruction is a hole against some entry."""
    table = TABLE.replace("WIDTH", str(width)).replace("HIGH", str(width - 1)).replace("MONITOR", monitor)
    machine = with_instruction(folder, body, more=table + more)
    setting = setting_of(machine)
    instruction = machine.instruction("new")
    one = subject(setting, instruction, instruction.rows[0])
    found: set[str] = set()
    for mode_class in (machine.modes.supervisor, machine.modes.user):
        for mode in virtual_modes(setting, mode_class):
            asked = question(setting, one, mode_class, mode)
            if evidence.possible(asked.hole, f"hole@{mode}"):
                found.add(against(machine, asked, evidence, "new"))
    return found


READ = "Slot s = slot(A[r][1:0]);\n"


@pytest.mark.parametrize(
    ("body", "monitor", "expected"),
    [
        ("C = s.P;", "", "some"),  # the guest's own entry
        ("C = s.P;", "V: 1", "some"),
        ("C = s.P;", "P: 1", "every"),  # a guest whose entry has P clear
        ("A[r] = {28'd0, $bits(s)};", "", "some"),
        ("A[r] = {28'd0, $bits(s)};", "V: 1", "every"),
        (  # at one place there is one entry, for the monitor as well
            "if (A[r][1:0] == A[0][1:0]) { if (M == 0) { C = 0; } else { C = s.P == slot(A[0][1:0]).P ? 1'b1 : 1'b0; } }",
            "",
            "every",
        ),
        ("if (s.P == 0) { trap(Cause::Undefined); }\nC = s.V[0];", "", "some"),  # an entry that traps
        (
            "if (s.P == 0) { trap(Cause::Undefined); }\nC = s.V[0];",
            "P: 1",
            "every",
        ),  # a guest whose entry traps, where the monitor's must not
        ("if (s.P == 0) { trap(Cause::Undefined); }\nC = s.V[0];", "V: 1", "some"),
        ("if (s.P == 0) { trap(Cause::Undefined); }\nC = s.V[0];", "P: 1, V: 1", "every"),
        ("C = s.P ^ R.l[0];", "", "every"),  # the monitor's own relocation shows whatever the entry
        ("if (s.P == 0) { trap(Cause::Undefined); }\nC = s.V[0] ^ R.l[0];", "", "some"),
        ("R.l[0] = s.P;", "", "every"),  # a virtual register changes without a trap
    ],
)
def test_the_answer_is_that_of_thought(
    body: str, monitor: str, expected: str, tmp_path: Path, evidence: Evidence
) -> None:
    assert answers(tmp_path, READ + body, evidence, monitor) == {expected}


def test_what_shows_nothing_is_not_asked(tmp_path: Path, evidence: Evidence) -> None:
    body = READ + "if (s.P == 1) { C = A[r][0]; } else { C = A[r][BIT]; }"
    assert answers(tmp_path, body.replace("BIT", "0"), evidence) == set()
    assert answers(tmp_path, body.replace("BIT", "1"), evidence) == {"some"}


@pytest.mark.parametrize(
    ("body", "monitor", "expected"),
    [
        ("C = slot(A[r][1:0]).P ^ slot(A[r][3:2]).P;", "", "some"),
        ("C = slot(A[r][1:0]).P ^ slot(A[r][3:2]).P;", "P: 1", "every"),  # a guest with two entries that differ
        ("C = slot(R.l[1:0]).P;", "", "some"),  # what the guest has where it looks
        ("C = slot(R.l[1:0]).P;", "P: 1", "every"),
        ("C = slot({1'b0, M}).P;", "", "some"),
        ("C = slot({1'b0, M}).P ^ slot(2'd1).P;", "", "every"),  # the real machine sees one entry twice, the guest two
        ("C = slot({1'b0, M}).P ^ slot(2'd2).P;", "", "some"),
        ("if (M == 0) { C = slot(A[r][1:0]).P; }", "", "every"),  # where only the guest looks, no entry helps
        (
            "if (M == 1) { C = slot(A[r][1:0]).P; }",
            "",
            "every some",
        ),  # against a virtual supervisor C as it was shows in any
        ("if (M == 1) { A[r][0] = slot(A[r][1:0]).P; }", "", "some"),  # the place says what it was
        ("C = slot(slot(A[r][1:0]).V[1:0]).P;", "", "undecided"),  # one entry says where the other is
    ],
)
def test_any_lookups_are_asked_about(
    body: str, monitor: str, expected: str, tmp_path: Path, evidence: Evidence
) -> None:
    assert answers(tmp_path, body, evidence, monitor) == set(expected.split())


@pytest.mark.parametrize(("change", "expected"), [("", "some"), (" ^ 12'h5a5", "undecided")])
def test_when_the_rounds_are_used_up_there_is_no_answer(
    change: str, expected: str, tmp_path: Path, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guest's own entry closes each of 4096; what the real machine would need instead stands nowhere."""
    monkeypatch.setattr(expansion, "ROUNDS", 8)
    body = READ + f"A[r] = {{20'd0, (M == 0) ? $bits(s) : $bits(s){change}}};"
    assert expected in answers(tmp_path, body, evidence, width=12)


def test_choices_are_the_virtual_machines_against_every_entry(tmp_path: Path, evidence: Evidence) -> None:
    sites = "nondeterminism: {one: Bits<1>, wide: Bits<16>}\n"
    shown = 'C = (M == 0) ? undefined<1>("one") : s.P;'
    assert answers(tmp_path, READ + shown, evidence, more=sites) == {"some"}
    either = 'if (M == 0 && undefined<1>("one") == 1) { C = ~s.P; } else { C = s.P; }'
    assert answers(tmp_path, READ + either, evidence, more=sites) == {"some"}
    many = 'A[r] = {15\'d0, s.P, undefined<16>("wide")};'
    assert answers(tmp_path, READ + many, evidence, more=sites) == {"undecided"}
