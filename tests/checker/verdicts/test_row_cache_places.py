"""Answers that are kept are those of the question: of two specifications that differ in one place, warm is as cold, and so is their difference."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pgcheck.checker.check import check
from pgcheck.checker.options import Options
from pgcheck.checker.result import Effort, MachineResult
from pgcheck.checker.verdicts.difference import Version, difference, version
from pgcheck.isa.files.errors import SpecificationError
from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.contents import Contents
from pgcheck.isa.machine.machine import Machine

WARM, COLD = Options(second=False), Options(second=False, cache=False)

# A machine of a few words with something in every place that a verdict stands in: a table, a site, an interrupt, a configuration.
TEXT = """\
spec_version: "1"
kind: machine
name: small
types: |
  enum Access { Read 0 Fetch 1 }
  enum Cause { Memory 0 Privileged 1 Service 2 }
  bitfield (2) Entry { M 1 X 0 }
state:
  MEM: {type: Bits<2>, size: 4, role: general}
  M: {type: Bits<1>, role: mode}
  P: {type: Bits<2>, role: general, pc: true}
  L: {type: Bits<2>, role: relocation}
  B: {type: Bits<2>, role: relocation, reset: 3}
  A: {type: Bits<2>, size: 2, role: general}
  F: {type: Bits<1>, role: configuration}
  IE: {type: Bits<1>, role: interrupt}
  LINE: {type: Bits<1>, role: device, volatile: true}
  SM: {type: Bits<1>, role: saved}
  SP: {type: Bits<2>, role: saved}
memory: {state: MEM, unit: 2, endian: little}
modes: {state: M, supervisor: {values: [0]}, user: {values: [1]}}
legal: ["B != 0"]
configurations:
  strict: {F: [1, 0]}
nondeterminism: {any: Boolean}
exits:
  trap: {kind: other, by: {cause: {Memory: memory, Privileged: privileged, Service: intent}}}
  again: {kind: other}
tables:
  entry: {role: vector, respond: [mirror, {M: 0}], monitor: {M: 0}}
interrupt: {pending: "pending?", deliver: again}
translate:
  function: translate
  mode: mode
  access: op
  replay: {L: 0, B: 3}
  realise: {bounds: {base: L, limit: B, address: a}}
