"""The smallest specification that breaks a rule and its mended twin, as edits of a sound machine."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

_TRANSLATION = """\
translate:
  function: translate
  mode: mode
  access: op
  probe: [real_address]
  replay: {BASE: 0}
  realise: external_mmu
functions: |
  function translate {
    returns Bits<8>
    arguments Bits<8> a, Op op, Bits<1> mode
    description { adds the base; the highest address is not mapped }
    body {
      if (a == 8'd255) { trap(Cause::Memory); }
      return a + BASE;
    }
  }
  function real_address {
    returns Bits<8>
    arguments Bits<8> a, Op op, Bits<1> mode
    description { a translated address as a value }
    body { return translate(a, op, mode); }
  }
"""

_HEAD = """\
spec_version: "1"
kind: machine
name: toy
title: A processor of one register
types: |
  enum Cause { Privileged 0 Service 1 Memory 2 Undefined 3 }
  enum Op { Read 0 Write 1 Fetch 2 }
state:
  PC: {type: Bits<8>, role: general, pc: true}
  A: {type: Bits<8>, role: general}
  E: {type: Bits<8>, size: 256, role: general}
  M: {type: Bits<1>, role: mode}
  BASE: {type: Bits<8>, role: relocation}
  IE: {type: Bits<1>, role: interrupt}
  OLD: {type: Bits<8>, role: saved}
memory: {state: E, unit: 8, endian: little}
modes: {state: M, supervisor: {values: [0]}, user: {values: [1]}}
exits:
  trap: {kind: other, by: {cause: {Privileged: privileged, Service: intent, Memory: memory}}}
"""

_REST = """\
  function trap {
    arguments Cause cause
    description { enters the supervisor at address 4, and saves the program counter }
    body { OLD = $pc; M = 0; $pc = 8'd4; }
  }
  function fetch {
    returns Bits<8>
    arguments Bits<8> address
    description { one instruction }
    body { return read_physical_memory<8>(translate(address, Op::Fetch, M)); }
  }
decode: {unit: 8, order: little, pc_unit: 8, max_length: 1, fetch: fetch, undefined: "trap(Cause::Undefined);"}
instructions:
  - name: cli
    encoding: {match: "00000001"}
    operation(): |
      if (M == 1) { trap(Cause::Privileged); }
      IE = 1'b0;
  - name: ret
    encoding: {match: "11111110"}
    operation(): "if (M != 0) { trap(Cause::Privileged); } M = 1'b1; $pc = OLD;"
"""

MACHINE = _HEAD + _TRANSLATION + _REST

_PAGING = """\
translate:
  function: translate
  mode: mode
  access: op
  replay: {PAGING: 0}
  realise:
    given: {PAGING: 1}
    entry: Pte
    table: {V: 1}
    deny: {V: 0}
    map: {V: 1, W: 1}
    readonly: {V: 1, W: 0}
    frame: {field: FRAME, shift: 4, address: a}
functions: |
  function translate {
    returns Bits<8>
    arguments Bits<8> a, Op op, Bits<1> mode
    description { pages of 16 bytes for the user, an entry of a byte each in the page ROOT }
    body {
      if (PAGING == 0 || mode == 0) { return a; }
      Pte pte = read_physical_memory<8>({ROOT, a[7:4]});
      if (pte.V == 0 || (op == Op::Write && pte.W == 0)) { trap(Cause::Memory); }
      return {pte.FRAME, a[3:0]};
    }
  }
"""

Edit = tuple[str, str]

PAGED: tuple[Edit, ...] = (
    ("Undefined 3 }\n", "Undefined 3 }\n  bitfield (8) Pte { FRAME 7-4 W 1 V 0 }\n"),
    ("  BASE: {type: Bits<8>", "  PAGING: {type: Bits<1>, role: relocation}\n  ROOT: {type: Bits<4>"),
    (_TRANSLATION, _PAGING),
)
_CLI = "      if (M == 1) { trap(Cause::Privileged); }\n      IE = 1'b0;\n"
CHECKED = "if (M == 1) { trap(Cause::Privileged); }\n"


@dataclass(frozen=True, slots=True)
class Example:
    """Edits of a common machine that break a rule, and those that do not.

    `budget` is the solver's, 0 the default; `waivers` is the file that both are checked with.
    """

    wrong: tuple[Edit, ...]
    right: tuple[Edit, ...]
    base: tuple[Edit, ...] = ()
    budget: int = 0
    waivers: str = ""

    @property
    def broken(self) -> str:
        """The specification that breaks the rule."""
        return _edited(MACHINE, (*self.base, *self.wrong))

    @property
    def mended(self) -> str:
        """The nearest specification that does not."""
        return _edited(MACHINE, (*self.base, *self.right))

    def difference(self) -> Iterator[str]:
        """The lines that mend the broken specification, as a unified diff without heads of files."""
        lines = difflib.unified_diff(self.broken.splitlines(), self.mended.splitlines(), lineterm="", n=1)
        return (line for line in lines if not line.startswith(("---", "+++")))


def _edited(text: str, edits: tuple[Edit, ...]) -> str:
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def operation(body: str, keys: str = "") -> Edit:
    """The instruction with this operation, and with further keys."""
    old = '  - name: cli\n    encoding: {match: "00000001"}\n    operation(): |\n' + _CLI
    head, _, rest = old.partition("    operation(): |\n")
    lines = "".join(f"      {line}\n" for line in body.splitlines())
    return old, f"{head}{keys}    operation(): |\n{lines}"


def legal_if(condition: str) -> Edit:
    """The state is legal where a condition holds."""
    return "functions: |\n", f'legal: ["{condition}"]\nfunctions: |\n'


SILENT = operation("IE = 1'b0;")
REFUSED = operation(CHECKED + "IE = 1'b0;")
