"""The bodies of the RISC-V Unified Database, third-party IDL, are read.

PGCHECK_UDB names a checkout of it, or a folder that holds its `inst` and `csr` alone.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pgcheck.isa.files.errors import Problem, Text
from pgcheck.isa.parsing.syntax import IdlSyntaxError, parse

UDB = os.environ.get("PGCHECK_UDB")
CHECKOUT = Path(UDB or "", "spec", "std", "isa")
FOLDER = CHECKOUT if CHECKOUT.is_dir() else Path(UDB or "")
WHOLE = pytest.mark.skipif(FOLDER != CHECKOUT, reason="PGCHECK_UDB is no whole checkout")
pytestmark = pytest.mark.skipif(not UDB, reason="PGCHECK_UDB is not set")


def bodies(node: object) -> Iterator[tuple[str, str]]:
    """The keys that end in `)` and their texts, but for those of another language."""
    match node:
        case dict():
            for key, value in node.items():
                if isinstance(key, str) and key.endswith(")") and isinstance(value, str):
                    if key != "sail()":
                        yield key, value
                else:
                    yield from bodies(value)
        case list():
            for item in node:
                yield from bodies(item)


def found(folder: str) -> list[tuple[str, str, str]]:
    files = sorted((FOLDER / folder).rglob("*.yaml"))
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [(file.name, *body) for file in files for body in bodies(yaml.load(file.read_text("utf-8"), loader))]


def refusal(text: str, start: str) -> Problem | None:
    """Why a text is not of that kind."""
    try:
        parse(Text(text), start)
    except IdlSyntaxError as error:
        return error.problem
    return None


def refused(texts: list[tuple[str, str, str]], starts: tuple[str, ...] = ("body", "constraint")) -> list[str]:
    """The texts that are none of `starts`."""
    wrong = []
    for file, key, text in texts:
        problems = [problem for start in starts if (problem := refusal(text, start)) is not None]
        if len(problems) == len(starts):
            last = problems[-1]
            wrong.append(f"{file} {key}: {last.message} {last.found} at {last.position.line}:{last.position.column}")
    return wrong


def test_operations() -> None:
    operations = [body for body in found("inst") if body[1] == "operation()" and body[2].strip()]
    assert refused(operations) == []
    assert len(operations) == 398


def test_csr_bodies() -> None:
    texts = found("csr")
    assert refused(texts) == []
    conditions = [body for body in texts if body[1] == "when()"]
    assert (len(texts) - len(conditions), len(conditions)) == (2235, 5)


@WHOLE
def test_constraints_of_parameters_and_the_like() -> None:
    elsewhere = [p.name for p in FOLDER.iterdir() if p.is_dir() and p.name not in ("inst", "csr")]
    texts = [body for folder in elsewhere for body in found(folder)]
    assert refused(texts) == []
    assert len(texts) == 43


@WHOLE
def test_files_of_definitions() -> None:
    files = [(f.name, "", f.read_text("utf-8")) for f in sorted((FOLDER / "isa").iterdir())]
    assert refused(files, ("definitions",)) == []
    assert len(files) == 7
    name, key, text = files[-1]
    assert len(refused([(name, key, text + "}")], ("definitions",))) == 1


def test_a_damaged_body_is_refused() -> None:
    file, key, text = next(body for body in found("inst") if body[1] == "operation()" and ";" in body[2])
    assert len(refused([(file, key, text.replace(";", "", 1).replace(";", "; )", 1))])) == 1
