"""Machines of 64 units of memory with page tables of several shapes, written from the one with base and limit."""

from __future__ import annotations

from dataclasses import dataclass

from tests.specifications import path_of

ADDRESS = 6


@dataclass(frozen=True, slots=True)
class Shape:
    """Pages of 2**`shift` units, and `levels` tables of 2**`index` entries of a unit each."""

    shift: int
    levels: int
    index: int

    @property
    def top(self) -> int:
        """How many bits of an address are looked at."""
        return self.shift + self.levels * self.index


SHAPES = {
    "four pages to a table, two levels": Shape(2, 2, 2),
    "a table smaller than what an address could say": Shape(2, 1, 2),
    "a page is a table": Shape(3, 1, 3),
    "a table fills a quarter of its page": Shape(4, 1, 2),
    "five levels": Shape(1, 5, 1),
}


def text(shape: Shape) -> str:
    """The specification: user addresses go through page tables, those of the supervisor through nothing."""
    frame, top = ADDRESS - shape.shift, shape.top
    source = path_of("campaigns/sixty_four").read_text("utf-8")
    changes = [
        ("types: |\n", f"types: |\n  bitfield (8) Pte {{ FRAME {1 + frame}-2 W 1 V 0 }}\n"),
        (_between(source, "  BASE: {", "  EPC: {"), f"  ROOT: {{type: Bits<{frame}>, role: relocation}}\n"),
        (_between(source, "  replay: {", "functions: |"), _realised(shape)),
        (_between(source, "      if (mode == 0) { return a; }", "    }\n  }\n  function fetch"), _walk(shape)),
        ("(n == 0) ? BASE : (n == 1) ? LIMIT :", f"(n <= 1) ? {{{ADDRESS - frame}'d0, ROOT}} :"),
        (_between(source, "      if (n == 0) { BASE", "      else if (n == 2)"), f"      if (n <= 1) {{ ROOT = R[r][{frame - 1}:0]; }}\n"),
        ("[base, limit, ", "[root, top, "),
    ]  # fmt: skip
    for before, after in changes:
        assert source.count(before) == 1, before
        source = source.replace(before, after)
    assert top <= ADDRESS
    return source


def _between(source: str, first: str, behind: str) -> str:
    start = source.index(first)
    return source[start : source.index(behind, start)]


def _realised(shape: Shape) -> str:
    addresses = f'  addresses: "a[5:{shape.top}] == 0"\n' if shape.top < ADDRESS else ""
    lines = [
        "  realise:",
        "    entry: Pte",
        "    table: {V: 1, W: 1}",
        "    deny: {V: 0}",
        "    map: {V: 1, W: 1}",
        "    readonly: {V: 1, W: 0}",
        f"    frame: {{field: FRAME, shift: {shape.shift}, address: a}}",
        *([f"  {addresses.rstrip()}"] if addresses else []),
    ]
    return "\n".join([*lines, "", ""])


def _walk(shape: Shape) -> str:
    lines, table, last = ["if (mode == 0) { return a; }"], "ROOT", shape.levels - 1
    if shape.top < ADDRESS:
        lines.append(f"if (a[5:{shape.top}] != 0) {{ trap(Cause::Memory); }}")
    for level in range(shape.levels):
        high = shape.top - 1 - level * shape.index
        zeros = f"{shape.shift - shape.index}'d0, " if shape.shift > shape.index else ""
        lines += [
            f"Pte e{level} = read_physical_memory<8>({{{table}, {zeros}a[{high}:{high - shape.index + 1}]}});",
            f"if (e{level}.V == 0) {{ trap(Cause::Memory); }}",
        ]
        table = f"e{level}.FRAME"
    lines += [
        f"if (op == Access::Write && e{last}.W == 0) {{ trap(Cause::Memory); }}",
        f"return {{{table}, a[{shape.shift - 1}:0]}};",
    ]
    return "".join(f"      {line}\n" for line in lines)
