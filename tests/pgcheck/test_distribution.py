"""What other projects start pgcheck with: hooks, the action and its examples, the container file, shell completion, declarations."""

import json
import os
import re
import stat
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

import pytest
import yaml
from click.shell_completion import BashComplete

from pgcheck import RELEASED
from pgcheck.checker.result import ExitCode
from pgcheck.cli import command
from pgcheck.shipped import names
from tests.pgcheck.conftest import Pgcheck
from tests.specifications import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
GUIDE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
EXAMPLES = [yaml.load(text, yaml.BaseLoader) for text in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)]
WORKFLOWS = {e["name"]: e for e in EXAMPLES if "jobs" in e}
ACTION: dict[str, Any] = yaml.load((ROOT / "action.yml").read_text(encoding="utf-8"), yaml.BaseLoader)
HOOKS: list[dict[str, Any]] = yaml.load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"), yaml.BaseLoader)

# The keys of a hook: https://pre-commit.com/#creating-new-hooks
HOOK_NEEDS = {"id", "name", "entry", "language"}
HOOK_KEYS = HOOK_NEEDS | {
    "additional_dependencies", "always_run", "args", "description", "exclude", "exclude_types", "fail_fast", "files",
    "language_version", "log_file", "minimum_pre_commit_version", "pass_filenames", "require_serial", "stages", "types",
    "types_or", "verbose",
}  # fmt: skip
STAGES = {
    "commit-msg", "manual", "post-checkout", "post-commit", "post-merge", "post-rewrite", "pre-commit", "pre-merge-commit",
    "pre-push", "pre-rebase", "prepare-commit-msg",
}  # fmt: skip
# https://docs.github.com/actions: metadata syntax (composite actions) and workflow syntax
ACTION_KEYS = {"name", "author", "description", "inputs", "outputs", "runs", "branding"}
STEP_KEYS = {"name", "id", "if", "uses", "with", "run", "shell", "env", "working-directory", "continue-on-error"}
WORKFLOW_KEYS = {"name", "run-name", "on", "permissions", "env", "defaults", "concurrency", "jobs"}
JOB_KEYS = {"name", "runs-on", "needs", "if", "permissions", "timeout-minutes", "strategy", "env", "outputs", "steps"}


# ---- pre-commit


def wrong_hook(hook: Mapping[str, Any]) -> str:
    """What is wrong with a hook's declaration; "" if nothing is."""
    if missing := HOOK_NEEDS - hook.keys():
        return f"without {missing}"
    if foreign := hook.keys() - HOOK_KEYS:
        return f"unknown {foreign}"
    if foreign := {*hook.get("stages", ())} - STAGES:
        return f"unknown stages {foreign}"
    re.compile(hook.get("files", ""))
    return ""


def test_the_hooks_are_well_formed_and_start_commands_that_exist() -> None:
    assert [wrong_hook(hook) for hook in HOOKS] == [""] * len(HOOKS) and len({h["id"] for h in HOOKS}) == len(HOOKS)
    for hook in HOOKS:
        program, subcommand = hook["entry"].split()
        assert program in PROJECT["project"]["scripts"] and subcommand in command.commands


@pytest.mark.parametrize("change", [{"id": None}, {"entry": None}, {"filse": "x"}, {"stages": ["push"]}])
def test_a_hook_that_is_none_is_seen(change: dict[str, Any]) -> None:
    changed = {k: v for k, v in {**HOOKS[0], **change}.items() if v is not None}
    assert wrong_hook(changed)


@pytest.mark.parametrize("path, taken", [("specs/a.yaml", 1), ("specs/a.yml", 1), ("specs/a/b.yaml", 0), ("a.yaml", 0)])
def test_the_hooks_take_specifications_and_not_their_parts(path: str, taken: int) -> None:
    assert all(bool(re.search(hook["files"], path)) is bool(taken) for hook in HOOKS)


def test_the_guide_uses_hooks_that_exist_with_keys_that_exist() -> None:
    used = [h for e in EXAMPLES if "repos" in e for repo in e["repos"] for h in repo["hooks"]]
    assert {h["id"] for h in used} == {h["id"] for h in HOOKS}
    assert all(h.keys() <= HOOK_KEYS and {*h.get("stages", ())} <= STAGES for h in used)
    assert all({"repo", "rev", "hooks"} == repo.keys() for e in EXAMPLES if "repos" in e for repo in e["repos"])


# ---- the action


