"""A body's budget of statements: what it calls counts as often as it is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.isa.files.errors import SpecificationError
from pgcheck.isa.machine.build import load
from pgcheck.shipped import shipped

DOUBLING = """
  function f{n} {{
    returns Bits<32>
    arguments Bits<32> a
    description {{ calls the next twice }}
    body {{ {body} }}
  }}"""
BINARY = "return f{next}(a) + f{next}(a + 32'd1);"
NESTED = "return f{next}(f{next}(a));"
STATEMENTS = "Bits<32> x = f{next}(a); if (x == 0) {{ x = f{next}(x); }} return x;"
LOOP = "Bits<32> x = a; for (U32 i = 0; i < 2; i++) {{ x = f{next}(x); }} return x;"
END = "return a ^ 32'd5;"
INSTRUCTION = """
instructions:
  - name: new
    encoding: {match: "10000000------------------------"}
    operation(): A[0] = f0(A[1]);
"""


def refused(folder: Path, body: str, depth: int) -> list[str]:
    """What is wrong with functions each of which calls the next twice."""
    bodies = [*(body.format(next=n + 1) for n in range(depth)), END]
    functions = "".join(DOUBLING.format(n=n, body=text) for n, text in enumerate(bodies))
    file = folder / "calls.yaml"
    file.write_text(f"include: [pg74]\nname: calls\ntitle: Calls\nfunctions: |{functions}{INSTRUCTION}", "utf-8")
    try:
        load(file, shipped=shipped)
    except SpecificationError as error:
        return [problem.message for problem in error.problems]
    return []


@pytest.mark.parametrize("body", [BINARY, NESTED, STATEMENTS, LOOP])
def test_calls_are_bounded_like_loops(body: str, tmp_path: Path) -> None:
    assert refused(tmp_path, body, 10) == []
    assert refused(tmp_path, body, 20) == ["this body unrolls to too many statements"]


def test_functions_that_call_in_a_row_are_not_many(tmp_path: Path) -> None:
    assert refused(tmp_path, "return f{next}(a) + 32'd1;", 20) == []
