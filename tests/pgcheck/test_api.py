"""`import pgcheck`: the values of the command line, lazily, and documentation that runs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

import pgcheck
from pgcheck.checker.verdicts.waiver import Property
from pgcheck.options import REQUIRED
from tests.pgcheck.conftest import Pgcheck
from tests.specifications import ROOT, SMALL

POPF = SMALL / "popf.yaml"


@pytest.fixture(autouse=True)
def at_the_root(own_cache: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


BIG = {"z3", "bitwuzla", "lark", "click", "pydantic", "yaml", "hypothesis", "networkx", "ruamel", "rich"}


@pytest.mark.parametrize(
    ("statement", "big"),
    [("import pgcheck", set()), ("import pgcheck; pgcheck.load('pg74')", {"click", "lark", "pydantic", "yaml"})],
)
def test_importing_it_loads_nothing_big(statement: str, big: set[str]) -> None:
    code = f"import sys; {statement}; print(*sorted({{m.partition('.')[0] for m in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "pgcheck" in loaded and loaded & BIG == big


def test_every_name_that_it_offers_is_there() -> None:
    assert all(getattr(pgcheck, name) is not None for name in pgcheck.__all__)
    with pytest.raises(AttributeError, match="no attribute 'chek'"):
        getattr(pgcheck, "".join(["che", "k"]))
    assert get_args(Property) == REQUIRED


def test_a_check_gives_what_the_command_line_reports(pgcheck: Pgcheck) -> None:
    import pgcheck as api

    answer = api.check(POPF, second=False, jobs=1)
    assert isinstance(answer, api.Checked) and isinstance(answer.machine, api.Machine)
    ran = pgcheck(POPF, "--no-second", "--jobs", "1", "--format", "json", "--no-timing")
    document = json.loads(ran.out)
    assert ran.code == answer.code == api.ExitCode.REFUTED
    for name, theorem in answer.result.main.theorems.items():
        assert (document[name]["status"], document[name]["failing"]) == (theorem.status, [*theorem.failing])
    assert [i["id"] for i in document["instructions"]] == [i.id for i in answer.result.main.instructions]


def test_it_takes_the_options_and_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    heard: list[object] = []
    answer = pgcheck.check("pg74", only=["load"], require="monitor", second=False, jobs=1, listener=heard.append)
    assert [row.id for row in answer.result.main.instructions] == ["load"] and answer.code == 0
    assert len(heard) == 3
    assert capsys.readouterr() == ("", "")


def test_waivers_count_as_asked(tmp_path: Path) -> None:
    answer = pgcheck.check(POPF, second=False, jobs=1)
    (row,) = (r for r in answer.result.main.instructions if r.verdict == "hole")
    from pgcheck.checker.verdicts.waiver import meaning_of

    file, spec = tmp_path / "pgcheck-waivers.yaml", tmp_path / "popf.yaml"
    spec.write_bytes(POPF.read_bytes())
    file.write_text(
        "waivers:\n  - {machine: popf, deployment: default, instruction: popf, property: theorem1, reason: x, "
        f"differences: {json.dumps([str(s) for s in row.sensitivities])}, meaning: {meaning_of(answer.machine, row)}}}\n"
    )

    def code(given: str | Path, **waivers: Path) -> int:
        return pgcheck.check(given, second=False, jobs=1, **waivers).code  # type: ignore[arg-type]  # one keyword

    assert (code(spec), code(POPF), code(POPF, waivers=file)) == (0, 1, 0)
    assert pgcheck.check(spec, second=False, jobs=1, waivers=False).code == 1


def test_what_is_wrong_is_an_exception(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("kind: machine\n")
    for ask in (pgcheck.load, pgcheck.check):
        with pytest.raises(pgcheck.SpecificationError) as error:
            ask(wrong)
        assert error.value.problems
        with pytest.raises(ValueError, match="did you mean 'pg74'"):
            ask("pg75")
    with pytest.raises(ValueError, match="no deployment 'x'"):
        pgcheck.check("pg74", deployment="x")
    with pytest.raises(ValueError, match="a list of instructions"):
        pgcheck.check("pg74", only="load")
    with pytest.raises(ValueError, match="require is"):
        pgcheck.check("pg74", require="theorem2")  # type: ignore[arg-type]  # that is the point
    for name in ("jobs", "budget"):
        with pytest.raises(ValueError, match="a number from 1 on, not 0"):
            pgcheck.check("pg74", **{name: 0})  # type: ignore[arg-type]  # one of two keywords


def test_two_versions_are_compared_by_meaning(tmp_path: Path) -> None:
    moved = tmp_path / "moved.yaml"
    moved.write_text("# moved\n\n" + POPF.read_text("utf-8"))
    assert pgcheck.compare(POPF, moved, second=False, jobs=1).empty
    change = pgcheck.compare("pg74", POPF, second=False, jobs=1)
    assert change.regressions and isinstance(change, pgcheck.Difference)


def test_the_documentation_runs(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "docs" / "python.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    assert len(blocks) > 3
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "docs/python.md", "exec"), names)
    assert "popf tests/specs/popf.yaml:" in capsys.readouterr().out
