"""What one looks up or turns into another form: list, rules, rule, glossary, schema, assemble, disassemble."""

from __future__ import annotations

from typing import Final

import click

from pgcheck.commands.completion import specifications as completed


@click.command("list")
def list_() -> int:
    """Name the specifications that are shipped."""
    from pgcheck import console
    from pgcheck.isa.files.loader import load
    from pgcheck.shipped import paths, shipped

    for name, path in paths().items():
        title = next((v for k, v in load(path, shipped).root.items() if k == "title"), "")
        console.say(f"{name:14}{title}")
    return 0


@click.command("rules")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Default: text.")
def rules_(format_: str) -> int:
    """List the rules that results are reported under."""
    from pgcheck import console
    from pgcheck.reports import rulebook

    console.say(rulebook.listed() if format_ == "text" else rulebook.document())
    return 0


@click.command("rule")
@click.argument("rule")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Default: text.")
def rule_(rule: str, format_: str) -> int:
    """Explain a rule: the law, and the smallest specification that breaks it.

    RULE is an id or a name from `pgcheck rules`.
    """
    from pgcheck import console
    from pgcheck.reports import rulebook

    found = rulebook.found(rule)
    console.say(rulebook.shown(found) if format_ == "text" else rulebook.document(found))
    return 0


@click.command()
@click.argument("word", default="")
def glossary(word: str) -> int:
    """Say what a word of reports means; without one, all of them."""
    from pgcheck import console
    from pgcheck.glossary import WORDS
    from pgcheck.isa.files.errors import did_you_mean
    from pgcheck.words import wrapped

    wanted = " ".join(word.casefold().split())
    if wanted and wanted not in WORDS:
        raise console.Failure(
            f"'{word}' is no word of the glossary; {did_you_mean(wanted, WORDS) or 'pgcheck glossary lists them'}"
        )
    for name in [wanted] if wanted else WORDS:
        console.say("\n".join(wrapped(WORDS[name], "  ", f"{name}: ")))
    return 0


@click.command()
@click.argument("which", type=click.Choice(["specification", "result"]), default="specification")
def schema(which: str) -> int:
    """Print the JSON Schema of specifications or results."""
    import json

    from pgcheck import console
    from pgcheck.schemas import SCHEMAS

    console.say(json.dumps(SCHEMAS[which](), indent=1))
    return 0


@click.command()
@click.argument("specification", shell_complete=completed)
@click.argument("file", default="-")
def assemble(specification: str, file: str) -> int:
    """Turn assembly text into hexadecimal units.

    FILE is standard input by default.
    """
    from pgcheck import console
    from pgcheck.machines import listing
    from pgcheck.running import finding

    console.say(listing.assembled(finding.loaded(specification), console.read(file), file))
    return 0


@click.command()
@click.argument("specification", shell_complete=completed)
@click.argument("file", default="-")
def disassemble(specification: str, file: str) -> int:
    """Turn hexadecimal units into assembly text.

    FILE is standard input by default.
    """
    from pgcheck import console
    from pgcheck.machines import listing
    from pgcheck.running import finding

    console.say(listing.disassembled(finding.loaded(specification), console.read(file), file))
    return 0


COMMANDS: Final = (list_, rules_, rule_, glossary, schema, assemble, disassemble)
