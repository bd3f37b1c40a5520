"""The pytest plugin: off unless a project asks for it, one item per obligation group, failures that read like the program's text."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from pgcheck.reports.rulebook import BY_NAME
from tests.specifications import ROOT

pytest_plugins = ["pytester"]
HOLE = BY_NAME["hole"].example
SETTINGS = '[tool.pgcheck]\nspecs = ["specs"]\n'
Run = Callable[..., pytest.RunResult]


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs pytest as a process where the plugin is installed by its entry point, in a project with two specifications."""
    monkeypatch.setenv("PGCHECK_CACHE", str(pytester.path / ".kept"))
    installed = pytester.path.parent / f"{pytester.path.name}-installed"
    information = installed / "pgcheck-0.1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: pgcheck\nVersion: 0.1.0\n")
    (information / "entry_points.txt").write_text("[pytest11]\npgcheck = pgcheck.plugin.hooks\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(installed), str(ROOT)]))
    folder = pytester.mkdir("specs")
    (folder / "good.yaml").write_text(HOLE.mended)
    (folder / "bad.yaml").write_text(HOLE.broken)
    (folder / "part.yaml").write_text("instructions: []\n")
    pytester.makepyprojecttoml(SETTINGS)

    def run(*arguments: str) -> pytest.RunResult:
        return pytester.runpytest_subprocess("-W", "error", "-p", "no:cacheprovider", *arguments, timeout=120)

    return run


# ---- on and off


def test_the_items_are_lint_the_theorems_and_the_instructions(project: Run) -> None:
    lines = project("--collect-only", "-q", "specs/good.yaml").outlines
    names = (
        "lint",
        "theorem1",
        "theorem2",
        "theorem3",
        "monitor",
        "instruction[cli]",
        "instruction[ret]",
        "instruction[(undefined)]",
    )
    assert [line for line in lines if "::" in line] == [f"specs/good.yaml::{name}" for name in names]


def test_what_says_no_machine_is_not_ours(project: Run) -> None:
    lines = project("--collect-only", "-q").outlines
    assert {line.partition("::")[0] for line in lines if "::" in line} == {"specs/bad.yaml", "specs/good.yaml"}


@pytest.mark.parametrize("settings", ["[tool.pgcheck]\nspecs = []\n", "[tool.other]\nspecs = ['specs']\n"])
def test_without_specifications_it_is_off(project: Run, pytester: pytest.Pytester, settings: str) -> None:
    pytester.makepyprojecttoml(settings)
    pytester.makepyfile(
        test_off="import sys\n"
        "def test_off(request):\n"
        "    assert 'pgcheck.plugin.hooks' in sys.modules\n"
        "    assert not {'pgcheck.checker.check', 'pgcheck.isa.machine.build', 'z3', 'hypothesis'} & set(sys.modules)\n"
        "    assert not request.config.pluginmanager.has_plugin('pgcheck-specifications')\n"
    )
    result = project("-p", "no:hypothesispytest")
    result.assert_outcomes(passed=1)
    assert "1 passed" in result.outlines[-1]


def test_it_can_be_switched_off(project: Run) -> None:
    result = project("-p", "no:pgcheck", "specs")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.stderr.no_fnmatch_line("*Error*")


@pytest.mark.parametrize("settings", ["[tool.pgcheck]\nspecs = 'specs'\n", "[tool]\npgcheck = 1\n"])
def test_settings_that_make_no_sense_are_refused(project: Run, pytester: pytest.Pytester, settings: str) -> None:
    pytester.makepyprojecttoml(settings)
    result = project()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *pyproject.toml:*"])


def test_toml_that_is_none_is_refused(project: Run, pytester: pytest.Pytester) -> None:
    (pytester.path / "pytest.ini").write_text("[pytest]\n")
    (pytester.path / "pyproject.toml").write_text("[tool.pgcheck\n")
    result = project()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *pyproject.toml: *"])


def test_a_name_of_nothing_is_refused(project: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyprojecttoml("[tool.pgcheck]\nspecs = ['sepcs']\n")
    result = project()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: pyproject.toml:2:1: 'sepcs' names no specification", "*"])


# ---- answers


def test_a_sound_machine_passes_and_a_hole_fails_as_the_program_says_it(project: Run) -> None:
    result = project("-rxf")
    result.assert_outcomes(passed=8 + 3, failed=2, xfailed=3)
    result.stdout.fnmatch_lines(
        [
            "*bad: theorem1*",
            "Theorem 1  the premise fails: cli is sensitive and not privileged",
            "*bad: instruction?cli?*",
            "Holes (1)",
            "  cli: *",
            "XFAIL specs/bad.yaml::monitor - fails, which nobody requires",
            "FAILED specs/bad.yaml::theorem1*",
            "FAILED specs/bad.yaml::instruction?cli?*",
        ],
        consecutive=False,
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_what_the_project_requires_is_what_fails(project: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyprojecttoml('[tool.pgcheck]\nspecs = ["specs/bad.yaml"]\nrequire = "monitor"\njobs = 1\n')
    result = project("-rxf", "-k", "monitor or theorem1 or lint")
    result.assert_outcomes(passed=1, failed=1, xfailed=1)
    result.stdout.fnmatch_lines(["XFAIL specs/bad.yaml::theorem1 - *", "FAILED specs/bad.yaml::monitor*"])


def test_what_somebody_has_accepted_does_not_fail(project: Run, pytester: pytest.Pytester) -> None:
    waive = [sys.executable, "-m", "pgcheck", "waive", "specs/bad.yaml", "cli", "--reason", "the guests never run it"]
    subprocess.run(waive, cwd=pytester.path, check=True, capture_output=True)
    asked = "specs/bad.yaml", "-k", "theorem1 or instruction or lint"
    project(*asked).assert_outcomes(passed=5)
    (pytester.path / "specs" / "bad.yaml").write_text(HOLE.mended)
    stale = project(*asked)
    stale.assert_outcomes(passed=4, failed=1)
    stale.stdout.fnmatch_lines(["waiver of cli: *"])


def test_a_broken_law_fails_lint(project: Run, pytester: pytest.Pytester) -> None:
    (pytester.path / "specs" / "bad.yaml").write_text(BY_NAME["legal_after_reset"].example.broken)
    result = project("specs/bad.yaml::lint")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["error: legal_after_reset: *"])
    project("specs/bad.yaml").assert_outcomes(
        failed=2, xfailed=3, skipped=3
    )  # lint, what is required; no row is a claim


def test_a_wrong_specification_is_an_error_with_its_place(project: Run, pytester: pytest.Pytester) -> None:
    (pytester.path / "specs" / "bad.yaml").write_text(BY_NAME["specification"].example.broken)
    result = project("specs/bad.yaml")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*bad.yaml:??:*", "*^"])
    result.stdout.no_fnmatch_line("*Traceback*")


# ---- fixtures and profiles


def test_the_fixture_gives_machines(project: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "import pytest\n"
        "def test_machine(pgcheck_machine):\n"
        "    machine = pgcheck_machine('good')\n"
        "    assert [i.id for i in machine.instructions] == ['cli', 'ret'] and pgcheck_machine('good') is machine\n"
        "    assert pgcheck_machine('specs/bad.yaml').identity.path.endswith('bad.yaml')\n"
        "def test_none(pgcheck_machine):\n"
        "    with pytest.raises(Exception, match=\"no specification or file 'nothing'\"):\n"
        "        pgcheck_machine('nothing')\n"
    )
    project("test_the_fixture_gives_machines.py").assert_outcomes(passed=2)


def test_the_profiles_are_there_for_whoever_chooses_one(project: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_it="from hypothesis import settings\n"
        "def test_it():\n"
        "    assert settings.default.max_examples == settings.get_profile('nightly').max_examples == 5000\n"
        "    assert settings.get_profile('ci').derandomize and settings.get_profile('dev').max_examples == 20\n"
    )
    project("--hypothesis-profile=nightly", "test_it.py").assert_outcomes(passed=1)


def test_a_profile_of_the_project_is_left_alone(project: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest("from hypothesis import settings\nsettings.register_profile('dev', max_examples=7)\n")
    pytester.makepyfile(
        test_it="from hypothesis import settings\n"
        "def test_it():\n"
        "    assert settings.get_profile('dev').max_examples == 7\n"
        "    assert settings.get_profile('nightly').max_examples == 5000\n"
    )
    project("test_it.py").assert_outcomes(passed=1)


def test_hypothesis_is_not_loaded_for_its_profiles(project: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it="import sys\ndef test_it(): assert 'hypothesis' not in sys.modules\n")
    project("-p", "no:hypothesispytest", "test_it.py").assert_outcomes(passed=1)


# ---- what it costs


def test_importing_it_loads_almost_nothing() -> None:
    code = (
        "import pytest, sys, time\nbefore = set(sys.modules)\nstart = time.process_time()\nimport pgcheck.plugin.hooks\n"
        "print(time.process_time() - start)\nprint(*sorted(set(sys.modules) - before))"
    )
    done = [
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        for _ in range(3)
    ]
    loaded = set(done[0].stdout.splitlines()[1].split())
    assert {"pgcheck", "pgcheck.plugin.hooks"} <= loaded and len(loaded) < 10, loaded
    assert not loaded & {"z3", "bitwuzla", "hypothesis", "pydantic", "yaml", "lark", "click"}
    assert min(float(d.stdout.splitlines()[0]) for d in done) < 0.02


def test_this_repository_does_not_ask_for_it() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "specs" not in project["tool"].get("pgcheck", {})
    assert project["project"]["entry-points"]["pytest11"] == {"pgcheck": "pgcheck.plugin.hooks"}
