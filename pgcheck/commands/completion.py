"""What a shell offers where a specification, or something that one names, is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from pgcheck.isa.files.tree import Mapping

# The parameters in which a command holds the specifications that its other words are about.
HOLDERS: Final = ("specification", "specifications", "versions", "first", "second")


def specifications(context: click.Context, parameter: click.Parameter | None, incomplete: str) -> list[CompletionItem]:
    """The shipped specifications that begin so; where none does, the shell completes files."""
    from click.shell_completion import CompletionItem

    from pgcheck.shipped import names

    found = [name for name in names() if name.startswith(incomplete)]
    return [CompletionItem(incomplete, type="file"), *(CompletionItem(name) for name in found)]


def instructions(context: click.Context, parameter: click.Parameter | None, incomplete: str) -> list[str]:
    """Mnemonics and ids of the specifications' instructions that begin so; of a list with commas, its last word."""
    from pgcheck.isa.files.errors import Text
    from pgcheck.isa.files.loader import instruction_id
    from pgcheck.isa.files.tree import Mapping, as_list

    before, comma, word = incomplete.rpartition(",")
    listed = [one for root in _named(context) if (own := root.get(Text("instructions"))) for one in as_list(own)]
    names = [
        name for one in listed if isinstance(one, Mapping) for name in (one.get(Text("name")), instruction_id(one))
    ]
    return [f"{before}{comma}{name}" for name in dict.fromkeys(map(str, names)) if name.startswith(word)]


def deployments(context: click.Context, parameter: click.Parameter | None, incomplete: str) -> list[str]:
    """The specifications' deployments that begin so."""
    from pgcheck.isa.files.errors import Text
    from pgcheck.isa.files.tree import Mapping

    listed = [own for root in _named(context) if isinstance(own := root.get(Text("deployments")), Mapping)]
    return [name for name in dict.fromkeys(str(key) for own in listed for key in own) if name.startswith(incomplete)]


def _named(context: click.Context) -> Iterator[Mapping]:
    """The specifications that the command line names so far, as they are written; one that cannot be read offers nothing."""
    from pgcheck.isa.files.errors import SpecificationError
    from pgcheck.isa.files.loader import load
    from pgcheck.running.finding import find
    from pgcheck.shipped import shipped

    given = [context.params.get(holder) or () for holder in HOLDERS]
    words = [one for value in given for one in ((value,) if isinstance(value, str) else value)]
    for word in words or context.args:  # where an option still lacks its value, click has not told arguments apart
        try:
            yield load(find(word), shipped).root
        except (SpecificationError, click.ClickException, OSError):
            continue