def wrong_step(step: Mapping[str, Any], *, shell: bool) -> str:
    """What is wrong with a step of a job or of a composite action, which must name the `shell` of what it runs."""
    if foreign := step.keys() - STEP_KEYS - {"timeout-minutes"}:
        return f"unknown {foreign}"
    if ("uses" in step) == ("run" in step):
        return "neither uses nor run, or both"
    if "run" in step and shell and "shell" not in step:
        return "without shell"
    if "uses" in step and not re.fullmatch(r"[\w.-]+/[\w./-]+@[\w.-]+", step["uses"]):
        return "uses is no OWNER/REPOSITORY@REF"
    return "" if "run" in step or "env" not in step else "env without run"


def test_the_action_is_well_formed() -> None:
    assert ACTION.keys() <= ACTION_KEYS and {"name", "description", "runs"} <= ACTION.keys()
    assert ACTION["runs"].keys() == {"using", "steps"} and ACTION["runs"]["using"] == "composite"
    assert [wrong_step(step, shell=True) for step in ACTION["runs"]["steps"]] == [""] * len(ACTION["runs"]["steps"])
    assert all(
        "description" in i and i.keys() <= {"description", "default", "required"} for i in ACTION["inputs"].values()
    )
    assert all(i.get("required") == "true" or "default" in i for i in ACTION["inputs"].values())
    assert all(o.keys() == {"description", "value"} for o in ACTION["outputs"].values())


@pytest.mark.parametrize(
    "step", [{"run": "x"}, {"uses": "x"}, {}, {"run": "x", "shell": "bash", "with": {}, "use": "a/b@c"}]
)
def test_a_step_that_is_none_is_seen(step: dict[str, Any]) -> None:
    assert wrong_step(step, shell=True)


def test_the_action_mentions_inputs_and_steps_that_exist_and_puts_none_into_a_script() -> None:
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == set(ACTION["inputs"])
    ids = {step["id"] for step in ACTION["runs"]["steps"] if "id" in step}
    assert set(re.findall(r"steps\.(\w+)\.", text)) <= ids
    assert not [step for step in ACTION["runs"]["steps"] if "${{" in step.get("run", "")]


def test_the_table_of_inputs_in_the_guide_is_that_of_the_action() -> None:
    rows = dict(re.findall(r"^\| `([\w-]+)` \| (required|`[^`]*`|) ?\|", GUIDE, re.MULTILINE))
    wanted = {
        n: "required" if i.get("required") else f"`{d}`" if (d := i["default"]) else ""
        for n, i in ACTION["inputs"].items()
    }
    assert {n: v for n, v in rows.items() if n in wanted} == wanted


def checked(tmp_path: Path, code: int, sarif: bool = True, **inputs: str) -> tuple[int, list[str], dict[str, str]]:
    """The step `check` run by bash with a program in pgcheck's place: exit code, arguments of the program, outputs."""
    step = next(s for s in ACTION["runs"]["steps"] if s.get("id") == "check")
    program, result = tmp_path / "pgcheck", tmp_path / "output"
    write = "echo '{}' > result.sarif\n" if sarif else ""
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > arguments\n{write}exit {code}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    given = {
        "SPECIFICATIONS": "specs/*.yaml",
        "REQUIRE": "theorem1",
        "ARGUMENTS": "",
        "SARIF": "result.sarif",
        "JUNIT": "",
    }
    assert {*given, "PGCHECK", "PGCHECK_CACHE"} == step["env"].keys()
    environment = {**os.environ, **given, **inputs, "PGCHECK": str(program), "GITHUB_OUTPUT": str(result)}
    (tmp_path / "specs").mkdir()
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / "specs" / name).write_text("")
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    done = subprocess.run(shell, cwd=tmp_path, env=environment, capture_output=True, text=True)
    outputs = dict(line.split("=", 1) for line in result.read_text().splitlines())
    return done.returncode, (tmp_path / "arguments").read_text().splitlines(), outputs


@pytest.mark.parametrize("code", [0, 1, 3])
def test_the_action_ends_as_the_check_does_and_hands_on_the_file(tmp_path: Path, code: int) -> None:
    ended, arguments, outputs = checked(tmp_path, code)
    assert ended == code and outputs == {"exit-code": str(code), "sarif": "result.sarif"}
    assert arguments == [
        "check",
        "specs/a.yaml",
        "specs/b.yaml",
        "--require",
        "theorem1",
        "--output",
        "github",
        "--output",
        "sarif=result.sarif",
        "--sarif-waived",
        "omit",
    ]


