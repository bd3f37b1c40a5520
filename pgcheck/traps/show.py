"""`pgcheck traps`: the table is made and written."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from pgcheck import console
from pgcheck.checker.check import solver_for
from pgcheck.checker.questions.subject import judgeable
from pgcheck.checker.result import ExitCode, Judged, Started
from pgcheck.checker.solving.pool import Pool
from pgcheck.checker.traps.table import Traps, traps
from pgcheck.isa.files.errors import did_you_mean
from pgcheck.isa.machine.machine import Instruction, Machine, Row
from pgcheck.request import Request
from pgcheck.running import progress
from pgcheck.traps.document import document
from pgcheck.traps.listing import listing
from pgcheck.traps.page import page
from pgcheck.traps.view import View

FORMATS = {"text": listing, "json": document, "html": page}


def show(
    machine: Machine, words: Sequence[str], request: Request, format_: str, file: Path | None, *, rows: bool
) -> ExitCode:
    """Write the table of the rows that the words mean, of all without any. Raises Failure."""
    chosen = selected(machine, words)
    table = made(machine, sorted({i.id for i, _ in chosen}), request)
    named = {i.id + row.label for i, row in chosen}
    kept = Traps(table.name, table.digest, table.modes, tuple(r for r in table.rows if r.id in named), table.delivered)
    listed = tuple(r for r in kept.rows if words or rows or r.register is None)
    text = FORMATS[format_](View(machine, kept, listed, folded=not words and not rows))
    if file is None:
        console.say(text)
    else:
        console.write(file, text + "\n")
    return ExitCode.UNKNOWN if kept.unknown else ExitCode.PROVED


def made(machine: Machine, identifiers: Sequence[str], request: Request) -> Traps:
    """The table of some instructions, with progress on standard error."""
    options = request.options
    if options.dump is not None:
        console.folder(options.dump)
    instructions = [i for i in judgeable(machine) if i.id in identifiers]
    with progress.shown(enabled=progress.wanted()) as hear, Pool(lambda: solver_for(options), options.jobs) as pool:
        hear(Started(machine.identity.name, len(instructions)))
        return traps(machine, pool, instructions, lambda i: hear(Judged("rows", i, "", 0.0)), second=options.second)


def selected(machine: Machine, words: Sequence[str]) -> list[tuple[Instruction, Row]]:
    """The rows that the words mean: ids or mnemonics of instructions, rows, or the registers of rows, with * and ?. Raises Failure."""
    every = [(i, row) for i in judgeable(machine) for row in i.rows]
    chosen: dict[tuple[str, str], tuple[Instruction, Row]] = {}
    for word in words:
        found = [(i, row) for i, row in every if any(fnmatchcase(name, word) for name in _names(i, row))]
        if not found:
            hint = did_you_mean(word, {n for i, row in every for n in _names(i, row)})
            raise console.Failure(
                f"{machine.identity.name} has no instruction, row or register '{word}'" + (f"; {hint}" if hint else "")
            )
        chosen |= {(i.id, row.label): (i, row) for i, row in found}
    return [*chosen.values()] if words else every


def _names(instruction: Instruction, row: Row) -> tuple[str, ...]:
    named = (row.label.removeprefix(":"),) if row.value is not None else ()
    return instruction.id, instruction.name, instruction.id + row.label, *named
