"""The machine of the paper with instructions that a back end would get wrong if it were let."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.machine import Machine
from pgcheck.shipped import shipped

# Beside the machine of the paper: what a back end means otherwise than SMT-LIB, answers that are left open, and a part that is done before a trap.
MORE = """include: [pg74]
name: more
nondeterminism:
  open: Bits<32>
instructions:
  - name: two
    encoding: {match: "10000001--------0000000000000000", variables: ["r 23-20", "s 19-16"]}
    operation(): "write_memory(A[r], A[s]); write_memory(A[s], A[r]);"
  - name: less
    encoding: {match: "10000010--------0000000000000000", variables: ["r 23-20", "s 19-16"]}
    operation(): "if ($signed(A[r]) < $signed(A[s])) { C = 1; } else { C = 0; }"
  - name: sar
    encoding: {match: "10000011--------0000000000000000", variables: ["r 23-20", "s 19-16"]}
    operation(): "A[r] = A[r] >>> A[s];"
  - name: open
    encoding: {match: "10000100----00000000000000000000", variables: ["r 23-20"]}
    operation(): "A[r] = undefined<32>(\\"open\\");"
  - name: left
    encoding: {match: "10000101--------0000000000000000", variables: ["r 23-20", "s 19-16"]}
    operation(): "A[r] = A[r] << A[s];"
  - name: quotient
    encoding: {match: "10000110--------0000000000000000", variables: ["r 23-20", "s 19-16"]}
    operation(): "A[r] = A[r] / A[s];"
  - name: minus
    encoding: {match: "10000111--------0000000000000000", variables: ["r 23-20", "s 19-16"]}
    operation(): "A[r] = A[r] - A[s];"
  - name: bounds
    encoding: {match: "10001000----00000000000000000000", variables: ["r 23-20"]}
    operation(): "A[r] = {11'd0, R.b, R.l};"
"""


@cache
def more() -> Machine:
    """That machine."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "more.yaml"
        path.write_text(MORE)
        return load(path, shipped=shipped)
