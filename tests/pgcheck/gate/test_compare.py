"""`pgcheck compare`: its exit codes, its text, and its JSON."""

from __future__ import annotations

import json
from pathlib import Path

from tests.pgcheck.conftest import Pgcheck
from tests.pgcheck.gate.test_diff import HOLE, written


def test_a_copy_exits_0(pgcheck: Pgcheck, tmp_path: Path) -> None:
    ran = pgcheck("compare", "pg74", written(tmp_path / "copy.yaml"))
    assert ran.code == 0
    assert "the same machine" in " ".join(ran.out.split()) and "Equal: 31 rows" in ran.out
    assert all(len(line) <= 80 for line in ran.out.splitlines())


def test_a_changed_copy_exits_1_and_shows_where(pgcheck: Pgcheck, tmp_path: Path) -> None:
    changed = written(tmp_path / "changed.yaml", HOLE)
    ran = pgcheck("compare", "pg74", changed, "--no-second")
    assert ran.code == 1
    assert "not the same machine" in " ".join(ran.out.split()) and "shl: A differs" in ran.out
    found = json.loads(pgcheck("compare", "pg74", changed, "--json", "--no-second").out)
    assert found["answer"] == "different"
    (part,) = [p for p in found["parts"] if p["status"] == "different"]
    assert part["name"] == "shl" and part["example"]["state"]["M"] == 1


def test_instructions_alone(pgcheck: Pgcheck, tmp_path: Path) -> None:
    changed = written(tmp_path / "changed.yaml", HOLE)
    ran = pgcheck("compare", "pg74", changed, "--only", "add")
    assert ran.code == 0 and "Only add was compared" in ran.out
    wrong = pgcheck("compare", "pg74", changed, "--only", "ad")
    assert wrong.code == 2 and "neither has an instruction 'ad'; did you mean 'and'?" in wrong.err


def test_what_the_solver_gives_up_on_exits_3(pgcheck: Pgcheck, tmp_path: Path) -> None:
    old = "A[r] = A[r] << n;"
    one = written(tmp_path / "one.yaml", (old, "A[r] = A[r] * A[1];"))
    other = written(
        tmp_path / "other.yaml", (old, "A[r] = (A[r] & A[1]) * (A[r] | A[1]) + (A[r] & ~A[1]) * (~A[r] & A[1]);")
    )
    ran = pgcheck("compare", one, other, "--only", "shl", "--budget", "1", "--no-second", "--no-cache")
    assert ran.code == 3
    assert "Not decided (1)\n    shl: resource limit 1 reached" in ran.out
