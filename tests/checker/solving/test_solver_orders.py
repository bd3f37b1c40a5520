"""Either solver may look for a model first: verdicts, witnesses and bytes of output are the same."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from pgcheck.checker.solving import solver
from pgcheck.cli import run
from pgcheck.shipped import names
from tests.specifications import ROOT

SPECS = ROOT / "tests" / "specs"
SMALL = ("popf", "either", "lra", "shrink")
# Rows with holes of flags, of a descriptor that is wider than 64 bits and of machine words, and rows that only a solver settles.
SAMPLE = {"i386": ("popf.16", "lar.r32_rm16", "smsw.m16"), "riscv64": ("sfence.vma",)}

Checked = Callable[..., int]


@pytest.fixture
def in_either_order(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Checked:
    """Checks a specification, or some rows of it, with each of the two solvers first, and tells how many witnesses there are."""

    def check(specification: str, only: tuple[str, ...] = ()) -> int:
        chosen = [part for row in only for part in ("--only", row)]
        written = []
        for order in (("bitwuzla", "z3"), ("z3", "bitwuzla")):
            monkeypatch.setattr(solver, "SEARCHING", order)
            capsys.readouterr()
            assert run([specification, "--format", "json", "--no-timing", "--jobs", "1", "--no-cache", *chosen]) < 2
            written.append(capsys.readouterr().out)
        assert written[0] == written[1]
        return sum(i["witness"] is not None for i in json.loads(written[0])["instructions"])

    return check


@pytest.mark.parametrize("name", SMALL)
def test_a_small_specification(name: str, in_either_order: Checked) -> None:
    in_either_order(str(SPECS / f"{name}.yaml"))


def test_pg74(in_either_order: Checked) -> None:
    in_either_order("pg74")


@pytest.mark.parametrize("name", SAMPLE)
def test_a_sample_of_rows(name: str, in_either_order: Checked) -> None:
    assert in_either_order(name, SAMPLE[name]) == (3 if name == "i386" else 0)


@pytest.mark.campaign
@pytest.mark.parametrize("name", names())
def test_a_shipped_specification(name: str, in_either_order: Checked) -> None:
    in_either_order(name)


def test_a_witness_of_one_solvers_own_is_noticed(in_either_order: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not minimised comes out as the solver that was asked first has it."""
    monkeypatch.setattr(solver.Solver, "minimise", lambda self, assertions, model, wishes: model)
    with pytest.raises(AssertionError):
        in_either_order(str(SPECS / "lra.yaml"))
