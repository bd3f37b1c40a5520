"""The table of rules is what the checker can say, no more and no less, and every example does what it is shown for."""

import ast
import importlib
import json
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

import pgcheck.checker
from pgcheck.checker.check import Options, check
from pgcheck.checker.laws.lint import LAWS
from pgcheck.checker.result import THEOREMS, ExitCode
from pgcheck.isa.files.errors import SpecificationError
from pgcheck.isa.machine.build import load
from pgcheck.reports.remarks import remarks
from pgcheck.reports.rule_examples import EXAMPLES, MACHINE
from pgcheck.reports.rules import LEVELS, RULES, found, shown
from pgcheck.running.events import Checked, Failed
from pgcheck.running.run import Request
from pgcheck.waivers import application
from pgcheck.waivers import file as waiver_file
from tests.pgcheck.conftest import ROOT, Pgcheck
from tests.pgcheck.stories import story

NAMES = [rule.name for rule in RULES]
RANKS = {"none": 0, "note": 1, "warning": 2, "error": 3}
# Ids are for ever: a rule that goes leaves its id unused.
IDS = {
    "PG001": "hole", "PG002": "undecided", "PG011": "theorem1", "PG012": "theorem2", "PG013": "theorem3", "PG014": "monitor",
    "PG101": "legal_after_reset", "PG102": "undefined_encodings_trap", "PG103": "encodings_are_disjoint",
    "PG104": "cuts_change_no_general_state", "PG105": "realisable", "PG106": "translation_faults_enter", "PG107": "canaries",
    "PG108": "deliveries_keep_legal", "PG109": "legal_is_inductive", "PG110": "traps_are_precise", "PG111": "access_claims_hold",
    "PG112": "addresses_are_no_values", "PG113": "hypotheses_are_satisfiable", "PG114": "efficiency", "PG115": "traps_enter_monitor",
    "PG116": "leaves_specification", "PG117": "general_or_mirror",
    "PG118": "accesses_stay_in_their_page", "PG200": "specification",
    "PG201": "waiver",
}  # fmt: skip


# ---- the table


def test_ids_stay_what_they_are() -> None:
    assert {rule.id: rule.name for rule in RULES} == IDS
    assert len(RULES) == len(IDS) and [r.id for r in RULES] == sorted(IDS)


def test_every_rule_says_all_of_it() -> None:
    for rule in RULES:
        assert rule.level in LEVELS and rule.title and rule.law.endswith(".") and rule.reference
        assert rule.formula or rule.name == "specification"
        assert not rule.title.endswith(".")
    assert set(EXAMPLES) == set(NAMES)


def said_laws(source: str, module: ModuleType) -> Iterator[str]:
    """The laws that findings in a module's source are given: constants, and names of constants."""
    for node in ast.walk(ast.parse(source)):
        called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
        if called not in ("Finding", "_finding", "_guarded", "_settled"):
            continue
        assert isinstance(node, ast.Call)
        match node.args[0]:
            case ast.Constant(value=str() as law):
                yield law
            case ast.Name(id=name) if isinstance(getattr(module, name, None), str):
                yield getattr(module, name)


def emitted() -> set[str]:
    laws = {law.__name__ for law in LAWS}
    for item in pkgutil.walk_packages(pgcheck.checker.__path__, "pgcheck.checker."):
        spec = item.module_finder.find_spec(item.name, None)
        assert spec is not None and spec.origin is not None
        source = Path(spec.origin).read_text(encoding="utf-8")
        if "Finding" in source:
            laws |= set(said_laws(source, importlib.import_module(item.name)))
    return laws


def test_the_table_holds_exactly_what_the_checker_can_say() -> None:
    assert emitted() | {*THEOREMS, "hole", "undecided", "specification", "waiver"} == set(NAMES)


def test_a_new_law_would_be_noticed() -> None:
    module = ModuleType("new")
    vars(module)["LAW"] = "by_name"
    source = "yield Finding('a_new_law', 'error', x, y)\nyield Finding(LAW, 'ok', x, y)\nyield Finding(law, 'ok', x, y)\nOther('no')"
    assert list(said_laws(source, module)) == ["a_new_law", "by_name"]


# ---- the examples


