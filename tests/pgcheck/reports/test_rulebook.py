"""The table of rules is what the checker can say, no more and no less, and every example does what it is shown for."""

import ast
import json
import re
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from pgcheck.checker.check import Options, check
from pgcheck.checker.example import MACHINE
from pgcheck.checker.result import THEOREMS, ExitCode
from pgcheck.checker.rule import LEVELS, Rule
from pgcheck.checker.traps.changes import CHANGES
from pgcheck.isa.files.errors import SpecificationError
from pgcheck.isa.machine.build import load
from pgcheck.isa.rows import modules
from pgcheck.reports.remarks import remarks
from pgcheck.reports.rulebook import BY_NAME, RULES, found, shown
from pgcheck.request import Request
from pgcheck.running.events import Checked, Failed
from pgcheck.waivers import application, waiver_file
from tests.pgcheck.conftest import Pgcheck
from tests.pgcheck.stories import story
from tests.specifications import ROOT

NAMES = [rule.name for rule in RULES]
RANKS = {"none": 0, "note": 1, "warning": 2, "error": 3}
# Ids are for ever: a rule that goes leaves its id unused. A new one need not be written here.
IDS = {
    "PG001": "hole", "PG002": "undecided", "PG011": "theorem1", "PG012": "theorem2", "PG013": "theorem3", "PG014": "monitor",
    "PG101": "legal_after_reset", "PG103": "encodings_are_disjoint",
    "PG104": "cuts_change_no_general_state", "PG105": "realisable", "PG106": "translation_faults_enter", "PG107": "canaries",
    "PG108": "deliveries_keep_legal", "PG109": "legal_is_inductive", "PG110": "traps_are_precise", "PG111": "access_claims_hold",
    "PG112": "addresses_are_no_values", "PG113": "hypotheses_are_satisfiable", "PG114": "efficiency", "PG115": "traps_enter_monitor",
    "PG116": "leaves_specification", "PG117": "general_or_mirror",
    "PG118": "accesses_stay_in_their_page", "PG119": "accesses_are_translated", "PG120": "fetches_depend_on_translation_alone",
    "PG121": "cuts_change_no_control_state", "PG122": "steps_keep_what_translation_reads", "PG123": "translation_is_the_monitors",
    "PG200": "specification",
    "PG201": "waiver",
}  # fmt: skip


# ---- the table


def test_an_id_keeps_its_meaning_and_is_given_once() -> None:
    assert IDS.items() <= {rule.id: rule.name for rule in RULES}.items()
    assert len({rule.id for rule in RULES}) == len({rule.name for rule in RULES}) == len(RULES)
    assert all(re.fullmatch(r"PG\d{3}", rule.id) for rule in RULES)


def test_every_rule_says_all_of_it() -> None:
    for rule in RULES:
        assert rule.level in LEVELS and rule.title and rule.law.endswith(".") and rule.reference
        assert rule.formula or rule.name == "specification"
        assert not rule.title.endswith(".")


@pytest.mark.parametrize("name", modules("pgcheck.checker.laws"))
def test_a_law_is_one_module_that_is_named_by_it(name: str) -> None:
    found = [v for v in vars(import_module(f"pgcheck.checker.laws.{name}")).values() if isinstance(v, Rule)]
    assert [rule.name for rule in found] == [name]


def test_theorems_have_rules() -> None:
    assert set(THEOREMS) <= set(NAMES)


