"""Kept results: the same answer again, and nothing but a result out of a damaged or hostile entry."""

import base64
import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from pgcheck.checker.check import Options, check
from pgcheck.checker.result import Effort, Finding, MachineResult
from pgcheck.checker.verdicts.result_cache import keep_result, key, load_result
from pgcheck.isa.files.cache import Cache
from tests.specifications import machine

OPTIONS = Options(cache=False, second=False)


@pytest.fixture(scope="module")
def result() -> MachineResult:
    return check(machine("jrst1"), OPTIONS)


def test_a_kept_result_comes_back_whole(tmp_path: Path, result: MachineResult) -> None:
    kept = Cache(tmp_path)
    assert load_result(kept, machine("jrst1"), OPTIONS) is None
    keep_result(kept, machine("jrst1"), OPTIONS, result)
    assert load_result(kept, machine("jrst1"), OPTIONS) == result
    assert any(r.witness is not None for r in result.main.instructions)


@pytest.mark.parametrize("status", ["unknown", "error"])
def test_a_result_with_trouble_is_not_kept(tmp_path: Path, result: MachineResult, status: str) -> None:
    kept = Cache(tmp_path)
    troubled = replace(result, findings=(Finding("law", status, "x", "said"),))  # type: ignore[arg-type]  # from the table
    keep_result(kept, machine("jrst1"), OPTIONS, troubled)
    assert load_result(kept, machine("jrst1"), OPTIONS) is None
    noted = replace(result, findings=(Finding("law", "warning", "x", "said"),))
    keep_result(kept, machine("jrst1"), OPTIONS, noted)
    assert load_result(kept, machine("jrst1"), OPTIONS) == noted


def test_another_budget_specification_or_selection_is_another_result(tmp_path: Path, result: MachineResult) -> None:
    kept = Cache(tmp_path)
    keep_result(kept, machine("jrst1"), OPTIONS, result)
    for other in (replace(OPTIONS, rlimit=7), replace(OPTIONS, second=True), replace(OPTIONS, only=("add",))):
        assert load_result(kept, machine("jrst1"), other) is None
    assert (
        load_result(kept, replace(machine("jrst1"), identity=replace(machine("jrst1").identity, digest="0")), OPTIONS)
        is None
    )
    assert load_result(kept, machine("jrst1"), OPTIONS) == result


def test_fewer_deployments_are_another_result(tmp_path: Path, result: MachineResult) -> None:
    """`--deployment` asks about the same files."""
    kept, whole = Cache(tmp_path), machine("jrst1")
    more = replace(whole, deployments=(*whole.deployments, replace(whole.deployments[0], name="second")))
    keep_result(kept, more, OPTIONS, result)
    assert load_result(kept, whole, OPTIONS) is None and load_result(kept, more, OPTIONS) == result


def test_another_solver_is_another_result(
    tmp_path: Path, result: MachineResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Cache(tmp_path)
    keep_result(kept, machine("jrst1"), OPTIONS, result)
    monkeypatch.setattr("pgcheck.checker.verdicts.result_cache.versions", lambda: {"z3-solver": "0"})
    assert load_result(kept, machine("jrst1"), OPTIONS) is None


HOSTILE = {
    "a call": b"cos\nsystem\n(S'touch broken'\ntR.",
    "through what a module imports": b"\x80\x04\x8c\x16pgcheck.checker.result\x8c\x16field.__builtins__.get\x93\x8c\x04exec\x85R"
    b"\x8c\x1dopen('broken', 'w').write('')\x85R.",
    "not a result": pickle.dumps(Effort()),
    "no pickle": b"nothing of the kind",
    "cut short": pickle.dumps(Effort())[:-5],
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_entry_runs_nothing_and_is_no_answer(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kept = Cache(tmp_path)
    kept.put(key(machine("jrst1"), OPTIONS), base64.b64encode(HOSTILE[what]).decode())
    assert load_result(kept, machine("jrst1"), OPTIONS) is None
    assert not (tmp_path / "broken").exists()


@pytest.mark.parametrize("what", ["a call", "through what a module imports"])
def test_a_hostile_entry_would_run_something(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pickle.loads(HOSTILE[what])
    assert (tmp_path / "broken").exists()
