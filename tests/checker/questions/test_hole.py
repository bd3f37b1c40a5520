"""The hole question: what it answers does not hang on how a specification calls its parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.check import Options, check
from tests.checker.results import row
from tests.checker.variants import with_instruction

PAIR = "types: |\n  struct Pair {{ Bits<1> x; Bits<1> SU; }}\nstate:\n  {name}: {{type: Pair, role: general}}\n"
SITE = "nondeterminism: {{{name}: Bits<1>}}\n"
TABLE = """types: |
  struct Pair {{ Bits<4> slot; Bits<1> SU; }}
  bitfield (4) Slot {{ V 3-1 P 0 }}
state:
  {name}: {{type: Pair, role: relocation}}
tables:
  slot: {{role: relocation, respond: [mirror]}}
functions: |
  function slot {{
    returns Slot
    arguments Bits<2> number
    description {{ the entry of a number }}
    body {{ return read_physical_memory<32>({{8'd3, number}})[3:0]; }}
  }}
"""


def verdict(folder: Path, body: str, more: str) -> str:
    """The verdict on an instruction `new`, which is checked alone."""
    machine = with_instruction(folder, body, more=more)
    return row(check(machine, Options(cache=False, second=False, only=("new",))), "new").verdict


@pytest.mark.parametrize("name", ["Z", "n", "f", "s", "o", "v", "r", "k", "table"])
def test_a_state_entry_is_no_choice_whatever_its_name(name: str, tmp_path: Path) -> None:
    """It shows the mode where one bit of the guest's state is set: no choice of the virtual machine's, so the hole is there."""
    body = f"if ({name}.x == 1) {{ C = M; }}"
    assert verdict(tmp_path, body, PAIR.format(name=name)) == "hole"


@pytest.mark.parametrize("name", ["any", "TIMER", "DEVICE", "x.y#1"])
def test_a_choice_is_no_clock_whatever_its_name(name: str, tmp_path: Path) -> None:
    """Either machine chooses for itself, so that the choice hides the mode; one that both shared, as they do logical time, would not."""
    body = (
        f'Bits<1> chosen = undefined<1>("{name}");\nif (A[r] == 5 && chosen == 1) {{ trap(Cause::Undefined); }}\n'
        "if (A[r] == 5) { trap(Cause::Undefined); }\nC = chosen ^ M;\nA[r] = TIMER;"
    )
    assert verdict(tmp_path, body, SITE.format(name=f'"{name}"')) == "timing"


@pytest.mark.parametrize("name", ["Z", "entry", "place", "table", "response"])
def test_a_state_entry_is_no_lookup_whatever_its_name(name: str, tmp_path: Path) -> None:
    """An entry of the guest's own closes what the lookup shows, and leaves what the state entry shows."""
    shown = f"Slot found = slot(A[r][1:0]);\nC = found.P ^ {name}.slot[0];"
    assert verdict(tmp_path, shown, TABLE.format(name=name)) == "hole"
    assert verdict(tmp_path, "Slot found = slot(A[r][1:0]);\nC = found.P;", TABLE.format(name=name)) == "conditional"