def findings_made(source: str) -> list[int]:
    """The lines on which code makes findings of laws by itself, under whatever name of a law."""
    nodes = list(ast.walk(ast.parse(source)))
    imports = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module == "pgcheck.checker.result"]
    if not any(alias.name == "Finding" for node in imports for alias in node.names):
        return []
    calls = (node for node in nodes if isinstance(node, ast.Call))
    return [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Finding"]


def test_every_finding_is_made_by_a_rule() -> None:
    """So that nothing is said that has no rule: a rule that is somewhere is in the table."""
    rule = ROOT / "checker" / "rule.py"
    assert findings_made(rule.read_text("utf-8"))
    others = {path: findings_made(path.read_text("utf-8")) for path in (ROOT / "checker").rglob("*.py") if path != rule}
    assert {path: lines for path, lines in others.items() if lines} == {}


def test_a_rule_that_is_somewhere_is_in_the_table() -> None:
    texts = [path.read_text("utf-8") for room in ("checker", "pgcheck") for path in (ROOT / room).rglob("*.py")]
    ids = [id_ for text in texts for id_ in re.findall(r"^    id=\"(\w+)\",$", text, re.MULTILINE)]
    assert set(ids) == {rule.id for rule in RULES}


# ---- a new law

NEW = """
from pgcheck.checker.example import Example, SILENT, REFUSED
from pgcheck.checker.law import InstructionLaw

def names_are_short(machine, instruction, step, evidence):
    if len(instruction.name) > 2:
        yield LAW.broken(instruction, "this name is long")

LAW = InstructionLaw(id="PG190", name="names_are_short", level="error", title="A name is long", law="Names are short.",
    formula="forall i: length(i) < 3", reference="a test", example=Example((SILENT,), (REFUSED,)), ask=names_are_short)
"""
SEEN = """
import sys, pgcheck.checker.laws
pgcheck.checker.laws.__path__.append(sys.argv[1])
sys.path.insert(0, sys.argv[2])
from pgcheck import cli
from docs.generate import pages
assert "`PG190` | `names_are_short` | error | A name is long" in pages()["rules.md"]
assert cli.run(["rules"]) == cli.run(["rule", "names_are_short"]) == 0
print(cli.run(["pg74", "--only", "lpsw", "--only", "li", "--no-cache", "--output", "sarif=" + sys.argv[3]]))
"""


def test_a_law_is_one_file(tmp_path: Path) -> None:
    """Nothing else is edited: it is asked, listed, explained, documented, and reported with its rule."""
    (tmp_path / "names_are_short.py").write_text(NEW)
    file = tmp_path / "found.sarif"
    words = [sys.executable, "-c", SEEN, str(tmp_path), str(ROOT), str(file)]
    seen = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "PG190  error    names_are_short" in seen and "Law      Names are short." in seen
    run = json.loads(file.read_text("utf-8"))["runs"][0]
    assert "PG190" in {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert [r["message"]["text"] for r in run["results"] if r["ruleId"] == "PG190"] == ["lpsw: this name is long"]
    assert seen.splitlines()[-1] == "2"


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


@pytest.mark.slow
@pytest.mark.parametrize("name", [rule.name for rule in RULES if rule not in CHANGES])
def test_an_example_breaks_its_rule_and_its_twin_does_not(name: str, tmp_path: Path) -> None:
    example = BY_NAME[name].example
    broken = fired(example.broken, tmp_path, example.budget, example.waivers)
    mended = fired(example.mended, tmp_path, 0, example.waivers)
    assert name in broken
    assert RANKS[broken[name]] > RANKS[mended.get(name, "none")] or name not in mended


def test_the_machine_behind_the_examples_breaks_no_rule(tmp_path: Path) -> None:
    assert set(fired(MACHINE, tmp_path, 0).values()) == {
        "none"
    }  # what is proved, and a unit outside the processor that is assumed


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_small(name: str) -> None:
    example = BY_NAME[name].example
    assert len(example.broken.splitlines()) < 75
    changed = [line for line in example.difference() if line[0] in "+-"]
    assert len(changed) <= 6 and (changed or example.budget)


# ---- the commands


def test_rules_lists_every_rule(pgcheck: Pgcheck) -> None:
    lines = pgcheck("rules").out.splitlines()
    assert [line[:5] for line in lines if line.startswith("PG")] == [rule.id for rule in RULES]
    assert max(map(len, lines)) <= 80
    assert all(rule.name in pgcheck("rules").out for rule in RULES)


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_a_rule_is_shown_by_id_and_by_name(pgcheck: Pgcheck, rule: Rule) -> None:
    ran = pgcheck("rule", rule.id)
    assert ran.code == 0 and ran.out == pgcheck("rule", rule.name).out == pgcheck("rule", rule.id.lower()).out
    flat = re.sub(r"\s+", " ", ran.out)
    assert all(text in flat for text in (rule.id, rule.title, rule.law, rule.formula, rule.reference))
    indented = "".join(f"  {line}\n" for line in rule.example.broken.splitlines())
    assert indented in ran.out


def test_rules_are_printed_as_json(pgcheck: Pgcheck) -> None:
    every = json.loads(pgcheck("rules", "--format", "json").out)["rules"]
    assert [r["id"] for r in every] == [rule.id for rule in RULES]
    one = json.loads(pgcheck("rule", "hole", "--format", "json").out)
    assert one == every[0] and one["example"]["broken"] == BY_NAME["hole"].example.broken


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
    heavy = {"z3", "bitwuzla", "cvc5", "rich", "lark", "networkx", "jinja2"}
    code = f"import sys; from pgcheck import cli; cli.run(['rules']); cli.run(['rule', 'PG001']); print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_documentation_names_every_rule() -> None:
    text = (ROOT / "docs" / "reference" / "rules.md").read_text(encoding="utf-8")
    assert all(f"`{rule.id}`" in text and f"`{rule.name}`" in text for rule in RULES)
