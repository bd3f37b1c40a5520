"""The command line."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pgcheck.shipped import shipped


@click.group()
def main() -> None:
    """Decide from an ISA specification whether its machine can be virtualized by trap and emulate."""


@main.command()
@click.argument("specification")
def validate(specification: str) -> None:
    """Check a specification: every error at once, each with its place."""
    from pgcheck.isa.build import load
    from pgcheck.isa.errors import SpecificationError

    path = shipped(specification) or Path(specification)
    try:
        machine = load(path, shipped=shipped)
    except SpecificationError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    click.echo(f"{path}: {len(machine.instructions)} instructions, {len(machine.leaves)} leaves: valid")
