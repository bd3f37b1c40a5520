"""`pgcheck waive`: the difference that an instruction shows today, written down as accepted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any, Final

import click
from yaml import scan

from pgcheck import console
from pgcheck.checker.lint import premises
from pgcheck.checker.questions.subject import judgeable
from pgcheck.checker.result import DeploymentResult, ExitCode, MachineResult
from pgcheck.checker.solving.evidence import Undecided
from pgcheck.checker.verdicts.waiver import (
    CLASSES,
    Property,
    Waiver,
    differences,
    lacking,
    meaning_of,
    meaning_of_machine,
    modes,
)
from pgcheck.isa.files.errors import did_you_mean
from pgcheck.isa.machine.machine import Machine
from pgcheck.language import load
from pgcheck.options import REQUIRED, WAIVERS_FILE
from pgcheck.request import Request
from pgcheck.running import finding, run
from pgcheck.settings import config
from pgcheck.shipped import shipped
from pgcheck.waivers import application, waiver_file

_HEAD: Final = (
    "# Accepted differences: docs/waivers.md of pgcheck. `pgcheck waive` writes entries and keeps comments.\n"
)
_NONE: Final = re.compile(r"^waivers:[ \t]*\[[ \t]*\]", re.MULTILINE)
_ENTRY: Final = re.compile(r" *- ")


@dataclass(frozen=True, slots=True)
class WaiveRequest:
    """What the command line asks for: a row, id or mnemonic, why, for which properties (none: all that fail), until when, and where."""

    instruction: str
    reason: str
    properties: tuple[Property, ...]
    expires: str
    file: Path | None


def accept(word: str, request: Request, asked: WaiveRequest) -> ExitCode:
    """Check, and write a waiver for each property that fails on the instruction. Raises Failure or SpecificationError."""
    expires = _valid(asked)
    path = finding.find(word)
    machine = run.about(load(path), request.deployment)
    file = _file(word, path, asked.file)
    text = console.read(str(file)) if file.exists() else ""
    waiver_file.parsed(text, file)
    names = _named(machine, request.deployment, asked.instruction)
    result = run.judged(machine, request)
    failing = _failing(result, result.main, names, asked)
    try:
        shown = [_waiver(machine, result, failed, name, request) for failed, name in failing]
    except Undecided as undecided:
        click.echo(f"Error: not decided, so nothing is waived: {undecided}", err=True)
        return ExitCode.UNKNOWN
    waivers = [replace(waiver, reason=asked.reason, expires=expires) for waiver in shown]
    changed = with_waivers(text, waivers, file)
    waiver_file.parsed(changed, file)
    console.write(file, changed, change=True)
    for waiver in waivers:
        console.say(f"{file}: {waiver.instruction}, {waiver.property}: {', '.join(sorted(waiver.differences))}")
    return ExitCode.PROVED


def _valid(asked: WaiveRequest) -> date | None:
    """The last day, if one is named. Raises Failure for what a waiver cannot say."""
    if not asked.reason.strip():
        raise console.Failure("a waiver needs a reason: --reason says why the difference is accepted")
    if not asked.reason.isprintable():
        raise console.Failure("--reason is one line of text without control characters")
    expires = waiver_file.day(asked.expires)
    if asked.expires and expires is None:
        raise console.Failure(f"--expires {asked.expires}: it is a day as YYYY-MM-DD")
    if expires is not None and expires < date.today():
        raise console.Failure(f"--expires {asked.expires}: that day is over")
    return expires


def _file(word: str, path: Path, given: Path | None) -> Path:
    """Where the waiver is written: in the file that a check reads, or a new one beside the specification."""
    if given is not None:
        return given
    configured = config.current().presets().get("waivers")
    if configured is not None:
        return Path(configured)
    found = application.found(path)
    if found is None and shipped(word) is not None:
        raise console.Failure(
            f"{word} comes with pgcheck: name a file of your own with --file, and check with --waivers"
        )
    return found or path.parent / WAIVERS_FILE


def _named(machine: Machine, deployment: str, word: str) -> frozenset[str]:
    """The rows that a word means, or the premise. Raises Failure."""
    run.under(machine, deployment)
    names = {i.id + r.label: {i.id + r.label, i.id, i.name} for i in judgeable(machine) for r in i.rows}
    names |= {p.name: {p.name} for p in premises()}
    found = frozenset(row for row, words in names.items() if word in words)
    if not found:
        hint = did_you_mean(word, {n for words in names.values() for n in words})
        raise console.Failure(f"{machine.identity.name} has no instruction '{word}'" + (f"; {hint}" if hint else ""))
    return found


def _failing(
    result: MachineResult, deployment: DeploymentResult, names: frozenset[str], asked: WaiveRequest
) -> list[tuple[str, Property]]:
    """The rows or the premise, and the properties that fail for them. Raises Failure if nothing is there to waive."""
    found: list[tuple[str, Property]] = []
    for name in asked.properties or REQUIRED:
        theorem = deployment.theorems[name]
        against = (*theorem.premises, *theorem.failing) if theorem.status == "fails" else ()
        failing = [one for one in against if one in names]
        found.extend((one, name) for one in failing)
        if asked.properties and not failing:
            raise console.Failure(
                f"{name} does not fail on {asked.instruction} of {result.name}: nothing is to be waived"
            )
    if not found:
        raise console.Failure(f"nothing fails on {asked.instruction} of {result.name}: nothing is to be waived")
    return found


def _waiver(machine: Machine, result: MachineResult, failed: str, name: Property, request: Request) -> Waiver:
    """All that the row shows today or the machine lacks and nothing else, without a reason yet. Raises Undecided."""
    main = result.main
    row = next((row for row in main.instructions if row.id == failed), None)
    if row is None:
        found = lacking(result, main.name, failed)
        return Waiver(machine.identity.name, main.name, failed, name, meaning_of_machine(machine), found, "")
    evidence = application.asking(request.options)
    try:
        return Waiver(
            machine=machine.identity.name,
            deployment=main.name,
            instruction=row.id,
            property=name,
            meaning=meaning_of(machine, row),
            differences=differences(machine, main, row, name, evidence),
            reason="",
            modes=modes(machine, main, row, evidence) if name == "monitor" else frozenset(CLASSES),
        )
    finally:
        evidence.solver.close()


def with_waivers(text: str, waivers: Sequence[Waiver], file: Path) -> str:
    """The text of a waiver file with these in it: in the place of those for the same, else after its last.

    Raises WaiverFileError, and Failure for a file in which an entry does not start on a line of its own.
    """
    known = waiver_file.parsed(text, file)
    end_of_line = "\r\n" if text.count("\r\n") * 2 > text.count("\n") else "\n"
    lines = re.findall(r"[^\n]*\n", _opened(text, end_of_line, bool(known)))
    spans = _spans(lines, [waiver.position.line - 1 for waiver in known], file)
    offset = lines[spans[0][0]].index("-") if spans else 2
    end = spans[-1][1] if spans else len(lines)
    places = {waiver_file.identity(waiver): span for waiver, span in zip(known, spans, strict=True)}
    changes: dict[tuple[int, int], str] = {}
    for waiver in waivers:
        start, stop = places.get(waiver_file.identity(waiver), (end, end))
        before = changes.get((start, stop), "") if start == stop else ""
        entry = _entry("".join(lines[start:stop]).replace("\r\n", "\n"), waiver, offset)
        changes[start, stop] = before + entry.replace("\n", end_of_line)
    for (start, stop), entry in sorted(changes.items(), reverse=True):
        lines[start:stop] = [entry]
    return "".join(lines)


def _opened(text: str, end_of_line: str, entries: bool) -> str:
    """The text, ready for further entries at its end."""
    if waiver_file.empty(text):
        text = (text or _HEAD).rstrip("\r\n").replace("\r\n", "\n").replace(
            "\n", end_of_line
        ) + f"{end_of_line}waivers:{end_of_line}"
    elif not entries:
        text = _NONE.sub("waivers:", text)
    return text if text.endswith("\n") else text + end_of_line


def _spans(lines: Sequence[str], starts: Sequence[int], file: Path) -> list[tuple[int, int]]:
    """The lines of each entry, without the comments and blank lines after it."""
    spans = []
    for start, stop in zip(starts, [*starts[1:], len(lines)], strict=False):
        if not _ENTRY.match(lines[start]):
            raise console.Failure(
                f"{file}:{start + 1}: to change this file every entry starts on a line of its own, with -"
            )
        while not lines[stop - 1].strip() or lines[stop - 1].lstrip().startswith("#"):
            stop -= 1
        spans.append((start, stop))
    return spans


def _entry(text: str, waiver: Waiver, offset: int) -> str:
    """The lines of an entry that says this, with the comments and the order of those that are there."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1 << 16
    yaml.indent(mapping=2, sequence=offset + 2, offset=offset)
    entries = yaml.load(text) if text else yaml.seq([yaml.map()])
    _fill(entries[0], _keys(waiver), yaml)
    out = StringIO()
    yaml.dump(entries, out)
    written = out.getvalue()
    there = _comments(written)
    lost = [comment for comment in _comments(text) if comment not in there]
    return "".join(f"{' ' * offset}{comment}\n" for comment in lost) + written


