"""`[tool.pgcheck]`: what it presets, that the command line wins, and that nothing wrong in it is taken silently."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from pgcheck.isa.files.errors import SpecificationError
from pgcheck.options import SETTINGS
from pgcheck.settings import config
from pgcheck.settings import project as project_module
from tests.pgcheck.conftest import Answer, Pgcheck
from tests.pgcheck.factory import HOLE, result
from tests.specifications import ROOT

MACHINE = (ROOT / "specs" / "pg74.yaml").read_text("utf-8")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "specs" / "part").mkdir(parents=True)
    (tmp_path / "specs" / "one.yaml").write_text(MACHINE)
    (tmp_path / "specs" / "part" / "two.yml").write_text(MACHINE)
    (tmp_path / "specs" / "fragment.yaml").write_text("state: {}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def says(project: Path, *lines: str) -> None:
    (project / "pyproject.toml").write_text("\n".join(["[project]", 'name = "x"', "", "[tool.pgcheck]", *lines, ""]))


def wrong(text: str, folder: Path) -> list[tuple[int, int, str, str]]:
    path = folder / "pyproject.toml"
    path.write_text(text)
    with pytest.raises(SpecificationError) as error:
        config.load(path)
    assert error.value.subject == "the configuration"
    return [(p.position.line, p.position.column, p.message, p.hint) for p in error.value.problems]


# ---- what is checked


@pytest.mark.parametrize(
    "specs, names",
    [
        ('["specs/one.yaml"]', ["one.yaml"]),
        ('["specs"]', ["one.yaml", "two.yml"]),
        ('["specs/*.yaml"]', ["one.yaml"]),
        ('["**/*.yml", "specs"]', ["two.yml", "one.yaml"]),
        ('["specs/fragment.yaml"]', ["fragment.yaml"]),
    ],
)
def test_specs_names_files_folders_and_patterns(project: Path, specs: str, names: list[str]) -> None:
    says(project, f"specs = {specs}")
    assert [Path(word).name for word in config.current().specifications()] == names


@pytest.mark.parametrize("words", [[], ["check"], ["--format", "text"]])
def test_without_a_specification_those_are_checked(
    pgcheck: Pgcheck, answer: Answer, project: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    answer.result = result()
    says(project, 'specs = ["specs"]')
    monkeypatch.chdir(project / "specs" / "part")
    assert pgcheck(*words).out.count("A toy machine") == 2
    assert answer.asked is not None
    assert [machine.identity.path for machine, _ in answer.asked] == ["../one.yaml", "two.yml"]


def test_a_specification_on_the_command_line_wins(pgcheck: Pgcheck, answer: Answer, project: Path) -> None:
    answer.result = result()
    says(project, 'specs = ["specs"]')
    assert pgcheck("pg74").out.count("A toy machine") == 1


def test_without_specs_there_is_nothing_to_check(pgcheck: Pgcheck, answer: Answer, project: Path) -> None:
    says(project, "jobs = 1")
    ran = pgcheck("check")
    assert ran.code == 2 and "[tool.pgcheck] names no specs" in ran.err
    assert "Commands:" in pgcheck().err + pgcheck().out and answer.asked == []


def test_specs_that_name_nothing_are_an_error(pgcheck: Pgcheck, answer: Answer, project: Path) -> None:
    says(project, 'specs = ["specs", "nowhere"]')
    ran = pgcheck()
    assert ran.code == 2 and "pyproject.toml:5:1: 'nowhere' names no specification" in ran.err and answer.asked == []


# ---- options


def test_it_presets_options_and_the_command_line_wins(pgcheck: Pgcheck, answer: Answer, project: Path) -> None:
    answer.result = result(HOLE, monitor="fails")
    says(
        project,
        'specs = ["specs/one.yaml"]',
        'require = "monitor"',
        'format = "json"',
        "jobs = 3",
        "budget = 77",
        "second = false",
        "cache = false",
        "timing = false",
        'output = ["junit=out.xml"]',
    )
    ran = pgcheck()
    assert ran.code == 1 and "timing" not in json.loads(ran.out) and (project / "out.xml").exists()
    ran = pgcheck(
        "--require", "theorem1", "--format", "text", "-j", "1", "--budget", "5", "--second", "--cache", "--timing"
    )
    assert ran.code == 0 and "obligations" in ran.out
    assert answer.asked is not None
    (_, preset), (_, spoken) = answer.asked
    assert (preset.jobs, preset.rlimit, preset.second, preset.cache) == (3, 77, False, False)
    assert (spoken.jobs, spoken.rlimit, spoken.second, spoken.cache) == (1, 5, True, True)


def test_the_nearest_file_up_to_the_repository_counts(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    says(project, "jobs = 2")
    inner = project / "specs" / "part"
    monkeypatch.chdir(inner)
    assert config.current().presets() == {"jobs": 2}
    (project / "specs" / "pyproject.toml").write_text("[tool.other]\n")
    assert config.current().presets() == {}
    (project / "specs" / "pyproject.toml").unlink()
    (inner / ".git").mkdir()
    assert config.current().presets() == {}


def test_paths_are_relative_to_its_folder(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    says(project, 'waivers = "accepted.yaml"', 'output = ["sarif=a/b.sarif", "github"]')
    monkeypatch.chdir(project / "specs")
    assert config.current().presets() == {
        "waivers": Path("../accepted.yaml"),
        "outputs": ["sarif=../a/b.sarif", "github"],
    }


def test_other_commands_take_only_what_concerns_them(project: Path) -> None:
    says(project, 'format = "sarif"', "jobs = 2", 'require = "monitor"')
    assert config.current().presets(everywhere=True) == {"jobs": 2}


def test_waivers_may_be_switched_off_and_on(pgcheck: Pgcheck, answer: Answer, project: Path) -> None:
    answer.result = result()
    says(project, 'specs = ["specs/one.yaml"]', "waivers = false")
    (project / "pgcheck-waivers.yaml").write_text("wrong\n")
    assert pgcheck().code == 0
    assert pgcheck("--waivers", "pgcheck-waivers.yaml").code == 2
    says(project, 'specs = ["specs/one.yaml"]', 'waivers = "pgcheck-waivers.yaml"')
    assert pgcheck().code == 2
    assert pgcheck("--no-waivers").code == 0


# ---- what is wrong


@pytest.mark.parametrize(
    "line, said, hint",
    [
        ("jbs = 1", "unknown key 'jbs'", "did you mean 'jobs'?"),
        ("jobs = 0", "jobs cannot be this", ""),
        ("jobs = true", "jobs cannot be this", ""),
        ('jobs = "2"', "jobs cannot be this", ""),
        ('require = "moniter"', "require cannot be this", "did you mean 'monitor'?"),
        ('require = "theorem2"', "require cannot be this", "did you mean 'theorem1'?"),
        ('specs = "specs"', "specs cannot be this", ""),
        ('specs = [""]', "specs cannot be this", ""),
        ('second = "false"', "second cannot be this", "write it without quotes"),
        ("waivers = true", "waivers cannot be this", ""),
        ('format = "yaml"', "format cannot be this", ""),
    ],
)
def test_a_wrong_key_or_value_has_its_place(tmp_path: Path, line: str, said: str, hint: str) -> None:
    ((number, column, message, found),) = wrong(f"[tool.pgcheck]\nbudget = 1\n  {line}\n", tmp_path)
    assert (number, column) == (3, 3) and message.startswith(said)
    assert found == hint or (line.startswith('require = "theorem2') and found.startswith("did you mean 'theorem"))


def test_all_that_is_wrong_comes_at_once(tmp_path: Path) -> None:
    found = wrong("[tool.x]\njobs = 0\n[tool.pgcheck]\njobs = 0\n'wat' = 1\n[tool.pgcheck.inner]\n", tmp_path)
    assert [line for line, *_ in found] == [4, 5, 6]


def test_what_is_no_toml_has_its_place(tmp_path: Path) -> None:
    ((line, _, message, _),) = wrong("[tool.pgcheck]\njobs = = 1\n", tmp_path)
    assert line == 2 and message.startswith("this is not TOML: ")
    ((line, *_),) = wrong('[tool.pgcheck]\nspecs = ["a"\n', tmp_path)
    assert line >= 2


def test_a_wrong_configuration_is_a_message_and_exit_2(pgcheck: Pgcheck, answer: Answer, project: Path) -> None:
    says(project, "jbs = 1")
    for words in ([], ["check", "pg74"], ["explain", "pg74", "load"]):
        ran = pgcheck(*words)
        assert (ran.code, ran.out) == (2, "") and "pyproject.toml:5:1: unknown key 'jbs'" in ran.err
    assert answer.asked == []
    assert pgcheck("check", "--help").code == 0
    assert pgcheck("list").code == 0


# ---- --show-config


def shown(out: str) -> dict[str, tuple[object, str]]:
    values = tomllib.loads(out)["tool"]["pgcheck"]
    sources = dict(re.findall(r"^([a-z-]+) = .*  # (.*)$", out, re.MULTILINE))
    assert list(values) == list(sources) == list(SETTINGS)
    return {key: (values[key], sources[key]) for key in values}


def test_every_value_is_shown_with_where_it_comes_from(pgcheck: Pgcheck, answer: Answer, project: Path) -> None:
    says(project, 'specs = ["specs"]', "second = false", "timing = false", 'waivers = "a b.yaml"')
    found = shown(pgcheck("--show-config", "--jobs", "7", "--timing").out)
    assert found["specs"] == (["specs/one.yaml", "specs/part/two.yml"], "pyproject.toml:5:1")
    assert found["second"] == (False, "pyproject.toml:6:1")
    assert found["timing"] == (True, "command line")
    assert found["jobs"] == (7, "command line")
    assert found["waivers"] == ("a b.yaml", "pyproject.toml:8:1")
    assert found["require"] == ("theorem1", "default") and found["cache"] == (True, "default")
    assert answer.asked == []
    found = shown(pgcheck("pg74", "--show-config", "--no-waivers").out)
    assert (found["specs"], found["waivers"]) == ((["pg74"], "command line"), (False, "command line"))


def test_it_is_shown_without_a_project_too(pgcheck: Pgcheck, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    found = shown(pgcheck("check", "--show-config").out)
    assert {source for _, source in found.values()} == {"default"}
    assert found["specs"][0] == [] and found["waivers"][0] == "pgcheck-waivers.yaml"


def test_the_documentation_names_every_key_and_no_other() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "docs" / "configuration.md").read_text("utf-8"), re.MULTILINE)
    assert rows == list(SETTINGS)


@pytest.mark.parametrize(
    "text, found",
    [
        ("[tool.pgcheck]\n", True),
        ("[ tool . 'pgcheck' ]\n", True),
        ("[tool]\npgcheck = {jobs = 1}\n", True),
        ("[tool]\npgcheck.jobs = 1\n", True),
        ('[project.scripts]\npgcheck = "x:y"\n', False),
        ('[tool.other]\n"pgcheck.isa" = "isa"\n', False),
        ("", False),
    ],
)
def test_help_looks_before_it_reads(project: Path, text: str, found: bool) -> None:
    assert not project_module.perhaps_configured()
    (project / "pyproject.toml").write_text(text)
    assert project_module.perhaps_configured() == found
    assert bool(config.current().values) <= found
