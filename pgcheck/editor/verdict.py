"""The verdict of one instruction, asked of a process of its own, so that it can be ended at any moment.

`python -m pgcheck.editor.verdict` reads {path, texts, instruction, others} as JSON and writes {text} or {error}.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pgcheck.words import VERDICTS, configuration, difference, sensitivities, units

if TYPE_CHECKING:
    from pgcheck.checker.result import InstructionResult, MachineResult
    from pgcheck.isa.machine.machine import Identity, Machine

MOST_ROWS: Final = 12
COMMAND: Final = (sys.executable, "-P", "-m", "pgcheck.editor.verdict")


async def ask(question: Mapping[str, Any], environment: Mapping[str, str]) -> str:
    """The answer as text; cancelling ends the process and its solvers."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=dict(environment),
        limit=1 << 22,
    )
    try:
        out, _ = await process.communicate(json.dumps(question).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    try:
        answer = json.loads(out)
        return str(answer.get("text") or f"not checked: {answer['error']}")
    except (ValueError, KeyError, AttributeError):
        return "not checked: the check ended without an answer"


def answer(question: Mapping[str, Any]) -> dict[str, str]:
    """What the process writes; a kept result of the whole machine is preferred to a check of the instruction alone."""
    from pgcheck.checker.check import Options, check
    from pgcheck.checker.verdicts.result_cache import load_result
    from pgcheck.editor.files import read
    from pgcheck.isa.files.cache import Cache

    found = read(question["path"], question["texts"])
    if found.machine is None:
        return {"error": "the specification has errors"}
    machine: Machine = found.machine
    for path in (machine.identity.path, *question["others"]):
        kept = load_result(Cache(), replace(machine, identity=_read_as(machine.identity, path)), Options())
        if kept is not None:
            return {"text": shown(machine, kept, question["instruction"], alone=False)}
    result = check(machine, Options(jobs=1, only=(question["instruction"],)))
    return {"text": shown(machine, result, question["instruction"], alone=True)}


def _read_as(identity: Identity, path: str) -> Identity:
    """The same files, had the first been named `path`: the others in the same folder are named alike."""
    folder = identity.path.removesuffix(path) if identity.path.endswith(path) else ""
    others = (f.removeprefix(folder) for f in identity.files[1:])
    return replace(identity, path=path, files=(path, *others))


def shown(machine: Machine, result: MachineResult, identifier: str, *, alone: bool) -> str:
    """The verdict of an instruction in Markdown, in every deployment."""
    lines = [f"**{_plain(identifier)}**"]
    for deployment in result.deployments:
        rows = [r for r in deployment.instructions if r.id.removesuffix(r.row) == identifier or r.id == identifier]
        if len(result.deployments) > 1:
            lines.append(f"*{_plain(deployment.name)}*")
        for row in rows[:MOST_ROWS]:
            lines += _row(machine, row, named=len(rows) > 1)
        if len(rows) > MOST_ROWS:
            lines.append(f"and {len(rows) - MOST_ROWS} more rows")
    if alone:
        lines.append("*(checked alone: a configuration for the whole machine may differ)*")
    return "\n\n".join(lines)


def _row(machine: Machine, row: InstructionResult, *, named: bool) -> list[str]:
    head = f"{_plain(row.row.lstrip(':'))}: " if named else ""
    lines = [f"{head}**{row.verdict}**: {VERDICTS.get(row.verdict, '')}"]
    if row.reason:
        lines.append(_plain(row.reason))
    if row.configuration:
        lines.append(f"with {_plain(configuration(row.configuration))}")
    privileged = "privileged" if row.privileged else "not privileged"
    sensitive = f"sensitive: {sensitivities(row.sensitivities)}" if row.sensitive else "not sensitive"
    lines.append(_plain(f"{privileged}; {sensitive}"))
    if row.witness is not None:
        told = difference(row.witness, row.witness.differs[0])
        lines.append(
            f"`{row.witness.assembly} [{units(row.witness.units, machine.decoding.decode.unit)}]`: {_plain(told)}"
        )
    return lines


def _plain(text: str) -> str:
    """The text with what Markdown would take for its own escaped."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#|" else c for c in text)


def main() -> None:
    question = json.load(sys.stdin)
    try:
        reply = answer(question)
    except Exception as error:  # whatever goes wrong is an answer
        reply = {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}
    json.dump(reply, sys.stdout)


if __name__ == "__main__":
    main()
