"""Each law accepts what obeys it and names the smallest thing that does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pgcheck.checker.check import Options, check, solver_for
from pgcheck.checker.laws.lint import (
    LAWS,
    cuts_change_no_general_state,
    deliveries_keep_legal,
    encodings_are_disjoint,
    examine,
    legal_after_reset,
    lint,
    undefined_encodings_trap,
)
from pgcheck.checker.result import Finding
from pgcheck.checker.solving.evidence import Contradiction, Evidence, Undecided
from pgcheck.checker.solving.pool import Pool, WorkerFailed
from pgcheck.checker.verdicts.row_cache import RowCache
from pgcheck.isa.files.errors import SpecificationError
from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.machine import Machine
from pgcheck.reports.rule_examples import PAGED, Example, operation
from tests.checker.specifications import every_name, machine_of
from tests.checker.variants import edited, variant, with_instruction

FLAG = 'state:\n  F: {type: Bits<1>, role: configuration}\nlegal: ["F == 0"]\n'
GO = "exits:\n  go: {kind: execute}\nfunctions: |\n  function go { arguments Bits<32> word description { . } body { } }\n"


def laws_broken(machine: Machine, evidence: Evidence) -> set[tuple[str, str]]:
    """(law, status) of what the laws say of the instruction `new`, at its place in the file."""
    found = examine(machine, machine.instruction("new"), evidence)
    assert all(f.position == machine.instruction("new").position and f.subject == "new" for f in found)
    return {(f.law, f.status) for f in found}


# ---- legality


@pytest.mark.parametrize(
    ("legal", "broken"),
    [
        (["R.b == 1024"], []),
        (["R.b == 1024", "R.l == 1"], ["2"]),
        (["R.b == 0", "R.l == 0"], ["1"]),
        (["A[3] == 0"], []),
    ],
)
def test_the_state_after_reset_is_legal(
    legal: list[str], broken: list[str], tmp_path: Path, evidence: Evidence
) -> None:
    machine = variant(tmp_path, f"legal: {legal}\n".replace("'", '"'))
    assert [f.message.split()[1] for f in legal_after_reset(machine, evidence)] == broken


@pytest.mark.parametrize(
    ("body", "legal"),
    [
        ("F = 1'b0;", True),
        ("F = A[r][0];", False),
        ("if (F == 1) { F = 1'b1; }", True),
        ("privileged();\nF = A[r][0];", False),
        ("F = A[r][0];\nif (F == 1) { trap(Cause::Service); }", False),
        ("if (A[r][0] == 1) { trap(Cause::Service); }\nF = A[r][0];", True),
        ("go(A[r]);", True),
        ("F = A[r][0];\ngo(A[r]);", False),
        ("F = A[r][0];\nif (F == 1) { halt(); }", True),
        ("A[r] = read_memory(32'd0);", True),
    ],
)
def test_legality_is_kept_wherever_a_step_ends(body: str, legal: bool, tmp_path: Path, evidence: Evidence) -> None:
    found = laws_broken(with_instruction(tmp_path, body, more=FLAG + GO), evidence)
    assert (("legal_is_inductive", "error") not in found) == legal


@pytest.mark.parametrize(
    ("body", "legal"),
    [
        ("", True),
        ("F = 1'b0;", True),
        ("F = value;", False),
        ("if (value == 1) { F = 1'b1; over(); }", False),
        ("if (F == 1) { F = 1'b1; over(); }", True),
    ],
)
def test_deliveries_keep_legal_states_legal(body: str, legal: bool, tmp_path: Path, evidence: Evidence) -> None:
    exits = "exits:\n  own: {kind: other, nested: over}\n  over: {kind: other}\nfunctions: |\n"
    exits += f"  function own {{ arguments Bits<1> value description {{ . }} body {{ {body} }} }}\n"
    exits += "  function over { description { . } body { M = 0; } }\n"
    found = list(deliveries_keep_legal(variant(tmp_path, FLAG + exits), evidence))
    assert [(f.subject, f.status) for f in found] == ([] if legal else [("own", "error")])


# ---- traps


@pytest.mark.parametrize(
    ("body", "keys", "expected"),
    [
        ("if (A[r][0] == 1) { trap(Cause::Service); }\nC = 1'b1;", "", set()),
        ("C = 1'b1;\nif (A[r][0] == 1) { trap(Cause::Service); }", "", {("traps_are_precise", "error")}),
        ("C = 1'b1;\nif (A[r][0] == 1) { trap(Cause::Service); }", "restart: partial", set()),
        ("C = 1'b1;", "restart: partial", {("traps_are_precise", "warning")}),
        ("A[r] = 32'd1;\nA[r] = read_memory(32'd0);", "", {("traps_are_precise", "error")}),
        ("A[r] = A[r];\nA[r] = read_memory(32'd0);", "", set()),
        ("C = 1'b1;\ngo(A[r]);", "", set()),
    ],
)
def test_traps_are_precise(
    body: str, keys: str, expected: set[tuple[str, str]], tmp_path: Path, evidence: Evidence
) -> None:
    assert laws_broken(with_instruction(tmp_path, body, keys, GO), evidence) == expected


ACCESS = {
    "C = 1'b1;": ("always", "always"),
    "privileged();\nC = 1'b1;": ("always", "never"),
    "if (M == 1 && C == 1) { trap(Cause::Privileged); }": ("always", "sometimes"),
    "if (C == 1) { trap(Cause::Privileged); }": ("sometimes", "sometimes"),
    "trap(Cause::Privileged);": ("never", "never"),
    "trap(Cause::Service);": ("always", "always"),
    "if (M == 1) { if (C == 1) { trap(Cause::Privileged); }\ntrap(Cause::Service); }": ("always", "sometimes"),
    "if (M == 1) { trap(Cause::Undefined); }": ("always", "always"),
}


@pytest.mark.parametrize("body", ACCESS)
@pytest.mark.parametrize("supervisor", ["always", "sometimes", "never"])
@pytest.mark.parametrize("user", ["always", "sometimes", "never"])
def test_claims_of_access_are_compared_with_the_semantics(
    body: str, supervisor: str, user: str, tmp_path: Path, evidence: Evidence
) -> None:
    machine = with_instruction(tmp_path, body, f"access: {{supervisor: {supervisor}, user: {user}}}")
    messages = [
        f.message for f in examine(machine, machine.instruction("new"), evidence) if f.law == "access_claims_hold"
    ]
    wrong = [
        m
        for m, claim, truth in zip(("supervisor", "user"), (supervisor, user), ACCESS[body], strict=True)
        if claim != truth
    ]
    assert [m.split()[1] for m in messages] == wrong


def test_without_a_claim_nothing_is_compared(tmp_path: Path, evidence: Evidence) -> None:
    assert laws_broken(with_instruction(tmp_path, "privileged();"), evidence) == set()


# ---- cuts


@pytest.mark.parametrize(
    ("body", "used"),
    [
        ("A[r] = read_memory(A[r]);", False),
        ("write_memory(A[r], read_memory(A[r]));", False),
        ("A[r] = {22'd0, load_real_address(A[r], Access::Read, M)};", False),
        ("A[r] = {22'd0, translate(A[r], Access::Read, M)};", True),
        ("if (translate(A[r], Access::Read, M) == 0) { C = 1'b1; }", True),
        ("write_memory(A[r], {22'd0, translate(A[r], Access::Read, M)});", True),
        ("A[r] = read_physical_memory<32>(translate(A[r], Access::Read, M) + 10'd1);", False),
        ("$pc = translate(A[r], Access::Fetch, M);", True),
    ],
)
def test_a_translated_address_is_no_value(body: str, used: bool, tmp_path: Path, evidence: Evidence) -> None:
    found = laws_broken(with_instruction(tmp_path, body), evidence)
    assert (("addresses_are_no_values", "error") in found) == used


TRANSLATE = "      if (a >= {21'd0, R.b}) { trap(Cause::Memory); }\n"
PROBE = "body { return translate(a, op, mode); }"
TABLE = "body { return read_physical_memory<32>(10'd1); }"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (TRANSLATE, "      C = 1'b1;\n" + TRANSLATE, {"translate", "load_real_address"}),
        (
            TRANSLATE,
            "      if (a == 32'd5) { A[3] = a; trap(Cause::Memory); }\n" + TRANSLATE,
            {"translate", "load_real_address"},
        ),
        (TRANSLATE, "      R.l = 10'd0; write_physical_memory<32>(10'd9, a);\n" + TRANSLATE, set()),
        (PROBE, "body { A[0] = a; return translate(a, op, mode); }", {"load_real_address"}),
        (TABLE, "body { C = 1'b1; return read_physical_memory<32>(10'd1); }", {"new_psw"}),
        (TABLE, TABLE, set()),
    ],
)
def test_cuts_change_no_general_state(
    old: str, new: str, expected: set[str], tmp_path: Path, evidence: Evidence
) -> None:
    found = list(cuts_change_no_general_state(edited(tmp_path, (old, new)), evidence))
    assert {f.subject for f in found} == expected and {f.status for f in found} <= {"error"}


# ---- encodings


@pytest.mark.parametrize(
    ("body", "traps"),
    [
        ("trap(Cause::Undefined);", True),
        ("if (M == 1) { trap(Cause::Undefined); }", False),
        ("if (R.l == 10'd7) { C = 1'b1; } else { trap(Cause::Undefined); }", False),
        ("if (M == 1) { trap(Cause::Undefined); } else { trap(Cause::Privileged); }", True),
        ('unmodelled(\\"later\\");', True),
        ("go(A[0]);", False),
    ],
)
def test_bits_that_no_encoding_accepts_never_complete(
    body: str, traps: bool, tmp_path: Path, evidence: Evidence
) -> None:
    undefined = ('undefined: "trap(Cause::Undefined);"', f'undefined: "{body}"')
    go = ("exits:\n", GO.replace("functions: |\n", "").replace(GO.partition("functions: |\n")[2], ""))
    function = ("functions: |\n", "functions: |\n" + GO.partition("functions: |\n")[2])
    found = list(undefined_encodings_trap(edited(tmp_path, undefined, go, function), evidence))
    assert [f.status for f in found] == ([] if traps else ["error"])


@pytest.mark.parametrize(("cube", "disjoint"), [("v * v * v == 28'd8", True), ("v * v == 28'hafaaf71", False)])
def test_encodings_that_enumeration_leaves_open_go_to_the_solver(
    cube: str, disjoint: bool, tmp_path: Path, evidence: Evidence
) -> None:
    """The second pair has 28'h1234567 in common."""
    wide = 'encoding: {match: "1000----------------------------", variables: ["v 27-0"], when: "WHEN"}\n    operation(): ""\n'
    text = "instructions:\n  - name: one\n    " + wide.replace("WHEN", "v * v * v == 28'h9990b77")
    machine = variant(tmp_path, text + "  - name: two\n    " + wide.replace("WHEN", cube))
    assert [(p.a, p.b) for p in machine.decoding.undecided] == [("one", "two")]
    assert [f.subject for f in encodings_are_disjoint(machine, evidence)] == ([] if disjoint else ["one"])