def test_the_action_writes_what_is_asked_for_alone(tmp_path: Path) -> None:
    _, arguments, outputs = checked(
        tmp_path, 2, sarif=False, SARIF="", JUNIT="a b.xml", ARGUMENTS="--only x", SPECIFICATIONS="m"
    )
    assert outputs == {"exit-code": "2"}
    assert arguments == "check m --require theorem1 --output github --output".split() + ["junit=a b.xml", "--only", "x"]


def test_the_arguments_of_the_action_are_options_of_check() -> None:
    options = {o for p in command.commands["check"].params for o in p.opts}
    script = next(s["run"] for s in ACTION["runs"]["steps"] if s.get("id") == "check")
    assert set(re.findall(r"--[\w-]+", script)) <= options


# ---- the examples


@pytest.mark.parametrize("name", ["virtualizable", "nightly"])
def test_the_examples_are_workflows(name: str) -> None:
    workflow = WORKFLOWS[name]
    assert workflow.keys() <= WORKFLOW_KEYS and {"on", "jobs", "permissions"} <= workflow.keys()
    for job in workflow["jobs"].values():
        assert job.keys() <= JOB_KEYS and {"runs-on", "steps", "timeout-minutes"} <= job.keys()
        assert [wrong_step(step, shell=False) for step in job["steps"]] == [""] * len(job["steps"])


def test_the_gate_gives_the_action_what_it_takes_and_may_upload() -> None:
    gate = WORKFLOWS["virtualizable"]
    step = next(s for s in gate["jobs"]["check"]["steps"] if s.get("uses", "").startswith("OWNER/pgcheck@"))
    needed = {n for n, i in ACTION["inputs"].items() if i.get("required") == "true"}
    assert needed <= step["with"].keys() <= ACTION["inputs"].keys()
    assert "pull_request" in gate["on"] and gate["permissions"]["security-events"] == "write"


def test_the_campaign_is_a_command_line_and_its_database_an_artifact() -> None:
    steps = WORKFLOWS["nightly"]["jobs"]["campaign"]["steps"]
    line = next(s["run"] for s in steps if s.get("run", "").startswith("pgcheck "))
    words = line.replace('"$GITHUB_RUN_ID"', "1").split()
    context = command.commands[words[1]].make_context(words[1], words[2:])
    upload = next(s for s in steps if s.get("uses", "").startswith("actions/upload-artifact@"))
    assert str(context.params["database"]) in upload["with"]["path"].split() and upload["if"] == "always()"
    assert f"{context.params['tests']}/" in upload["with"]["path"].split()


def test_the_guide_speaks_of_this_version() -> None:
    assert set(re.findall(r"(?:pgcheck@|rev: )v([\d.]*\d)", GUIDE)) == {RELEASED}


# ---- the container


def test_the_container_file_copies_what_there_is_and_runs_the_program() -> None:
    lines = [line for line in (ROOT / "Containerfile").read_text().splitlines() if line and not line.startswith("#")]
    known = {"FROM", "COPY", "RUN", "USER", "ENV", "WORKDIR", "ENTRYPOINT", "CMD"}
    assert {line.split()[0] for line in lines} == known
    assert 'ENTRYPOINT ["pgcheck"]' in lines and lines.index("USER pgcheck") < lines.index('ENTRYPOINT ["pgcheck"]')
    minor = re.search(r"python:3\.(\d+)", lines[0])
    assert minor is not None and int(minor[1]) >= 11


def test_what_the_container_is_built_from_is_not_ignored() -> None:
    ignored = (ROOT / ".containerignore").read_text().split()
    folders = PROJECT["tool"]["setuptools"]["package-dir"].values()
    needed = {"pgcheck", "pyproject.toml", "README.md", "LICENSE", *folders}
    assert not needed & set(ignored) and all((ROOT / name).exists() for name in needed)


# ---- completion


