"""Writes from the code what is in the repository besides: `python docs/generate.py`. A test compares what is checked in.

That is docs/reference/, the schema of specifications, and in pages written by hand the tables between `<!-- table: NAME -->` and
`<!-- end of table -->`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import click

from pgcheck import cli, console, schemas
from pgcheck.checker.campaign.table import PROPERTIES
from pgcheck.checker.hypotheses import HYPOTHESES
from pgcheck.commands import monitors
from pgcheck.glossary import WORDS
from pgcheck.isa.encoding import directives
from pgcheck.isa.files.schema import json_schema
from pgcheck.isa.idl import calls, types
from pgcheck.isa.terms import ir
from pgcheck.models.devices.standard import models
from pgcheck.options import FORMATS
from pgcheck.reports import rulebook
from pgcheck.reports.writing import format_of
from pgcheck.vmm.kind import kinds

DOCS: Final = Path(__file__).parent
TABLE: Final = re.compile(r"(?<=<!-- table: )(\w+)( -->\n\n).*?(?=\n\n<!-- end of table -->)", re.DOTALL)
NOTE: Final = "<!-- Written by docs/generate.py from the code: change that and run it again. -->"
WIDTH: Final = 80
TEXT: Final = frozenset({"string", "number", "boolean"})
Schema = Mapping[str, Any]


def everything() -> dict[Path, str]:
    """The text of every file that is generated, or that has generated tables in it."""
    schema = json.dumps(json_schema(models()), indent=1) + "\n"
    reference = {DOCS / "reference" / name: text for name, text in pages().items()}
    return {DOCS.parent / "isa" / "schema.json": schema, **reference, **dict(_with_tables())}


def _with_tables() -> Iterator[tuple[Path, str]]:
    tables = {
        "directives": _directives,
        "formats": _formats,
        "refused": _refused,
        "hypotheses": _hypotheses,
        "kinds": _kinds,
        "models": _models,
        "properties": _properties,
    }
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        if TABLE.search(text):
            yield page, TABLE.sub(lambda found: found[1] + found[2] + "\n".join(tables[found[1]]()), text)


def pages() -> dict[str, str]:
    """The text of every page of the reference, by file name."""
    return {
        "cli.md": _page("The command line", _commands()),
        "exit-codes.md": _page("Exit codes", _exit_codes()),
        "glossary.md": _page("Glossary", _glossary()),
        "idl.md": _page("IDL-core: the grammar", _grammar()),
        "rules.md": _page("Rules", _rules()),
        "result-schema.md": _page("The JSON result, key by key", _result()),
        "specification-schema.md": _page("A specification, key by key", _specification()),
    }


def _page(title: str, body: Iterator[str]) -> str:
    return "\n".join((NOTE, "", f"# {title}", "", *body)).rstrip() + "\n"


# ---- the command line


def _commands() -> Iterator[str]:
    yield "What `--help` prints, of the program and of each command."
    for name, command in _walk("pgcheck", cli.command):
        yield from ("", f"## {name}", "", "```text", *_help(name, command), "```")


def _walk(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        for word, inner in sorted(command.commands.items()):
            yield from _walk(f"{name} {word}", inner)


def _help(name: str, command: click.Command) -> list[str]:
    context = click.Context(command, info_name=name, terminal_width=WIDTH, max_content_width=WIDTH)
    return command.get_help(context).splitlines()


# ---- exit codes


def _exit_codes() -> Iterator[str]:
    yield "Over several specifications the worst counts, in the order 4, 2, 1, 3, 0."
    ends = {
        console.INTERRUPTED: "interrupted (Ctrl-C)",
        console.READER_GONE: "the reader of the output went away",
        cli.TERMINATED: "terminated",
    }
    yield from ("", "## pgcheck", "", *_codes({**read_codes(cli.EPILOG), **ends}))
    yield "`--exit-zero` turns 1 and 3 into 0."
    yield from ("", "## pgcheck run", "", *_codes(read_codes(monitors.RUN_EPILOG)))
    for name, command in _walk("pgcheck", cli.command):
        said = re.search(r"(Exit codes?:? .*?\.)\s*$", command.help or "", re.DOTALL)
        if said:
            yield from ("", f"## {name}", "", " ".join(said[1].split()))


def _glossary() -> Iterator[str]:
    yield "What words mean here. `pgcheck glossary WORD` says it too, and every HTML report ends with this list."
    for word, meaning in WORDS.items():
        yield from ("", f"**{word}**", f": {meaning}")


def read_codes(epilog: str) -> dict[int, str]:
    """Exit codes and what they mean, as the end of a help text has them."""
    return {int(code): what for code, what in re.findall(r"^  (\d)  (.+)$", epilog, re.MULTILINE)}


def _codes(meanings: Mapping[int, str]) -> Iterator[str]:
    yield from ("| code | meaning |", "|---|---|")
    yield from (f"| {code} | {what} |" for code, what in sorted(meanings.items()))
    yield ""


# ---- formats and rules


def _formats() -> Iterator[str]:
    yield from ("| format | for | written |", "|---|---|---|")
    for name in FORMATS:
        yield f"| `{name}` | {format_of(name).audience} | {format_of(name).written} |"


def _hypotheses() -> Iterator[str]:
    yield from ("| | hypothesis | what it says | asked by |", "|---|---|---|---|")
    for number, one in enumerate(HYPOTHESES, 1):
        rules = [
            f"[`{r.name}`](reference/rules.md#{r.id.lower()}-{r.name})" for r in rulebook.RULES if r.hypothesis is one
        ]
        yield f"| {number} | {one.name} | {one.claim} | {', '.join(rules) or 'assumed'} |"


def _rules() -> Iterator[str]:
    yield "What results are reported under. An id never changes its meaning; [outputs and rules](../outputs.md) says how they are used."
    yield from ("", "| id | name | level | what is wrong |", "|---|---|---|---|")
    yield from (f"| `{r.id}` | `{r.name}` | {r.level} | {r.title} |" for r in rulebook.RULES)
    for rule in rulebook.RULES:
        yield from ("", f"## {rule.id}: {rule.name}", "", "```text", *rulebook.shown(rule).splitlines(), "```")


# ---- JSON Schemas


def _specification() -> Iterator[str]:
    yield "The keys of a specification file, from the schema that `pgcheck schema` prints and that editors use."
    yield "[The language](../language.md) says what they mean together. An integer may be written in decimal, `0x`, `0b` or `0o`."
    yield from _schemas(schemas.specification(), "A file")


def _result() -> Iterator[str]:
    yield "The keys of what `--format json` prints, from the schema that `pgcheck schema result` prints."
    yield "[The JSON output](../json.md) says what the values mean."
    yield from _schemas(schemas.result(), "")


def _schemas(schema: Schema, root: str) -> Iterator[str]:
    if root:
        yield from section(root, schema)
    for name, part in sorted(schema["$defs"].items()):
        yield from section(name, part)


def section(name: str, schema: Schema) -> Iterator[str]:
    """The keys of one object of a schema as a table."""
    yield from ("", f"## {name}", "")
    if "description" in schema:
        yield from (" ".join(str(schema["description"]).split()), "")
    if "properties" not in schema:
        yield f"Value: {_type(schema)}."
        return
    yield from ("| key | value | meaning |", "|---|---|---|")
    required = schema.get("required", ())
    for key, value in schema["properties"].items():
        must = " (required)" if key in required else _default(value)
        yield f"| `{key}` | {_type(value)}{must} | {_cell(value.get('description', ''))} |"


def _default(value: Schema) -> str:
    default = value.get("default")
    return "" if default in (None, "", [], {}) else f", default `{json.dumps(default)}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _type(schema: Schema) -> str:
    match schema:
        case {"$ref": str(target)}:
            name = target.rsplit("/", 1)[-1]
            return f"[{name}](#{name.lower()})"
        case {"anyOf": list(choices)} | {"oneOf": list(choices)}:
            simple_first = sorted(_plain(choices), key=lambda c: "items" in c or "patternProperties" in c)
            return " or ".join(dict.fromkeys(_type(c) for c in simple_first))
        case {"const": value}:
            return f"`{value}`"
        case {"enum": list(values)}:
            return ", ".join(dict.fromkeys(f"`{str(v).lower() if isinstance(v, bool) else v}`" for v in values))
        case {"patternProperties": dict(values)}:
            return " or ".join(f"map to {_type(v)}" for v in values.values())
        case {"type": "object", "additionalProperties": dict(value)} if value:
            return f"map to {_type(value)}"
        case {"type": "array", "items": dict(item)} if item:
            return f"list of {_type(item)}"
        case {"type": "array"}:
            return "list"
        case {"type": "object"}:
            return "map"
        case {"type": list(names)}:
            return "text" if TEXT <= set(names) else " or ".join(_named(n) for n in names)
        case {"type": str(name)}:
            return _named(name)
        case _:
            return "anything"


def _plain(choices: list[Schema]) -> list[Schema]:
    """Without `null`, and without the ways to write a number or a truth value as text."""
    kept = [c for c in choices if c.get("type") != "null"]
    numbers = any(c.get("type") in ("integer", "boolean") for c in kept)
    return [c for c in kept if not (numbers and (c.get("type") == "string" or "enum" in c))]


def _named(name: str) -> str:
    return {"string": "text", "boolean": "`true` or `false`", "object": "map", "null": "`null`"}.get(name, name)


# ---- IDL-core


def _grammar() -> Iterator[str]:
    yield "[The language](../language.md#12-idl-core) says what it means. The grammar below is the one that the parser is made of; it reads the"
    yield "part of the IDL of the RISC-V Unified Database that instructions and CSRs use, and what is not of IDL-core is refused afterwards."
    yield f"`Bits<N>` has at most {types.MAX_WIDTH} bits."
    yield from ("", "## Built in", "", "| name | |", "|---|---|")
    yield from (f"| `{name}` | a function |" for name in sorted(calls._BUILTINS))
    yield "| `write_physical_memory` | a statement |"
    yield from (f"| `{name}` | ends the instruction |" for name in sorted(ir.BUILTIN_EXITS))
    text = files("pgcheck.isa.parsing").joinpath("idl.lark").read_text(encoding="utf-8")
    for title, rules in parts(text):
        yield from ("", f"## {title.capitalize()}", "", "```text", *rules, "```")


def parts(grammar: str) -> Iterator[tuple[str, list[str]]]:
    """The sections of a Lark grammar, without the names that it gives to trees."""
    for part in re.split(r"^// ---- ", grammar, flags=re.MULTILINE)[1:]:
        title, _, body = part.partition("\n")
        lines = (re.sub(r"\s+->\s\w+$", "", line).rstrip() for line in body.splitlines())
        kept = [re.sub(r"^\?|\b_(?=callee)", "", line) for line in lines if not line.startswith(("//", "%"))]
        yield title, "\n".join(kept).strip("\n").splitlines()


# ---- tables of rows


def _kinds() -> Iterator[str]:
    yield "| kind | runs on the processor | promised by |"
    yield "|---|---|---|"
    yield from (f"| `{kind.name}` | {kind.runs} | `{kind.theorem}` |" for kind in kinds().values())


def _directives() -> Iterator[str]:
    yield from ("| directive | what it does |", "|---|---|")
    yield from (f"| {_listed(names)} | {meaning} |" for names, meaning in directives.MEANINGS)


def _refused() -> Iterator[str]:
    yield from ("| directive | instead |", "|---|---|")
    for hint in dict.fromkeys(directives.REFUSED.values()):
        yield f"| {_listed(name for name, given in directives.REFUSED.items() if given == hint)} | {hint} |"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _models() -> Iterator[str]:
    yield from ("| model | registers | options |", "|---|---|---|")
    for model in models().values():
        options = "; ".join(f"`{o.name}` ({o.default}): {o.description}" for o in model.options)
        yield f"| `{model.name}` | {_cell(model.registers)} | {_cell(options)} |"


def _properties() -> Iterator[str]:
    yield from ("| id | law |", "|---|---|")
    yield from (f"| {p.id} | {_cell(p.claim)} |" for p in PROPERTIES.values())
    apart = " and ".join(p.id for p in PROPERTIES.values() if not p.default)
    yield from ("", f"All but {apart} run by default.")


def main() -> None:
    for path, text in everything().items():
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