# ---- the mode


@pytest.mark.parametrize(("role", "width"), [("mode", 1), ("configuration", 1), ("general", 1), ("mode", 9)])
def test_the_mode_is_a_narrow_leaf_of_role_mode(role: str, width: int, tmp_path: Path) -> None:
    """Mode sensitivity is asked of the role: a mode of another role would escape it."""
    old = "  M: {type: Bits<1>, role: mode}\n"
    if (role, width) == ("mode", 1):
        assert edited(tmp_path, (old, old)).modes.leaf == "M"
        return
    with pytest.raises(SpecificationError) as refused:
        edited(tmp_path, (old, f"  M: {{type: Bits<{width}>, role: {role}}}\n"))
    (problem,) = [p for p in refused.value.problems if p.message.startswith("the mode is")]
    text = (tmp_path / "edited.yaml").read_text().splitlines()
    assert text[problem.position.line - 1] == "  state: M"
    found, hint = (
        ("9 bits", "")
        if width > 1
        else (f"role {role}", "give M the role mode under `state`, or name the leaf that has it")
    )
    assert (problem.found, problem.hint) == (found, hint)


# ---- answers of a solver


class Asked:
    """Evidence whose every answer is an exception."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def possible(self, *_: object) -> bool:
        raise self.error

    model = possible


def test_an_obligation_without_an_answer_is_a_finding(tmp_path: Path) -> None:
    machine = with_instruction(tmp_path, "privileged();\nF = A[r][0];", "access: {user: never}", FLAG)
    unknown = examine(machine, machine.instruction("new"), Asked(Undecided("x", "too hard")))  # type: ignore[arg-type]
    assert {(f.law, f.status, f.message) for f in unknown} == {
        ("legal_is_inductive", "unknown", "x: too hard"),
        ("access_claims_hold", "unknown", "x: too hard"),
    }


def test_findings_before_an_unanswered_obligation_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def halfway(machine: Machine, evidence: Evidence) -> Iterator[Finding]:
        yield Finding("halfway", "error", machine.identity.name, "wrong")
        raise Undecided("x", "too hard")

    monkeypatch.setattr("pgcheck.checker.laws.lint.LAWS", (halfway,))
    with Pool(lambda: solver_for(Options(cache=False, second=False)), 1) as pool:
        found = lint(machine_of("pg74"), pool, False, (), RowCache(None, machine_of("pg74"), Options()))
    assert [(f.law, f.status, f.message) for f in found] == [
        ("halfway", "error", "wrong"),
        ("halfway", "unknown", "x: too hard"),
    ]


@pytest.mark.parametrize("jobs", [1, 2])
def test_solvers_that_disagree_say_nothing_about_the_specification(
    jobs: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def disagree(*_: object) -> Iterator[Finding]:
        raise Contradiction("z3 says unsat, the second solver says sat")

    machine = machine_of("pg74")
    monkeypatch.setattr("pgcheck.checker.laws.lint.traps_are_precise", disagree)
    with (
        Pool(lambda: solver_for(Options(cache=False, second=False)), jobs) as pool,
        pytest.raises(Contradiction if jobs == 1 else WorkerFailed, match="second solver says sat"),
    ):
        lint(machine, pool, False, machine.instructions[:4], RowCache(None, machine, Options()))


@pytest.mark.parametrize("name", every_name())
def test_every_specification_obeys_the_laws_of_machines(name: str, evidence: Evidence) -> None:
    machine = machine_of(name)
    assert [f for law in LAWS for f in law(machine, evidence) if f.status not in ("ok", "warning")] == []


def test_a_finding_makes_the_check_an_error(tmp_path: Path) -> None:
    machine = with_instruction(tmp_path, "C = 1'b1;\nprivileged();")
    found = check(machine, Options(cache=False, second=False, only=("new",))).findings
    assert [(f.law, f.status) for f in found if f.status != "ok"] == [("traps_are_precise", "error")]


# ---- pages


@pytest.mark.parametrize(
    ("low", "width", "stays"),
    [
        ("A[7:0]", 8, True),
        ("{A[7:1], 1'b0}", 16, True),
        ("{A[7:1], 1'b0}", 32, False),
        ("{A[7:2], 2'd0}", 32, True),
        ("A", 16, False),
    ],
)
def test_an_access_stays_in_the_page_that_was_translated(
    low: str, width: int, stays: bool, tmp_path: Path, evidence: Evidence
) -> None:
    body = f"A = read_physical_memory<{width}>(translate({low}, Op::Read, M))[7:0];"
    path = tmp_path / "paged.yaml"
    path.write_text(Example((operation(body),), (), PAGED).broken, "utf-8")
    found = {f.law for f in examine(load(path), load(path).instructions[0], evidence)}
    assert ("accesses_stay_in_their_page" not in found) == stays


def test_an_access_only_under_a_guard_counts_under_it(tmp_path: Path, evidence: Evidence) -> None:
    body = "if (A[3:0] != 4'd15) { A = read_physical_memory<16>(translate(A, Op::Read, M))[7:0]; }"
    path = tmp_path / "paged.yaml"
    path.write_text(Example((operation(body),), (), PAGED).broken, "utf-8")
    assert "accesses_stay_in_their_page" not in {
        f.law for f in examine(load(path), load(path).instructions[0], evidence)
    }
