"""For each rule the smallest specification that breaks it and its mended twin, as edits of a sound machine."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

MACHINE = """\
spec_version: "1"
kind: machine
name: toy
title: A processor of one register
types: |
  enum Cause { Privileged 0 Service 1 Memory 2 Undefined 3 }
state:
  PC: {type: Bits<8>, role: general, pc: true}
  A: {type: Bits<8>, role: general}
  E: {type: Bits<8>, size: 256, role: general}
  M: {type: Bits<1>, role: mode}
  IE: {type: Bits<1>, role: interrupt}
memory: {state: E, unit: 8, endian: little}
modes: {state: M, supervisor: {values: [0]}, user: {values: [1]}}
exits:
  trap: {kind: other, by: {cause: {Privileged: privileged, Service: intent, Memory: memory}}}
functions: |
  function trap {
    arguments Cause cause
    description { enters the supervisor at address 4 }
    body { M = 0; $pc = 8'd4; }
  }
  function fetch {
    returns Bits<8>
    arguments Bits<8> address
    description { one instruction }
    body { return read_physical_memory<8>(address); }
  }
decode: {unit: 8, order: little, pc_unit: 8, max_length: 1, fetch: fetch, undefined: "trap(Cause::Undefined);"}
instructions:
  - name: cli
    encoding: {match: "00000001"}
    operation(): |
      if (M == 1) { trap(Cause::Privileged); }
      IE = 1'b0;
"""

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
    description { pages of 16 bytes, an entry of a byte each in the page ROOT }
    body {
      if (PAGING == 0) { return a; }
      Pte pte = read_physical_memory<8>({ROOT, a[7:4]});
      if (pte.V == 0 || (op == Op::Write && pte.W == 0)) { trap(Cause::Memory); }
      return {pte.FRAME, a[3:0]};
    }
  }
"""

Edit = tuple[str, str]

TRANSLATED: tuple[Edit, ...] = (
    ("Undefined 3 }\n", "Undefined 3 }\n  enum Op { Read 0 Write 1 }\n"),
    ("  IE:", "  BASE: {type: Bits<8>, role: relocation}\n  IE:"),
    ("functions: |\n", _TRANSLATION),
)
PAGED: tuple[Edit, ...] = (
    ("Undefined 3 }\n", "Undefined 3 }\n  enum Op { Read 0 Write 1 }\n  bitfield (8) Pte { FRAME 7-4 W 1 V 0 }\n"),
    ("  IE:", "  PAGING: {type: Bits<1>, role: relocation}\n  ROOT: {type: Bits<4>, role: relocation}\n  IE:"),
    ("functions: |\n", _PAGING),
)
CLI = ("      if (M == 1) { trap(Cause::Privileged); }\n      IE = 1'b0;\n",)
CHECKED = "if (M == 1) { trap(Cause::Privileged); }\n"
TIMER = ("  IE:", "  T: {type: Bits<8>, role: timing, volatile: true}\n  IE:")
WIDE_DECODE = (
    "{unit: 8, order: little, pc_unit: 8, max_length: 1,",
    "{unit: 8, order: little, pc_unit: 8, max_length: 4,",
)


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
    old = '  - name: cli\n    encoding: {match: "00000001"}\n    operation(): |\n' + CLI[0]
    head, _, rest = old.partition("    operation(): |\n")
    lines = "".join(f"      {line}\n" for line in body.splitlines())
    return old, f"{head}{keys}    operation(): |\n{lines}"


def _legal(condition: str) -> Edit:
    return "functions: |\n", f'legal: ["{condition}"]\nfunctions: |\n'


_CANDIDATES = ", ".join(map(str, range(1, 34)))
_SPOILING: tuple[Edit, ...] = (
    ("  IE:", "  K: {type: Bits<6>, role: configuration}\n  IE:"),
    (
        "functions: |\n",
        f"configurations: {{k: {{K: [{_CANDIDATES}]}}}}\n"
        'deployments: {default: {guest: "K == 0", real_mode: 1}}\nfunctions: |\n',
    ),
    operation("if (M == 1 && K != 0) { trap(Cause::Privileged); }\nIE = 1'b0;"),
)
_NEXT = '  - name: inc\n    encoding: {match: "00000010"}\n    operation(): |\n      '
_SPOILED = (
    "instructions:\n",
    f"instructions:\n{_NEXT}if (M == 1 && K != 0) {{ trap(Cause::Privileged); }}\n      A = 8'd1;\n",
)
_SPARED = ("instructions:\n", f"instructions:\n{_NEXT}A = 8'd1;\n")


def _pair(other: str) -> Edit:
    def one(name: str, when: str) -> str:
        encoding = f'{{match: "1000----------------------------", variables: ["v 27-0"], when: "{when}"}}'
        return f"  - name: {name}\n    encoding: {encoding}\n    operation(): |\n      A = 8'd0;\n"

    return "instructions:\n", "instructions:\n" + one("one", "v * v * v == 28'h9990b77") + one("two", other)


_SILENT = operation("IE = 1'b0;")
_REFUSED = operation(CHECKED + "IE = 1'b0;")
_WAIVED = """\
waivers:
  - machine: toy
    deployment: default
    instruction: cli
    property: theorem1
    meaning: 0cb6424371f6ef4306c1e9ba36937f79a59d36f07a37074c5552a47f07b44a3f
    differences: ["ctl[interrupt@S]", "ctl[interrupt@U]"]
    reason: user programs disable interrupts only around a few instructions
"""
EXAMPLES: dict[str, Example] = {
    "hole": Example((_SILENT,), (_REFUSED,)),
    "undecided": Example((_SILENT,), (), budget=1),
    "theorem1": Example(
        (operation("if (M == 1 && A == 8'd0) { trap(Cause::Undefined); }\nA = 8'd0;"),),
        (operation("if (A == 8'd0) { trap(Cause::Undefined); }\nA = 8'd0;"),),
    ),
    "theorem2": Example((operation("A = T;"),), (operation(CHECKED + "A = T;"),), (TIMER,)),
    "theorem3": Example((operation("A = BASE;"),), (operation(CHECKED + "A = BASE;"),), TRANSLATED),
    "monitor": Example((operation("if (M == 0) { IE = 1'b0; }"),), (_REFUSED,)),
    "waiver": Example((operation("IE = 1'b1;"),), (_SILENT,), waivers=_WAIVED),
    "specification": Example((operation(CHECKED + "IF = 1'b0;"),), ()),
    "legal_after_reset": Example(
        (), (("role: interrupt}", "role: interrupt, reset: 1}"),), (_legal("IE == 1"), operation("A = 8'd0;"))
    ),
    "undefined_encodings_trap": Example((('undefined: "trap(Cause::Undefined);"', 'undefined: "A = 8\'d0;"'),), ()),
    "encodings_are_disjoint": Example((_pair("v * v == 28'hafaaf71"),), (_pair("v * v * v == 28'd8"),), (WIDE_DECODE,)),
    "cuts_change_no_general_state": Example((("return a + BASE;", "A = a;\n      return a + BASE;"),), (), TRANSLATED),
    "realisable": Example((("  realise: external_mmu\n", ""),), (), TRANSLATED),
    "translation_faults_enter": Example((("{ trap(Cause::Memory); }", "{ halt(); }"),), (), TRANSLATED),
    "canaries": Example(
        (("functions: |\n", "deployments: {default: {real_mode: same, mirror: [IE]}}\nfunctions: |\n"),),
        (("functions: |\n", "deployments: {default: {real_mode: same}}\nfunctions: |\n"),),
    ),
    "deliveries_keep_legal": Example(
        (("M = 0; $pc", "IE = 1'b1; M = 0; $pc"),), (("M = 0; $pc", "IE = 1'b0; M = 0; $pc"),), (_legal("IE == 0"),)
    ),
    "legal_is_inductive": Example(
        (operation(CHECKED + "IE = A[0];"),), (operation(CHECKED + "IE = 1'b0;"),), (_legal("IE == 0"),)
    ),
    "traps_are_precise": Example(
        (operation("A = 8'd0;\nif (M == 1) { trap(Cause::Privileged); }\nIE = 1'b0;"),),
        (operation("if (M == 1) { trap(Cause::Privileged); }\nA = 8'd0;\nIE = 1'b0;"),),
    ),
    "access_claims_hold": Example(
        (operation(CHECKED + "IE = 1'b0;", "    access: {user: always}\n"),),
        (operation(CHECKED + "IE = 1'b0;", "    access: {user: never}\n"),),
    ),
    "addresses_are_no_values": Example(
        (operation("A = translate(A, Op::Read, M);"),), (operation("A = real_address(A, Op::Read, M);"),), TRANSLATED
    ),
    "hypotheses_are_satisfiable": Example((_legal("M == 0"),), ()),
    "efficiency": Example((_SPOILED,), (_SPARED,), _SPOILING),
    "traps_enter_monitor": Example((("body { M = 0;", "body { M = A[0];"),), ()),
    "leaves_specification": Example(
        (operation(CHECKED + 'if (A == 8\'d0) { unmodelled("device"); }\nIE = 1\'b0;'),), ()
    ),
    "accesses_stay_in_their_page": Example(
        (operation("A = read_physical_memory<16>(translate(A, Op::Read, M))[7:0];"),),
        (operation("A = read_physical_memory<16>(translate({A[7:1], 1'b0}, Op::Read, M))[7:0];"),), PAGED
    ),
    "general_or_mirror": Example(
        (("role: interrupt", "role: identity"),), (("role: interrupt", "role: general"),),
        (operation("Bits<1> old = IE;\nIE = A[0];\nA = {7'd0, old};"),),
    ),
}  # fmt: skip
