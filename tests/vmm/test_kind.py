"""Kinds of monitor: a table whose rows are files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pgcheck.checker.result import THEOREMS
from pgcheck.isa.rows import modules
from pgcheck.isa.terms import TRUE, eq
from pgcheck.vmm.kind import kinds
from pgcheck.vmm.policy import direct
from tests.specifications import ROOT, machine_of


def test_a_kind_is_one_file_that_is_named_by_it() -> None:
    assert sorted(kinds()) == list(modules("pgcheck.vmm.kinds"))
    assert [kind.rank for kind in kinds().values()] == sorted({kind.rank for kind in kinds().values()})
    assert {kind.theorem for kind in kinds().values()} <= set(THEOREMS)


@pytest.mark.parametrize("name", ["pg74", "riscv64"])
def test_what_runs_directly_is_the_guests_and_of_a_hybrid_its_user_mode(name: str) -> None:
    for deployment in machine_of(name).deployments:
        everything, user = (direct(kinds()[kind], deployment) for kind in ("type1", "hybrid"))
        assert everything is deployment.guest and user is not everything
    [plain] = machine_of("pg74").deployments
    mode = machine_of("pg74").state.leaves["M"]
    assert direct(kinds()["type1"], plain) is TRUE and direct(kinds()["hybrid"], plain) is eq(
        mode.term, mode.holding(1)
    )


NEW = """
from pgcheck.isa.terms import FALSE
from pgcheck.vmm.kind import Kind

def direct(deployment):
    return (FALSE,)

KIND = Kind(name="simulator", title="simulating", theorem="monitor", premise="monitor", runs="nothing", rank=9, direct=direct)
"""
SEEN = """
import sys, pgcheck.vmm.kinds
pgcheck.vmm.kinds.__path__.append(sys.argv[1])
sys.path.insert(0, sys.argv[2])
from pgcheck import cli
from docs.generate import everything
assert any("| `simulator` | nothing | `monitor` |" in text for text in everything().values())
for command in ("run", "fuzz", "prove-monitor"):
    assert cli.run([command, "--help"]) == 0
few = ["--cases", "5", "--property", "EQ2", "--no-cache", "--database", sys.argv[1] + "/c.sqlite"]
assert cli.run(["fuzz", "pg74", "--monitor", "simulator", *few]) == 0
assert cli.run(["run", "pg74", "tests/guests/pg74/hello.s", "--vmm", "simulator", "--report", "json"]) == 0
"""


def test_a_new_kind_is_one_file(tmp_path: Path) -> None:
    """Nothing else is edited: it can be asked for, is documented, runs, and is reported by its name."""
    (tmp_path / "simulator.py").write_text(NEW)
    words = [sys.executable, "-c", SEEN, str(tmp_path), str(ROOT)]
    ran = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.count("[type1|hybrid|simulator]") == 3
    assert "pg74, default, simulating: no findings" in ran.stdout
    assert "pg74 under a simulating monitor" in ran.stderr and '"monitor": "simulator"' in ran.stderr