def _comments(text: str) -> list[str]:
    """The comments between the tokens of a YAML text, in their order."""
    tokens = [token for token in scan(text) if token.end_mark.index > token.start_mark.index]
    starts = [0, *(token.end_mark.index for token in tokens)]
    ends = [*(token.start_mark.index for token in tokens), len(text)]
    gaps = (text[start:end] for start, end in zip(starts, ends, strict=True))
    return [found for gap in gaps for found in re.findall(r"#[^\n]*", gap)]


def _fill(entry: Any, keys: dict[str, Any], yaml: Any) -> None:
    """Set the keys, and take out those that are not said any more; the order of what is there stays."""
    for key in [key for key in entry if key not in keys]:
        del entry[key]
    for key, value in keys.items():
        if isinstance(value, list):
            if key in entry and [*entry[key]] == value:
                continue
            words = yaml.seq(value)
            words.fa.set_flow_style()
            entry[key] = words
        elif entry.get(key) != value:
            entry[key] = value


def _keys(waiver: Waiver) -> dict[str, Any]:
    """An entry of the file, in its order."""
    found: dict[str, Any] = {
        "machine": waiver.machine,
        "deployment": waiver.deployment,
        "instruction": waiver.instruction,
        "property": waiver.property,
        "meaning": waiver.meaning,
        "differences": sorted(waiver.differences),
    }
    if waiver.modes != frozenset(CLASSES):
        found["modes"] = sorted(waiver.modes)
    found["reason"] = waiver.reason
    return found | ({"expires": waiver.expires} if waiver.expires is not None else {})
