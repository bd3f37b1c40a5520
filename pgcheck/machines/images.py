"""The holes of a specification as programs: boot images on disk, and what each shows on the bare machine and under a forced monitor."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Final

from pgcheck import console
from pgcheck.checker.campaign.images.image import BootImage, images
from pgcheck.checker.check import solver_for
from pgcheck.checker.result import ExitCode
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.verdicts.policy import NoMonitor, policy
from pgcheck.isa.machine.machine import Machine
from pgcheck.request import Request
from pgcheck.running import run

WIDTH: Final = 80


def show(machine: Machine, request: Request, folder: Path) -> ExitCode:
    """Write and run the image of every hole; 1 if the machine has holes. Raises Failure."""
    result = run.judged(machine, request).deployments[0]
    holes = [(row.id, row.witness) for row in result.instructions if row.witness is not None]
    if not holes:
        console.say(f"{machine.identity.name} has no hole with a witness: there is nothing to show")
        return ExitCode.PROVED
    solver = solver_for(request.options)
    try:
        forced = policy(machine, result, Evidence(solver, second=False), force=True)
    except NoMonitor as refusal:
        raise console.Failure(f"{machine.identity.name}: no monitor can be made, nor forced: {refusal}") from None
    finally:
        solver.close()
    console.folder(folder)
    noticed = 0
    for row, image, shown, reason in images(machine, forced, holes):
        if image is not None and shown is not None and not reason:
            noticed += 1
            path = (
                folder / f"{machine.identity.name}-{''.join(c if c.isalnum() or c in '._-' else '_' for c in row)}.img"
            )
            console.write(path, raw(machine, image))
            console.say(f"{row:20} {shown.bare} bare, {shown.monitored} monitored: {path.name}, {image.steps} steps")
        else:
            console.say("\n".join(textwrap.wrap(f"{row:20} no image: {reason}", WIDTH, subsequent_indent=" " * 21)))
    console.say(f"\n{noticed} of {len(holes)} holes shown by programs in {folder}")
    console.say(f"pgcheck run runs each of them with --raw {machine.platform.ram_base:#x}")
    return ExitCode.REFUTED


def raw(machine: Machine, image: BootImage) -> bytes:
    """An image as `pgcheck run` takes it: memory from the start of RAM, each unit in whole bytes."""
    size = -(-machine.state.memory_unit // 8)
    base = machine.platform.ram_base
    end = max(image.cells) + 1
    if machine.state.big_endian:
        return b"".join(image.cells.get(a, 0).to_bytes(size, "big") for a in range(base, end))
    return b"".join(image.cells.get(a, 0).to_bytes(size, "little") for a in range(base, end))
