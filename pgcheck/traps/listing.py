"""A trap table as text of at most 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pgcheck.checker.traps.registers import Register
from pgcheck.traps.view import Block, Use, View
from pgcheck.words import counted, wrapped


def listing(view: View) -> str:
    """How rows end, to whom traps are delivered, the registers and the knobs."""
    return "\n".join(_lines(view))


def _lines(view: View) -> Iterator[str]:
    yield f"{view.table.name}: how instructions end, by {view.machine.modes.leaf} ({', '.join(view.modes)})"
    yield from _kinds(view) if view.folded else _blocks(view)
    deliveries = list(view.deliveries())
    if deliveries:
        yield from ("", "Where traps are delivered:")
    for one in deliveries:
        yield from wrapped(f"{', '.join(one.causes)} from {', '.join(one.modes)}:", "      ", "  ")
        yield from (line for where in one.where for line in wrapped(where, "        ", "      "))
    registers = view.registers
    if registers:
        yield from ("", "Registers, read and written from:", *_registers(view, registers))
    knobs = view.knobs()
    if knobs:
        yield from ("", "Trap knobs:")
        for leaf, uses in knobs.items():
            yield from _knob(view, leaf, uses)


def _kinds(view: View) -> Iterator[str]:
    """The ways in which rows end, without when."""
    kinds = list(view.kinds())
    for kind in kinds:
        if not kind.plain:
            yield from ("", *wrapped(kind.names, ""))
            for modes, ways in kind.modes:
                yield from wrapped(f"{_modes(view, modes)}: {' or '.join(ways)}", "      ", "  ")
    for kind in kinds:
        if kind.plain:
            yield from ("", f"Complete, whatever the state ({kind.count}):", *wrapped(kind.names, "  "))
    name = view.table.name
    yield from ("", *wrapped(f"When each of these comes: pgcheck traps {name} INSTRUCTION; of all rows: --rows.", ""))


def _blocks(view: View) -> Iterator[str]:
    """The ways in which rows end, and when."""
    blocks = list(view.blocks())
    for block in blocks:
        if not block.plain:
            yield from ("", *_block(view, block))
    plain = [row for block in blocks if block.plain for row in block.rows]
    if plain:
        yield from ("", f"Complete, whatever the state ({len(plain)}):", *wrapped(", ".join(plain), "  "))


def _block(view: View, block: Block) -> Iterator[str]:
    yield from wrapped(", ".join(block.rows), "")
    for modes, ways in block.modes:
        label = _modes(view, modes)
        if len(ways) == 1:
            yield from wrapped(f"{label}: {ways[0].what} {ways[0].when}".rstrip(), "      ", "  ")
            continue
        yield f"  {label}:"
        for way in ways:
            yield from wrapped(f"{way.what} {way.when}".rstrip(), "        ", "    ")


def _registers(view: View, registers: Sequence[Register]) -> Iterator[str]:
    """A line for each register; registers that are alike are together."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for one in registers:
        said = tuple(f"{', '.join(modes)}: {what}" for what, modes in view.admitted(one).items())
        alike.setdefault(said, []).append(one.name)
    for said, names in alike.items():
        yield from wrapped(", ".join(names), "    ", "  ")
        yield from (line for clause in said for line in wrapped(clause, "        ", "      "))


def _knob(view: View, leaf: str, uses: Sequence[Use]) -> Iterator[str]:
    yield f"  {leaf}"
    for use in uses:
        when = f" with {', '.join(use.when)}" if use.when else ""
        yield from wrapped(f"{_modes(view, use.modes)}: {use.what}{when}: {some(use.rows)}", "        ", "    ")


def _modes(view: View, modes: Sequence[str]) -> str:
    return "all modes" if tuple(modes) == view.modes else ", ".join(modes)


def some(rows: Sequence[str], most: int = 8) -> str:
    """The first rows, and how many there are besides."""
    more = f" and {counted(len(rows) - most, 'more row')}" if len(rows) > most else ""
    return ", ".join(rows[:most]) + more
