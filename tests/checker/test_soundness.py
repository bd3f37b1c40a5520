"""What must not look like a proof or a refutation: excluded states, candidates not tried, effects not specified, checks not tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from pgcheck.checker.check import check
from pgcheck.checker.judging import effort
from pgcheck.checker.laws import canaries as asking
from pgcheck.checker.laws.canaries import canaries
from pgcheck.checker.options import Limits
from pgcheck.checker.questions.configuration import admissible
from pgcheck.checker.questions.subject import subject
from pgcheck.checker.questions.taint import footprint
from pgcheck.checker.result import MachineResult
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.solving.model import Model
from pgcheck.checker.solving.solver import Solver
from pgcheck.checker.values import NOTHING, Configuration
from pgcheck.checker.verdicts import judge as judging
from pgcheck.checker.verdicts import survey as surveying
from pgcheck.checker.verdicts.judge import relevant
from pgcheck.checker.verdicts.verdict import reason, verdict
from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.choices import MIRROR
from pgcheck.isa.machine.machine import Candidate, Machine
from pgcheck.isa.terms import Term, constant, eq, lnot, mk, variable
from pgcheck.shipped import shipped
from tests.checker.judging import PLAIN, judged, setting_of
from tests.checker.results import Checked, row
from tests.specifications import machine_of


def written(folder: Path, text: str) -> Machine:
    file = folder / "made.yaml"
    file.write_text(f"include: [pg74]\nname: made\ntitle: Made for a test\n{text}\n")
    return load(file, shipped=shipped)


# ---- configurations that exclude states

SET, CLEAR = Configuration({"TRAPIO": 1}), Configuration({"TRAPIO": 0})


@pytest.mark.parametrize(
    ("name", "allowed", "forbidden"),
    [
        ("conditional", [SET, CLEAR], []),
        ("forbidden_by_legal", [CLEAR, NOTHING], [SET]),
        ("forbidden_by_real", [CLEAR, NOTHING], [SET, Configuration({"R.l": 0}), SET | Configuration({"R.l": 0})]),
        ("granted_by_real", [SET, NOTHING], [CLEAR]),
        ("forbidden_in_part", [CLEAR, NOTHING, Configuration({"TRAPIO": MIRROR})], [SET]),
        ("either", [SET, Configuration({"TRAPOTHER": 1})], [SET | Configuration({"TRAPOTHER": 1})]),
    ],
)
def test_a_configuration_excludes_nothing(
    name: str, allowed: list[Configuration], forbidden: list[Configuration], solver: Solver
) -> None:
    setting, evidence = setting_of(machine_of(name)), Evidence(solver, False)
    assert [c for c in allowed if not admissible(setting, c, evidence)] == []
    assert [c for c in forbidden if admissible(setting, c, evidence)] == []


def test_mirroring_what_the_real_machine_needs_excludes_virtual_states(solver: Solver) -> None:
    setting = setting_of(machine_of("forbidden_by_real"))
    assert not admissible(setting, Configuration({"TRAPIO": MIRROR}), Evidence(solver, False))
    assert admissible(setting_of(machine_of("conditional")), Configuration({"TRAPIO": MIRROR}), Evidence(solver, False))


def test_a_row_is_not_content_with_a_configuration_of_no_state(solver: Solver) -> None:
    open_, shut = (judged(machine_of(n), "uio", solver) for n in ("conditional", "forbidden_by_legal"))
    assert open_.good == open_.classical_good == (SET,)
    assert shut.good == shut.classical_good == () and shut.witness is not None and verdict(shut, None) == "hole"


def test_two_bits_that_exclude_each_other_are_not_both_fixed(checked: Checked) -> None:
    assert checked("either").main.configuration == Configuration({"TRAPIO": 1})
    assert row(checked("either"), "other").witness is not None


def test_rows_under_a_vacuous_configuration_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surveying, "MAX_VETOES", 0)
    main = (result := check(machine_of("either"), replace(PLAIN, only=("uio", "uiox", "other", "add")))).main
    assert {r.id: r.verdict for r in main.instructions} == dict.fromkeys(("uio", "uiox", "other"), "unknown") | {
        "add": "innocuous"
    }
    assert all("vacuous" in r.reason for r in main.instructions if r.id != "add")
    assert {t.status for t in main.theorems.values()} == {"void"}
    assert [f.status for f in result.findings if "vacuous" in f.message] == ["error"]


def test_a_common_search_that_is_not_exhaustive_refutes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgcheck.checker.questions.configuration.MAX_ASSIGNMENTS", 0)
    main = check(machine_of("either"), replace(PLAIN, only=("uio", "uiox", "other"))).main
    assert "hole" not in {r.verdict for r in main.instructions} and "unknown" in {r.verdict for r in main.instructions}
    assert main.theorems["monitor"].status == "unknown"


# ---- hypotheses


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('deployments: {default: {real_mode: 1, guest: "M == 0 && M == 1"}}', "`guest`"),
        ('deployments: {default: {real_mode: 1, real: "M == 0"}}', "`real`"),
        ('deployments: {default: {real_mode: 1, mirror: [R], real: "R.l == 0"}}', "without a real one"),
        ('deployments: {default: {real_mode: 1, real: "C == 0"}}', "without a real one"),
        ('deployments: {default: {real_mode: 1, guest: "C == 0", real: "C == 0 && R.l == 0"}}', ""),
        ('deployments: {default: {real_mode: 1, mirror: [R], guest: "R.l < 8", real: "R.l < 9"}}', ""),
        ('deployments: {default: {real_mode: 1, real: "M == 1"}}', ""),
    ],
)
def test_every_hypothesis_is_met_by_some_state_and_every_virtual_state_has_a_real_one(
    text: str, word: str, tmp_path: Path
) -> None:
    result = check(written(tmp_path, text), replace(PLAIN, only=("add", "lrr")))
    errors = [f.message for f in result.findings if f.law == "hypotheses_are_satisfiable"]
    assert len(errors) == bool(word) and all(word in e and e.startswith("vacuous") for e in errors)
    assert ({r.verdict for r in result.main.instructions} == {"unknown"}) == bool(word)


def test_a_relation_that_never_settles_is_undecided() -> None:
    class Restless(Solver):
        """Finds a new virtual state for ever."""

        def check(self, assertions: Sequence[Term], *, label: str, later: object = None):  # type: ignore[no-untyped-def]  # as its base
            return replace(super().check([], label=label), model=Model({}, {}, {}))

        find = check

    restless = Restless(Limits(), None, False)
    with pytest.raises(Undecided, match="every virtual state"):
        admissible(setting_of(machine_of("forbidden_in_part")), SET, Evidence(restless, False))
    restless.close()


# ---- candidates that were not tried


def test_candidates_come_smallest_first_without_making_them_all() -> None:
    machine = machine_of("conditional")
    names = [f"LEAF{k}" for k in range(60)]
    many = replace(machine, candidates=tuple(Candidate(n, n, (0, 1)) for n in names))
    instruction = machine.instruction("uio")
    found = replace(
        footprint(setting_of(machine), subject(setting_of(machine), instruction, instruction.rows[0])),
        reads=frozenset(names),
    )
    first = list(islice(relevant(setting_of(many), found), 200))
    assert [len(c.leaves) for c in first] == [1] * 120 + [2] * 80
    assert len({tuple(sorted(c.leaves.items())) for c in first}) == 200


def test_all_assignments_are_among_the_candidates() -> None:
    machine = machine_of("either")
    two = replace(footprint_of(machine, "uio"), reads=frozenset({"TRAPIO", "TRAPOTHER"}))
    assert [c.leaves for c in relevant(setting_of(machine), two)] == [
        {"TRAPIO": 0},
        {"TRAPIO": 1},
        {"TRAPOTHER": 0},
        {"TRAPOTHER": 1},
        {"TRAPIO": 0, "TRAPOTHER": 0},
        {"TRAPIO": 0, "TRAPOTHER": 1},
        {"TRAPIO": 1, "TRAPOTHER": 0},
        {"TRAPIO": 1, "TRAPOTHER": 1},
    ]


def footprint_of(machine: Machine, identifier: str):  # type: ignore[no-untyped-def]  # a Footprint
    instruction = machine.instruction(identifier)
    return footprint(setting_of(machine), subject(setting_of(machine), instruction, instruction.rows[0]))


@pytest.mark.parametrize(("tried", "expected"), [(1, "unknown"), (2, "hole")])
def test_a_hole_is_refuted_only_when_every_candidate_was_tried(
    tried: int, expected: str, monkeypatch: pytest.MonkeyPatch, solver: Solver
) -> None:
    monkeypatch.setattr(judging, "MAX_CANDIDATES", tried)
    found = judged(machine_of("forbidden_by_legal"), "uio", solver)
    assert verdict(found, None) == expected
    assert ("there are more" in reason(expected, found, None, NOTHING)) == (expected == "unknown")


def test_one_that_helps_among_the_first_is_enough_but_its_absence_later_no_refutation(
    monkeypatch: pytest.MonkeyPatch, solver: Solver
) -> None:
    machine = machine_of("conditional")
    monkeypatch.setattr(judging, "MAX_CANDIDATES", 1)
    first = judged(replace(machine, candidates=(Candidate("input", "TRAPIO", (1, 0)),)), "uio", solver)
    assert first.good == (SET,) and first.partial and not first.trouble
    assert verdict(first, replace(first, holed=frozenset())) == "conditional"
    assert verdict(first, first) == "unknown"
    assert verdict(replace(first, partial=False), first) == "hole"


# ---- effects that are not specified


def test_what_may_do_anything_is_counted_and_not_called_intentional(checked: Checked) -> None:
    found = {f.status: f.message for f in checked("may_do_anything").findings if f.law == "leaves_specification"}
    assert found["ok"].startswith("1 of 32 rows") and "odd" in found["warning"]
    assert "may do anything" in row(checked("may_do_anything"), "odd").reason
    assert row(checked("may_do_anything"), "svc").verdict == "intentional"
    assert not [f for f in checked("pg74").findings if f.law == "leaves_specification"]


def test_in_one_mode_only_it_is_counted_without_a_warning(checked: Checked) -> None:
    statuses = {
        n: {f.status for f in checked(n).findings if f.law == "leaves_specification"}
        for n in ("unpredictable", "unmodelled")
    }
    assert statuses == {"unpredictable": {"ok"}, "unmodelled": {"ok"}}


def test_footprints_say_where_the_specification_ends() -> None:
    odd, gate = footprint_of(machine_of("may_do_anything"), "odd"), footprint_of(machine_of("unmodelled"), "gate")
    assert odd.outside == {"unpredictable@S", "unpredictable@U"} and odd.vague and not odd.never and not odd.innocuous
    assert gate.outside == {"unmodelled@U"} and not gate.vague
    svc = footprint_of(machine_of("pg74"), "svc")
    assert svc.never and svc.innocuous and not svc.outside


# ---- canaries


def answers(result: MachineResult) -> set[str]:
    return {t.status for t in result.main.theorems.values()}


def test_no_theorem_holds_without_canaries(monkeypatch: pytest.MonkeyPatch) -> None:
    only = replace(PLAIN, only=("add",))
    assert answers(check(machine_of("pg74"), only)) == {"holds"}
    monkeypatch.setattr(asking, "_hardwired", lambda _: True)
    monkeypatch.setattr(asking, "_usable", lambda leaf, _: leaf.control)
    result = check(machine_of("pg74"), only)
    assert answers(result) == {"unknown"} and result.main.direct == ""
    assert {f.status for f in result.findings if f.law == "canaries"} == {"unknown"}
    assert answers(check(machine_of("popf"), replace(PLAIN, only=("popf",)))) == {"fails", "unknown"}


def test_no_theorem_holds_when_a_canary_does_not_fire(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = asking.made_up
    monkeypatch.setattr(asking, "made_up", lambda *a: (replace(honest(*a)[0], hole=True),))
    result = check(machine_of("conditional"), replace(PLAIN, only=("uio",)))
    assert answers(result) == {"void"} and row(result, "uio").verdict == "conditional"


def test_the_mode_makes_canaries_where_no_other_leaf_is_free(monkeypatch: pytest.MonkeyPatch, solver: Solver) -> None:
    monkeypatch.setattr(asking, "_free", lambda *_: False)
    for name, leaf in (("pg74", "M"), ("m68010", "SR.S"), ("i386", "CPL")):
        machine, evidence = machine_of(name), Evidence(solver, False)
        bit = asking.free_bit(setting_of(machine), evidence)
        assert bit is not None and bit[0].name == leaf
        assert list(canaries(machine, evidence)) == []


def sharing(machine: Machine) -> Machine:
    """The machine with all control state mirrored, the mode too."""
    all_ = frozenset(leaf.name for leaf in machine.state.control) - {machine.modes.leaf}
    return replace(machine, deployments=(replace(machine.deployments[0], real_mode=None, mirror=all_),))


def test_two_machines_that_share_all_control_state_have_a_canary_that_stops_them(solver: Solver) -> None:
    shared, evidence = sharing(machine_of("pg74")), Evidence(solver, False)
    assert asking.free_bit(setting_of(shared), evidence) is None
    assert list(canaries(shared, evidence)) == []
    asked = {q.label.partition(":")[0] for q in evidence.queries if ":hole@" in q.label}
    assert asked == {"canary nothing", "canary stops the processor"}


def test_a_machine_that_shares_all_control_state_is_decided_like_any_other() -> None:
    result = check(sharing(machine_of("m68000")), replace(PLAIN, only=("move.from_sr",)))
    assert row(result, "move.from_sr").verdict == "trap-mediated" and answers(result) == {"fails"}
    assert not [f for f in result.findings if f.status in ("unknown", "error")]


def test_a_check_that_does_not_see_the_processor_stop_is_noticed(
    monkeypatch: pytest.MonkeyPatch, solver: Solver
) -> None:
    monkeypatch.setattr(asking, "STOPS", replace(asking.STOPS, hole=False))
    found = list(canaries(sharing(machine_of("pg74")), Evidence(solver, False)))
    assert [(f.law, f.status, f.subject) for f in found] == [("canaries", "error", "default: stops the processor")]


def test_canaries_of_the_mode_fire(monkeypatch: pytest.MonkeyPatch) -> None:
    class Proving(Solver):
        """Says that nothing is possible, once it has seen the states that canaries are made of."""

        def check(self, assertions: Sequence[Term], *, label: str, later: object = None):  # type: ignore[no-untyped-def]  # as its base
            honest = super().check(assertions, label=label)
            return honest if label == "canary:mode" else replace(honest, status="unsat", model=None, reason="")

        find = check

    monkeypatch.setattr(asking, "_free", lambda *_: False)
    proving = Proving(Limits(), None, False)
    found = list(canaries(machine_of("pg74"), Evidence(proving, False)))
    proving.close()
    assert {f.subject.partition(": ")[2] for f in found if f.status == "error"} == {
        "changes control state",
        "shows control state",
    }


# ---- evidence and effort


def test_two_solvers_means_that_both_answered() -> None:
    x = variable(8, "x")
    hard = [lnot(eq(mk("mul", 8, x, constant(8, 6)), mk("shl", 8, mk("mul", 8, x, constant(8, 3)), constant(8, 1))))]
    levels = {}
    for second, asked in (("on", hard), ("on", [eq(x, constant(8, 1))]), ("off", hard)):
        running = Solver(Limits(), None, second == "on")
        evidence = Evidence(running, second == "on")
        evidence.possible(asked, "asked")
        levels[second, len(evidence.queries[0].status)] = evidence.level
        running.close()
    assert levels == {
        ("on", len("unsat")): "two-solvers",
        ("on", len("sat")): "solver",
        ("off", len("unsat")): "solver",
    }


def test_a_hole_without_a_witness_is_not_counted_as_replayed(checked: Checked) -> None:
    main = checked("popf").main
    assert (checked("popf").effort.witnesses, checked("popf").effort.replayed) == (1, 1)
    bare = replace(main, instructions=tuple(replace(r, witness=None) for r in main.instructions))
    counted = effort([], [main, bare], 0.0)
    assert (counted.witnesses, counted.replayed) == (2, 1)
