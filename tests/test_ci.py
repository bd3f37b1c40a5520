"""CI does what the README says, on what the project promises."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.specifications import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
RUN = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
WORKFLOW: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
(TESTS,) = (line for line in README.splitlines() if "'.[test]'" in line)
LOWEST = (3, 11)
ROOMS = ("checker", "docs", "isa", "models", "pgcheck", "tests", "vmm")


def function(name: str) -> str:
    """A function of .ci/run."""
    found = re.search(rf"^{name}\(\) {{.*?^}}$", RUN, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[0]


def said(script: str) -> str:
    done = subprocess.run(["bash", "-euc", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def test_ci_runs_the_readmes_line_for_the_tests() -> None:
    tell = 'bash() { echo "$2"; }; rm() { :; }\n'
    assert said(f"{tell}{function('readme')}\nreadme python3 .none").replace(".none", ".venv") == TESTS + " \n"
    other = said(f"{tell}{function('readme')}\nreadme /usr/bin/python3 .other -m \"'not slow'\"")
    assert other == TESTS.replace(".venv", ".other").replace("python3", "/usr/bin/python3", 1) + " -m 'not slow'\n"
    assert RUN.index('readme "$python" .venv-ci') < RUN.index(".[dev]")


@pytest.mark.parametrize(
    ("here", "lowest"),
    [
        ({"python3": "3.13.1"}, "3.13.1 python3"),
        ({"python3": "3.13.1", "/usr/bin/python3": "3.11.2"}, "3.11.2 /usr/bin/python3"),
        ({"python3": "3.13.1", "/usr/bin/python3": "3.9.2"}, "3.13.1 python3"),
        ({"python3": "3.11.10", "python3.11": "3.11.9"}, "3.11.9 python3.11"),
    ],
)
def test_the_lowest_python_that_is_promised_is_found(here: dict[str, str], lowest: str) -> None:
    """Functions stand in for the Pythons: each says its version if that is high enough, as the real ones do."""
    code = function("lowest")
    asked = re.search(r"sys\.version_info >= (\(.*?\))", code)
    assert asked is not None and ast.literal_eval(asked[1]) == LOWEST
    tried = ("python3", "python3.11", "/usr/bin/python3.11", "/usr/bin/python3")
    fake = "".join(f"{name}() {{ {answer(here.get(name), name)} }}\n" for name in tried)
    assert said(f"python=python3\n{fake}{code}\nlowest") == lowest + "\n"


def answer(version: str | None, name: str) -> str:
    """What a Python of a version answers, or one that is not there (None)."""
    if version is None:
        return "return 127;"
    enough = tuple(map(int, version.split(".")))[:2] >= LOWEST
    return f"echo {version} {name};" if enough else ":;"


def test_the_promise_is_the_same_everywhere() -> None:
    assert PROJECT["requires-python"] == ">=" + ".".join(map(str, LOWEST))
    assert f"Python {'.'.join(map(str, LOWEST))} or newer" in README
    assert WORKFLOW["jobs"]["check"]["strategy"]["matrix"]["python"][0] == ".".join(map(str, LOWEST))


def test_a_bare_machine_runs_the_readmes_line() -> None:
    job = WORKFLOW["jobs"]["lowest"]
    assert job["container"].endswith("debian:12") and job["steps"][-1]["run"] == TESTS


# ---- what the lowest Python lacks


def filters(tree: ast.AST) -> Iterator[int]:
    """The lines that ask tarfile for a filter, which Python has from 3.11.4 on only."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in ("extract", "extractall") and any(k.arg == "filter" for k in node.keywords):
                yield node.lineno
        if isinstance(node, ast.Attribute) and node.attr in ("data_filter", "tar_filter", "extraction_filter"):
            yield node.lineno


def test_no_code_asks_for_a_filter_of_archives() -> None:
    files = [p for room in ROOMS for p in (ROOT / room).rglob("*.py")]
    assert len(files) > 300
    assert [f"{p}:{n}" for p in files for n in filters(ast.parse(p.read_text(encoding="utf-8")))] == []


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("tar.extractall(folder, filter='data')", [1]),
        ("x\ntar.extract(one, filter=f)", [2]),
        ("tarfile.data_filter", [1]),
        ("tar.extractall(folder)\nfilter(f, x)", []),
    ],
)
def test_a_filter_is_noticed(code: str, lines: list[int]) -> None:
    assert [*filters(ast.parse(code))] == lines
