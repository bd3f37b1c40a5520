"""Witness files: what is written reads back, and every file that is none is refused with a line that says why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import pytest

from pgcheck.checker.result import Witness
from pgcheck.checker.values import Configuration, Mismatch, Payload
from pgcheck.checker.witnesses.file import BadWitnessFile, dump, load
from pgcheck.checker.witnesses.witness_replay import BadWitness, replay_witness
from tests.specifications import machine_of

# JRST 1, on the machine of the paper: it leaves supervisor mode without a trap, so only the virtual mode changes.
JRST = """
kind: witness
witness_version: "1"
specification: jrst1
deployment: default
instruction: jrst1
operands: {x: 0, a: 0}
virtual: {M: 0}
real: {M: 1}
differs: ["virtual:M"]
"""

FULL = Witness(
    specification='a \\ "b"',
    digest="d",
    deployment="default",
    instruction="i",
    row=":1",
    virtual_mode=3,
    configuration=Configuration({"IOPL": 0, "CR0.TS": "mirror"}, {"gate": {"DPL": 0}, "task": None}),
    units=(0x9D, 0),
    assembly="i, 1",
    operands={"r": 10},
    virtual={"A": {-1: 7, 3: 1 << 40}, "M": 1},
    real={"A": {0: 1}},
    virtual_after={"M": 2},
    real_after={"M": 3},
    virtual_exit="trap",
    real_exit="next",
    choices={"n.x#0": 1, "v.f.D[3]": 2},
    translations=(((1, 2), 0, 3), ((4, 5), 1, 0)),
    misses=(((1,), 1),),
    probes=(("probe.p", (1,), 2),),
    tables=(("r.table.t", (), 9),),
    differs=(Mismatch("virtual", "M"), Mismatch("general", "A")),
    continued=(Payload("local"), Payload("raise", (("code", 3), ("width", 1)))),
    hard=True,
)


def test_what_is_written_reads_back() -> None:
    assert load(dump(FULL)) == FULL
    assert all(getattr(FULL, f.name) not in ((), {}, "", 0, False) for f in fields(Witness)), "every field is tried"


def test_fields_that_are_empty_need_not_be_written() -> None:
    empty = replace(load(JRST), units=(), operands={}, virtual={}, real={}, differs=())
    assert load(dump(empty)) == empty
    assert "units" not in dump(empty)


def test_the_length_among_the_operands_of_an_older_file_is_passed_over() -> None:
    older = load(JRST.replace("a: 0}", "a: 0, length: 1}"))
    assert older == load(JRST) and replay_witness(machine_of("jrst1"), older).reproduced


def test_a_file_by_hand_replays() -> None:
    found = replay_witness(machine_of("jrst1"), load(JRST))
    assert found.reproduced and found.virtual_exit == found.real_exit == "next"
    assert not replay_witness(machine_of("jrst1"), load(JRST.replace("virtual:M", "virtual:R.l"))).reproduced
    largest = JRST.replace("a: 0", "a: 0x3ff").replace("virtual: {M: 0}", "virtual: {A: {15: 5, -1: 1}}")
    configured = largest.replace(
        "real: {M: 1}", 'real: {M: 1, A: {15: 5, -1: 1}}\nconfiguration: {"@new_psw": {M: 1}, R.l: 3}'
    )
    assert replay_witness(machine_of("jrst1"), load(configured)).reproduced


BAD: dict[str, tuple[str, str]] = {
    "nothing": ("", "empty"),
    "no YAML": ("{" * 50, "w.yaml:1:"),
    "JSON of something else": ('{"kind": "machine"}', "`kind: witness` is missing"),
    "a list": ("[1, 2]", "mapping"),
    "another version": (JRST.replace('"1"', '"2"'), "witness_version"),
    "no version": (JRST.replace('witness_version: "1"\n', ""), "witness_version"),
    "control characters": (JRST + "row: \x01", "control characters"),
    "two keys": (JRST + "deployment: other\n", "deployment"),
    "an alias": (JRST + "row: *a\n", "alias"),
    "an unknown key": (JRST + "reel: {M: 1}\n", "w.yaml:11:1: a witness has no key 'reel'; did you mean 'real'?"),
    "no instruction": (JRST.replace("instruction: jrst1\n", ""), "key 'instruction' is missing"),
    "a text for a number": (JRST.replace("virtual: {M: 0}", "virtual: {M: zero}"), "virtual: a number was expected, found 'zero'"),
    "a list for a number": (JRST.replace("real: {M: 1}", "real: {M: [1]}"), "real: a number was expected"),
    "a number for a table": (JRST.replace("real: {M: 1}", "real: 1"), "real: a mapping was expected"),
    "a table for a list": (JRST + "units: {a: 1}\n", "units: a list was expected"),
    "a table for a text": (JRST + "row: {a: 1}\n", "row: a text was expected"),
    "a negative value": (JRST.replace("real: {M: 1}", "real: {M: -1}"), "real: a number is not negative"),
    "a negative element": (JRST.replace("real: {M: 1}", "real: {A: {-2: 1}}"), "real: a number is not negative"),
    "a bad index": (JRST.replace("real: {M: 1}", "real: {A: {all: 1}}"), "real: a number was expected, found 'all'"),
    "a row that is short": (JRST + "translations: [[[1], 0]]\n", "translations: a list of rows of 3"),
    "a row that is none": (JRST + "misses: [1]\n", "misses: a list was expected"),
    "a truth that is none": (JRST + "hard: maybe\n", "hard: true or false"),
    "a number of many digits": (JRST.replace("real: {M: 1}", f"real: {{M: {'9' * 6000}}}"), "real: a number was expected"),
    "a line without end": (JRST + f"row: {'x' * 100_000}\n", "longer than"),
    "a huge file": (JRST + "# x\n" * (1 << 21), "too large"),
    "deep nesting": (JRST + "configuration: " + "{a: " * 60 + "1" + "}" * 60 + "\n", "w.yaml:"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_witness_is_refused_and_says_why(name: str) -> None:
    text, word = BAD[name]
    with pytest.raises(BadWitnessFile) as refused:
        load(text, "w.yaml")
    assert word in str(refused.value) and "w.yaml" in str(refused.value) and len(str(refused.value)) < 5000


FOREIGN: dict[str, tuple[Callable[[Witness], Witness], str]] = {
    "unknown leaf": (lambda w: replace(w, real={"N": 1}), "no state 'N'"),
    "a value too wide": (lambda w: replace(w, real={"M": 2}), "M cannot have the value 2"),
    "a scalar as an array": (lambda w: replace(w, real={"M": {0: 1}}), "M cannot have the value"),
    "an array as a scalar": (lambda w: replace(w, virtual={"A": 1}), "A cannot have the value 1"),
    "an element too wide": (lambda w: replace(w, virtual={"A": {0: 1 << 32}}), "A cannot have the value"),
    "unknown instruction": (lambda w: replace(w, instruction="jrst2"), "no instruction 'jrst2'"),
    "unknown deployment": (lambda w: replace(w, deployment="other"), "no deployment 'other'"),
    "an element that there is not": (lambda w: replace(w, virtual={"A": {16: 1}}), "A has 16 elements"),
    "an operand too wide": (lambda w: replace(w, operands={"x": 0, "a": 1 << 10}), "1024 does not fit operand a"),
    "a table's unknown field": (lambda w: replace(w, configuration=Configuration({}, {"new_psw": {"X": 1}})), "new_psw: X"),
    "an unknown table": (lambda w: replace(w, configuration=Configuration({}, {"old_psw": {"M": 1}})), "old_psw: M"),
    "no operand": (lambda w: replace(w, operands={"x": 0}), "operand a"),
}  # fmt: skip


@pytest.mark.parametrize("name", FOREIGN)
def test_a_witness_of_another_machine_is_refused(name: str) -> None:
    change, word = FOREIGN[name]
    with pytest.raises(BadWitness, match=word):
        replay_witness(machine_of("jrst1"), change(load(JRST)))
