"""`pgcheck prove-monitor` on the command line: text, JSON, exit codes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from pgcheck.checker.monitor.proof import Proved
from pgcheck.checker.monitor.result import Canary, Counterexample, DeploymentProof, MonitorProof, Obligation
from pgcheck.checker.options import Options
from pgcheck.checker.result import ExitCode
from pgcheck.cli import run
from pgcheck.isa.machine.machine import Machine
from pgcheck.machines.proofs import prove
from pgcheck.machines.proofs.document import document
from pgcheck.machines.proofs.report import report
from pgcheck.request import Request
from pgcheck.running import progress
from tests.specifications import SMALL, machine_of


def proof(*deployments: DeploymentProof) -> MonitorProof:
    return MonitorProof("m", "specs/m.yaml", "d", deployments, {"z3-solver": "4"}, 1.5)


EXAMPLE = Counterexample("add", {"r": 3}, 0, {"A": {2: 255, -1: 1}, "P": 9}, (("xl.fault", (1,), 1),), ("state:C",))
BAD = Obligation("EQ1", "add@0", "refuted", "solver", "state:C", 0.1, EXAMPLE)
GOOD = Obligation("RC1", "add@0", "proved", "folded")


@pytest.mark.parametrize(
    ("obligations", "verdict"),
    [
        ((GOOD,), "proved"),
        ((GOOD, BAD), "refuted"),
        ((GOOD, Obligation("EQ1", "x", "unknown")), "unknown"),
        ((GOOD, Obligation("EQ1", "x", "vacuous")), "vacuous"),
        ((BAD, Obligation("EQ1", "x", "error")), "error"),
        ((), "unknown"),
    ],
)
def test_the_worst_obligation_decides(obligations: tuple[Obligation, ...], verdict: str) -> None:
    found = proof(DeploymentProof("d", "type1", obligations))
    assert found.verdict == verdict
    assert (prove.CODES[found.verdict] == ExitCode.PROVED) == (verdict == "proved")


def test_a_refused_deployment_beside_a_proved_one_does_not_count() -> None:
    refused = DeploymentProof("a", "type1", refused="theorem 1 fails")
    assert proof(refused).verdict == "refuted"
    assert proof(refused, DeploymentProof("b", "hybrid", (GOOD,))).verdict == "proved"


def test_progress_counts_each_deployment_anew(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two deployments have as many rows each, the generated code has its own number of routines."""

    def told(machine: Machine, options: Options, on_event: Callable[[Proved], None], **given: object) -> MonitorProof:
        for total in (2, 2, 2, 2, 3, 3):
            on_event(Proved(total, "x", (GOOD,)))
        return proof(DeploymentProof("d", "type1", (GOOD,)))

    monkeypatch.setattr(prove, "prove_monitor", told)
    monkeypatch.setattr(progress, "wanted", lambda: True)
    assert prove.prove(machine_of("pg74"), Request(Options()), prove.ProofRequest()) is ExitCode.PROVED
    counts = re.findall(r"(\d) of (\d) done", capsys.readouterr().err)
    assert counts == [("1", "2"), ("2", "2"), ("1", "2"), ("2", "2"), ("1", "3"), ("2", "3")]


def test_the_text_fits_80_columns_and_names_what_differs() -> None:
    canary = Canary("EQ3", "nothing", fired=False, reason="undecided " * 12)
    shown = report(proof(DeploymentProof("d", "type1", (GOOD, BAD) * 20, (canary,), left_out=2)))
    assert max(map(len, shown.splitlines())) <= 80
    for part in (
        "the monitor is refuted",
        "EQ1",
        "20 refuted",
        "state:C",
        "A[0x2]=0xff",
        "A[*]=0x1",
        "r=0x3",
        "and 8 more",
        "EQ3 proves nothing",
    ):
        assert part in " ".join(shown.split())
    assert "seconds" not in shown and "1.5 s" in shown and "1.5 s" not in report(proof(), timing=False)


@pytest.mark.parametrize(
    ("hidden", "told", "values"),
    [
        ((), "No address of a guest's is hidden", []),
        (
            ((0, 0xFFF), (0x4000, 0x7FFF)),
            "addresses 0x0 to 0xfff, 0x4000 to 0x7fff",
            [["0x0", "0xfff"], ["0x4000", "0x7fff"]],
        ),
        (None, "is not known", None),
    ],
    ids=["none", "two", "not known"],
)
def test_the_addresses_that_a_guest_is_refused_are_told(
    hidden: tuple[tuple[int, int], ...] | None, told: str, values: object
) -> None:
    found = proof(DeploymentProof("d", "type1", (GOOD,), hidden=hidden))
    assert told in " ".join(report(found).split())
    assert json.loads(document(found))["deployments"][0]["hidden"] == values


def test_the_json_has_every_obligation_and_exact_numbers() -> None:
    found = json.loads(document(proof(DeploymentProof("d", "type1", (GOOD, BAD)))))
    (deployment,) = found["deployments"]
    assert found["verdict"] == "refuted" and deployment["families"] == {"EQ1": {"refuted": 1}, "RC1": {"proved": 1}}
    example = deployment["obligations"][1]["counterexample"]
    assert example["virtual"] == {"A": {"2": "0xff", "*": "0x1"}, "P": "0x9"} and example["differs"] == ["state:C"]
    assert "seconds" not in json.loads(document(proof(), timing=False))


@pytest.mark.parametrize(("only", "code"), [("ld", ExitCode.PROVED), ("setie", ExitCode.REFUTED)])
def test_a_machine_whose_translation_raises_nothing_is_asked_like_any_other(only: str, code: ExitCode) -> None:
    path = SMALL / "language" / "ext.yaml"
    assert run(["prove-monitor", str(path), "--force", "--only", only, "--jobs", "1"]) == code


def test_a_machine_without_a_monitor_is_refused_and_its_generated_code_proved(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["prove-monitor", str(SMALL / "popf.yaml"), "--kind", "type1", "--jobs", "1"]) == ExitCode.REFUTED
    shown = capsys.readouterr().out
    assert "no type1 monitor" in shown and "generated code: proved" in shown


def test_a_forced_monitor_is_refuted_where_the_hole_is(capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["prove-monitor", str(SMALL / "popf.yaml"), "--force", "--kind", "type1", "--jobs", "1", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert code == ExitCode.REFUTED
    bad = [o for o in found["deployments"][0]["obligations"] if o["verdict"] == "refuted"]
    assert any(o["subject"].startswith("popf") for o in bad) and all(o["counterexample"]["differs"] for o in bad)


def test_names_that_are_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prove-monitor", "pg74", "--only", "lpsv"]) == ExitCode.USAGE
    assert "did you mean" in capsys.readouterr().err.lower()
    assert run(["prove-monitor", "nowhere"]) == ExitCode.USAGE