functions: |
  function again { description { . } body { SM = M; SP = $pc; M = 0; L = 0; B = 3; $pc = 2'd2; } }
  function pending? { returns Boolean description { . } body { return IE == 1 && LINE == 1; } }
  function entry { returns Entry description { . } body { return read_physical_memory<2>(2'd1); } }
  function trap {
    arguments Cause cause
    description { . }
    body { SM = M; SP = $pc; M = entry().M; L = 0; B = 3; $pc = 2'd1; }
  }
  function translate {
    returns Bits<2>
    arguments Bits<2> a, Access op, Bits<1> mode
    description { . }
    body { if (a >= B) { trap(Cause::Memory); } return a + L; }
  }
  function fetch {
    returns Bits<2>
    arguments Bits<2> address
    description { . }
    body { return read_physical_memory<2>(translate(address, Access::Fetch, M)); }
  }
  function priv { description { . } body { if (M == 1) { trap(Cause::Privileged); } } }
decode: {unit: 2, pc_unit: 2, max_length: 2, fetch: fetch, undefined: "trap(Cause::Privileged);"}
instructions:
  - name: ld
    encoding: {match: "000-", variables: ["r 0"]}
    operation(): "A[r] = read_physical_memory<2>(translate(A[r], Access::Read, M));"
  - name: rfe
    encoding: {match: "0010"}
    operation(): "priv(); $pc = SP; M = SM;"
  - name: set
    encoding: {match: "010-", variables: ["r 0"]}
    operation(): "priv(); L = A[r]; B = A[r] | 2'd1;"
  - name: get
    encoding: {match: "011-", variables: ["r 0"], when: "r != 1"}
    operation(): "if (F == 1) { priv(); } A[r] = {1'd0, IE};"
  - name: svc
    encoding: {match: "1000"}
    operation(): "trap(Cause::Service);"
  - name: any
    encoding: {match: "1001"}
    operation(): |
      A[0] = choice("any") ? 2'd1 : 2'd0;
"""
ELSE = {
    "==": "!=", "!=": "==", ">=": "<", "+": "-", "||": "&&", "&&": "||", "general": "saved", "mode": "saved", "relocation": "saved",
    "configuration": "general", "interrupt": "saved", "device": "general", "saved": "general", "memory": "privileged", "privileged": "intent",
    "intent": "memory", "Memory": "Service", "Privileged": "Service", "Service": "Privileged", "L": "B", "B": "L", "SM": "F", "SP": "P",
    "F": "SM", "IE": "F", "M": "F", "LINE": "IE", "Read": "Fetch", "Fetch": "Read", "again": "trap", "unmodelled": "trap", "mirror": "{M: 1}", "true": "false",
    "little": "big", "other": "execute", "vector": "translation", "A": "MEM", "fetch": "pending", "translate": "entry",
}  # fmt: skip
TOKEN = re.compile(
    r"(?<![\w<'])(?:[A-Za-z_]\w*|==|!=|>=|\|\||&&|\+|\d+|[01-]{4})(?!\w)|(?<='d)\d|(?<=')b|; [A-Z]+ = [^;]+"
)


def places() -> Iterator[str]:
    """The text with every single place changed in turn."""
    start = TEXT.index("state:")
    for found in TOKEN.finditer(TEXT, start):
        word = found[0]
        new = ELSE.get(word)
        if word.startswith("; "):
            new = ""
        elif re.fullmatch("[01-]{4}", word):
            new = word[:3] + {"0": "1", "1": "-", "-": "1"}[word[3]]
        elif word.isdigit():
            new = str((int(word) + 1) % 4)
        if new is not None:
            yield TEXT[: found.start()] + new + TEXT[found.end() :]


def machines(folder: Path) -> Iterator[Machine]:
    """Those of the changed texts that are specifications, each in the same file."""
    file = folder / "small.yaml"
    for text in places():
        file.write_text(text, "utf-8")
        try:
            yield load(file)
        except SpecificationError:
            pass


def answer(machine: Machine, options: Options) -> MachineResult:
    """What a check says, but for what it took."""
    return replace(check(machine, options), effort=Effort())


def compared(folder: Path) -> Iterator[tuple[Machine, MachineResult, MachineResult]]:
    """Each changed machine with what is said of it cold, and warm after the unchanged one and those before it."""
    for machine in machines(folder):
        yield machine, answer(machine, COLD), answer(machine, WARM)


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Version:
    """The unchanged machine, asked with a cache of the test's own."""
    monkeypatch.setenv("PGCHECK_CACHE", str(tmp_path / "cache"))
    (tmp_path / "small.yaml").write_text(TEXT, "utf-8")
    machine = load(tmp_path / "small.yaml")
    return version(machine, answer(machine, WARM))


@pytest.mark.campaign
def test_warm_is_as_cold_wherever_two_specifications_differ(tmp_path: Path, base: Version) -> None:
    told_apart = 0
    for machine, cold, warm in compared(tmp_path):
        assert warm == cold
        told_apart += replace(cold, digest=base.result.digest) != base.result
        found = version(machine, answer(machine, WARM))
        assert found.result == cold
        assert difference(base, found) == difference(base, version(machine, cold))
        assert cold.main == base.result.main or not difference(base, found).empty
    assert told_apart > 40, "the changes are worth asking about"


@pytest.mark.parametrize("forgotten", ["around", "instruction"])
def test_a_key_that_forgets_a_part_is_found(
    forgotten: str, tmp_path: Path, base: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCHECK_CACHE", str(tmp_path / "another"))
    monkeypatch.setattr(Contents, forgotten, lambda *_: "")
    (tmp_path / "small.yaml").write_text(TEXT, "utf-8")
    answer(load(tmp_path / "small.yaml"), WARM)
    changes = (TEXT.replace("{F: [1, 0]}", "{F: [0]}"), TEXT.replace("priv(); L =", "L ="))
    stale = []
    for text in changes:
        (tmp_path / "small.yaml").write_text(text, "utf-8")
        machine = load(tmp_path / "small.yaml")
        stale.append(answer(machine, WARM) != answer(machine, COLD))
    assert any(stale)
