"""The reference that is checked in is what docs/generate.py writes from the code."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import click
import pytest

from pgcheck.cli import command
from tests.specifications import ROOT

FOLDER = ROOT / "docs" / "reference"
AGAIN = "write it again: python docs/generate.py"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """The generator, which lies in no package."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_generated_is_that_of_the_code(generate: ModuleType) -> None:
    files = generate.everything()
    assert {p for p in files if p.is_relative_to(FOLDER)} == set(FOLDER.iterdir()), AGAIN
    assert {ROOT / "isa" / "schema.json", ROOT / "docs" / "language.md", ROOT / "docs" / "campaigns.md"} <= files.keys()
    for path, text in files.items():
        assert path.read_text(encoding="utf-8") == text, f"{path}: {AGAIN}"


def test_a_table_in_a_page_is_written_between_its_marks(generate: ModuleType) -> None:
    page = "one\n\n<!-- table: models -->\n\nold\n\n<!-- end of table -->\n\ntwo\n"
    assert generate.TABLE.sub("new", page) == page.replace("models -->\n\nold", "new")


def test_every_command_and_option_is_in_it(generate: ModuleType) -> None:
    text = generate.pages()["cli.md"]
    assert isinstance(command, click.Group)
    for name, one in command.commands.items():
        assert f"\n## pgcheck {name}\n" in text
        for option in one.params:
            assert isinstance(option, click.Argument) or option.opts[0] in text
    assert "\n## pgcheck new isa\n" in text


def test_a_schema_reads_as_a_table(generate: ModuleType) -> None:
    schema = {
        "description": "A thing.",
        "required": ["a"],
        "properties": {
            "a": {"type": ["string", "number", "boolean"], "description": "x | <y>"},
            "b": {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "0x"}, {"type": "null"}], "default": 3},
            "c": {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/Thing"}}, {"type": "string"}]},
            "d": {"enum": ["p", "q"]},
            "e": {"type": "object", "patternProperties": {"^x$": {"type": "boolean"}}},
        },
    }
    assert list(generate.section("Thing", schema)) == [
        "",
        "## Thing",
        "",
        "A thing.",
        "",
        "| key | value | meaning |",
        "|---|---|---|",
        "| `a` | text (required) | x \\| &lt;y> |",
        "| `b` | integer, default `3` |  |",
        "| `c` | text or list of [Thing](#thing) |  |",
        "| `d` | `p`, `q` |  |",
        "| `e` | map to `true` or `false` |  |",
    ]


def test_a_grammar_loses_the_names_of_its_trees(generate: ModuleType) -> None:
    grammar = '// Title.\n\n// ---- part one\n// note\n?a: b "x"   -> tree\n    | _callee c\n_callee: D\n// ---- two\nD: "d"\n%ignore W\n'
    assert list(generate.parts(grammar)) == [
        ("part one", ['a: b "x"', "    | callee c", "callee: D"]),
        ("two", ['D: "d"']),
    ]


def test_exit_codes_are_read_from_the_help(generate: ModuleType) -> None:
    assert generate.read_codes("\b\nExit codes:\n  0  yes, it does\n  3  not decided\n") == {
        0: "yes, it does",
        3: "not decided",
    }
    text = generate.pages()["exit-codes.md"]
    for line in ("| 1 | its premise fails |", "| 130 | interrupted", "| 3 | the limit of instructions was reached |"):
        assert line in text
