"""Traps that do not enter the monitor run on, payload by payload."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.check import Options, check
from pgcheck.checker.result import MachineResult
from pgcheck.checker.values import Payload, payload
from pgcheck.checker.witnesses import file
from pgcheck.checker.witnesses.witness_replay import BadWitness, replay_witness
from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.machine import Machine
from pgcheck.shipped import shipped
from tests.checker.results import row
from tests.checker.variants import with_instruction
from tests.specifications import SMALL

pytestmark = pytest.mark.slow

PARTIAL = SMALL / "field" / "partial-delegation.yaml"
WHERE = "breakpoints_delegated"


def answers(folder: Path, delegated: str, *only: str) -> tuple[MachineResult, dict[str, str]]:
    """The whole answer, and the verdicts under the case's deployment with `delegated` in medeleg."""
    path = folder / PARTIAL.name
    path.write_text(PARTIAL.read_text("utf-8").replace("64'h8", delegated), "utf-8")
    result = check(load(path, shipped=shipped), Options(cache=False, second=False, only=only))
    return result, {name: row(result, name, WHERE).verdict for name in only}


def test_delegated_breakpoints_make_nothing_else_a_hole(tmp_path: Path) -> None:
    """The breakpoint itself changes mirrored state alone, as it does on the bare machine."""
    result, verdicts = answers(tmp_path, "64'h8", "mret", "ecall", "lw", "ebreak")
    assert verdicts == {"mret": "privileged", "ecall": "intentional", "lw": "trap-mediated", "ebreak": "trap-mediated"}
    assert not [f for f in result.findings if f.status == "error"]


def test_a_delegated_refusal_concerns_what_is_refused_alone(tmp_path: Path) -> None:
    """Code 2 is an illegal instruction, 8 to 11 are environment calls: `mret` enters the guest's own S mode, on either machine."""
    _, verdicts = answers(tmp_path, "64'h4", "mret", "ecall")
    assert verdicts == {"mret": "trap-mediated", "ecall": "intentional"}


PARTLY = """
types: |
  enum Why { Kept 0 Given 1 }
exits:
  split: {kind: other}
functions: |
  function split {
    arguments Why why, Bits<32> value
    description { . }
    body { if (why == Why::Kept) { M = 1'b0; } A[1] = value; }
  }
"""


def split(folder: Path, why: str) -> Machine:
    return with_instruction(folder, f"split({why}, {{31'd0, M}});", more=PARTLY)


@pytest.mark.parametrize(
    ("why", "verdict"),
    [("Why::Kept", "intentional"), ("Why::Given", "hole"), ("A[r] == 0 ? Why::Kept : Why::Given", "hole")],
)
def test_an_exit_is_split_by_what_it_is_given(why: str, verdict: str, tmp_path: Path) -> None:
    machine = split(tmp_path, why)
    found = row(check(machine, Options(cache=False, second=False, only=("new",))), "new")
    assert found.verdict == verdict
    if found.witness is not None:
        assert found.witness.continued == (Payload("split", (("why", 1),)),)
        again = file.load(file.dump(found.witness))
        assert again == found.witness and replay_witness(machine, again).reproduced


@pytest.mark.parametrize("text", ["trap", "trap(cause=3)", "raise(code=8, width=1)"])
def test_a_payload_reads_back(text: str) -> None:
    assert str(payload(text)) == text


@pytest.mark.parametrize("text", ["trap(", "trap(cause)", "trap(cause=x)", "trap(cause=-1)", "trap()", "trap(cause=3"])
def test_what_is_no_payload_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no trap: expected FUNCTION"):
        payload(text)


@pytest.mark.parametrize("text", ["none", "split(who=1)", "split(why=2)"])
def test_a_witness_names_traps_of_its_machine(text: str, tmp_path: Path) -> None:
    machine = split(tmp_path, "Why::Given")
    witness = row(check(machine, Options(cache=False, second=False, only=("new",))), "new").witness
    assert witness is not None
    changed = file.dump(witness).replace("split(why=1)", text)
    with pytest.raises(BadWitness, match="has no (trap|argument)"):
        replay_witness(machine, file.load(changed))


NESTED = """
exits:
  outer: {{kind: other{nested}}}
  inner: {{kind: other}}
functions: |
  function outer {{ description {{ . }} body {{ if (A[2] == 0) {{ inner(); }} A[1] = 32'd1; }} }}
  function inner {{ description {{ . }} body {{ M = 1'b0; }} }}
"""


@pytest.mark.parametrize(("nested", "verdict"), [(", nested: inner", "innocuous"), ("", "hole")])
def test_an_exit_in_a_delivery_is_the_nested_one_or_stops_the_machine(
    nested: str, verdict: str, tmp_path: Path
) -> None:
    machine = with_instruction(tmp_path, "outer();", more=NESTED.format(nested=nested))
    assert row(check(machine, Options(cache=False, second=False, only=("new",))), "new").verdict == verdict
