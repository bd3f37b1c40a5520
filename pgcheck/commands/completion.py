"""What a shell offers where a specification is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def specifications(context: click.Context, parameter: click.Parameter | None, incomplete: str) -> list[CompletionItem]:
    """The shipped specifications that begin so; where none does, the shell completes files."""
    from click.shell_completion import CompletionItem

    from pgcheck.shipped import names

    found = [name for name in names() if name.startswith(incomplete)]
    return [CompletionItem(incomplete, type="file"), *(CompletionItem(name) for name in found)]