def fired(text: str, folder: Path, budget: int, waivers: str = "") -> dict[str, str]:
    """The rules that a real check of a specification reports, each with its worst level."""
    file = folder / "example.yaml"
    file.write_text(text)
    event: Checked | Failed
    try:
        machine = load(file)
    except SpecificationError as error:
        event = Failed("example", str(error), error.problems, ExitCode.USAGE)
    else:
        options = Options(jobs=1, cache=False)
        accepted = waiver_file.parsed(waivers, folder / "waivers.yaml")
        answer = check(machine, replace(options, rlimit=budget or options.rlimit))
        answer, reviewed = application.reviewed(machine, answer, accepted, Request(options))
        event = Checked("example", machine, answer, ExitCode.PROVED, waivers=reviewed)
    worst: dict[str, str] = {}
    for remark in remarks(story(event)):
        worst[remark.rule.name] = max(worst.get(remark.rule.name, "none"), remark.level, key=RANKS.__getitem__)
    return worst


@pytest.mark.parametrize("name", NAMES)
def test_an_example_breaks_its_rule_and_its_twin_does_not(name: str, tmp_path: Path) -> None:
    example = EXAMPLES[name]
    broken = fired(example.broken, tmp_path, example.budget, example.waivers)
    mended = fired(example.mended, tmp_path, 0, example.waivers)
    assert name in broken
    assert RANKS[broken[name]] > RANKS[mended.get(name, "none")] or name not in mended


def test_the_machine_behind_the_examples_breaks_no_rule(tmp_path: Path) -> None:
    assert fired(MACHINE, tmp_path, 0) == {}


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_small(name: str) -> None:
    example = EXAMPLES[name]
    assert len(example.broken.splitlines()) < 70
    changed = [line for line in example.difference() if line[0] in "+-"]
    assert len(changed) <= 6 and (changed or example.budget)


# ---- the commands


def test_rules_lists_every_rule(pgcheck: Pgcheck) -> None:
    lines = pgcheck("rules").out.splitlines()
    assert [line[:5] for line in lines if line.startswith("PG")] == list(IDS)
    assert max(map(len, lines)) <= 80
    assert all(rule.name in pgcheck("rules").out for rule in RULES)


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_a_rule_is_shown_by_id_and_by_name(pgcheck: Pgcheck, rule: object) -> None:
    from pgcheck.reports.rules import Rule

    assert isinstance(rule, Rule)
    ran = pgcheck("rule", rule.id)
    assert ran.code == 0 and ran.out == pgcheck("rule", rule.name).out == pgcheck("rule", rule.id.lower()).out
    flat = re.sub(r"\s+", " ", ran.out)
    assert all(text in flat for text in (rule.id, rule.title, rule.law, rule.formula, rule.reference))
    indented = "".join(f"  {line}\n" for line in rule.example.broken.splitlines())
    assert indented in ran.out


def test_rules_are_printed_as_json(pgcheck: Pgcheck) -> None:
    every = json.loads(pgcheck("rules", "--format", "json").out)["rules"]
    assert [r["id"] for r in every] == list(IDS)
    one = json.loads(pgcheck("rule", "hole", "--format", "json").out)
    assert one == every[0] and one["example"]["broken"] == EXAMPLES["hole"].broken


def test_what_is_shown_can_be_checked_as_it_stands(pgcheck: Pgcheck, tmp_path: Path) -> None:
    text = shown(found("PG200")).split(":\n\n")[1].split("\n\nAnd what")[0]
    file = tmp_path / "shown.yaml"
    file.write_text("\n".join(line.removeprefix("  ") for line in text.splitlines()) + "\n")
    ran = pgcheck("validate", file)
    assert ran.code == 2 and "no 'IF' here" in ran.err


@pytest.mark.parametrize(
    "word, hint",
    [("PG999", "did you mean"), ("hol", "did you mean 'hole'?"), ("x" * 999, "`pgcheck rules` names them")],
)
def test_an_unknown_rule_is_a_line_and_exit_2(pgcheck: Pgcheck, word: str, hint: str) -> None:
    ran = pgcheck("rule", word)
    assert (ran.code, ran.out) == (2, "") and hint in ran.err and ran.err.count("\n") == 1


def test_rules_load_no_solver() -> None:
    heavy = {"z3", "bitwuzla", "cvc5", "pydantic", "rich", "lark", "yaml", "networkx"}
    code = f"import sys; from pgcheck import cli; cli.run(['rules']); cli.run(['rule', 'PG001']); print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_documentation_names_every_rule() -> None:
    text = (ROOT / "docs" / "outputs.md").read_text(encoding="utf-8")
    assert all(f"`{rule.id}`" in text and f"`{rule.name}`" in text for rule in RULES)