def completed(pgcheck: str, *words: str) -> list[str]:
    environment = {
        **os.environ,
        "_PGCHECK_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("pgcheck", *words)),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run([sys.executable, "-m", pgcheck], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert not done.stderr
    return done.stdout.splitlines()


def test_the_shell_gets_a_script() -> None:
    environment = {**os.environ, "_PGCHECK_COMPLETE": "bash_source"}
    done = subprocess.run([sys.executable, "-m", "pgcheck"], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "complete -o nosort -F _pgcheck_completion pgcheck" in done.stdout
    assert subprocess.run(["bash", "-n"], input=done.stdout, text=True).returncode == 0


@pytest.mark.parametrize(
    "words, wanted",
    [
        (("val",), "plain,validate"),
        (("pg7",), "plain,pg74"),
        (("check", "pg7"), "plain,pg74"),
        (("explain", "pg7"), "plain,pg74"),
        (("specs/pg74.yaml", "--req"), "plain,--require"),
        (("check", "--require", "theorem3"[:7]), "plain,theorem3"),
        (("specs/pg",), "file,specs/pg"),
        (("new", ""), "plain,isa"),
        (("fuzz", "pg74", "--property", "iso"), "plain,ISO3"),
        (("pg74", "--only", "lp"), "plain,lpsw"),
        (("check", "specs/i386.yaml", "--only", "mov.s"), "plain,mov.sreg_rm16"),
        (("pg74", "--only", "add,lp"), "plain,add,lpsw"),
        (("diff", "pg74", "specs/pg74.yaml", "--only", "lp"), "plain,lpsw"),
        (("explain", "pg74", "lp"), "plain,lpsw"),
        (("waive", "pg74", "lp"), "plain,lpsw"),
        (("traps", "pg74", "add", "lp"), "plain,lpsw"),
        (("riscv64", "--deployment", "v"), "plain,vmm_in_m"),
        (("run", "riscv64", "image", "--deployment", "v"), "plain,vmm_in_m"),
    ],
)
def test_words_are_completed(words: tuple[str, ...], wanted: str) -> None:
    assert wanted in completed("pgcheck", *words)


def test_a_specification_that_cannot_be_read_offers_nothing(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("instructions: [{name: lpsw}, 7")
    complete = BashComplete(command, {}, "pgcheck", "_PGCHECK_COMPLETE")
    for word in (str(wrong), str(tmp_path), "nosuch"):
        assert "lpsw" not in {i.value for i in complete.get_completions([word, "--only"], "l")}


@pytest.mark.parametrize(("shell", "said"), [("zsh", "plain\nlpsw\n_"), ("fish", "plain,lpsw")])
def test_zsh_and_fish_complete_instructions_too(shell: str, said: str) -> None:
    line = {"zsh": ("pgcheck pg74 --only lp", "3"), "fish": ("pgcheck pg74 --only lp", "lp")}[shell]
    environment = {
        **os.environ, "_PGCHECK_COMPLETE": f"{shell}_complete", "COMP_WORDS": line[0], "COMP_CWORD": line[1],
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-m", "pgcheck"], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert said in done.stdout and not done.stderr


def test_every_command_that_takes_instructions_completes_them() -> None:
    wanting = {"instruction", "instructions", "only", "deployment"}
    asked = [(n, p) for n, c in command.commands.items() for p in c.params if p.name in wanting]
    assert len(asked) > 15
    context = command.commands["explain"].make_context("explain", ["riscv64", "mret"])
    for name, parameter in asked:
        offered = [item.value for item in parameter.shell_complete(context, "")]
        assert {"s_in_u" if parameter.name == "deployment" else "sfence.vma"} <= {*offered}, name


def test_every_command_that_takes_a_specification_completes_it() -> None:
    complete = BashComplete(command, {}, "pgcheck", "_PGCHECK_COMPLETE")
    takers = [
        n for n, c in command.commands.items() if any(p.name in ("specification", "specifications") for p in c.params)
    ]
    assert len(takers) > 8
    for name in takers:
        assert {i.value for i in complete.get_completions([name], "pg")} >= {n for n in names() if n.startswith("pg")}


# ---- declarations


def test_what_is_optional_is_declared() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    assert any(d.startswith("pygls") for d in extras["lsp"])
    assert any("lsp" in d for d in extras["test"])


def test_exit_codes_of_the_action_are_those_of_the_program(pgcheck: Pgcheck) -> None:
    said = ACTION["outputs"]["exit-code"]["description"]
    assert [int(n) for n in re.findall(r"\d", said)] == sorted(ExitCode)


# ---- editors


def test_the_guide_for_editors_holds_what_can_be_read() -> None:
    guide = (ROOT / "docs" / "editors.md").read_text(encoding="utf-8")
    blocks = dict(re.findall(r"```(json|toml)\n(.*?)```", guide, re.DOTALL))
    (patterns,) = json.loads(blocks["json"])["yaml.schemas"].values()
    assert any(PurePath("specs/a.yaml").match(p) for p in patterns)
    server = tomllib.loads(blocks["toml"])["language-server"]["pgcheck"]
    assert server["command"] == "pgcheck" and server["args"][0] in command.commands
