"""What a row's answers mean: each verdict, and the line that says why."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from pgcheck.checker.check import Options, solver_for
from pgcheck.checker.questions.classical import Classical
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.traps.reading import named_mode
from pgcheck.checker.values import NOTHING, Sensitivity, mismatch
from pgcheck.checker.verdicts.judge import InstructionRow, Judgement, judge
from pgcheck.checker.verdicts.verdict import difference, reason, verdict
from pgcheck.isa.machine.build import load
from pgcheck.shipped import shipped
from tests.checker.judging import setting_of
from tests.checker.results import Checked, row
from tests.specifications import SMALL, machine_of

MODE = (Sensitivity("beh", "mode", "SU"),)
CLOCK = (Sensitivity("beh", "timing", "U"),)
FREE = Classical(privileged=False, sensitivities=(), completes_supervisor=True, completes_user=True)
OPEN = replace(FREE, sensitivities=MODE)
REFUSED = replace(OPEN, privileged=True, completes_user=False)
TRAPS = replace(FREE, completes_supervisor=False, completes_user=False)


@pytest.fixture(scope="module")
def judgement() -> Judgement:
    """A row that taint settles: the template of all others."""
    machine = machine_of("pg74")
    setting = setting_of(machine)
    solver = solver_for(Options(cache=False, second=False))
    found = judge(
        setting, InstructionRow(machine.instruction("add"), machine.instruction("add").rows[0]), solver, False
    )
    solver.close()
    return found


USER, BOTH = frozenset({"user"}), frozenset({"user", "supervisor"})


@pytest.mark.parametrize(
    ("alone", "under", "expected"),
    [
        ({}, None, "innocuous"),
        ({"classical": FREE}, None, "innocuous"),
        ({"classical": replace(FREE, sensitivities=CLOCK)}, None, "innocuous"),
        ({"classical": OPEN}, None, "trap-mediated"),
        ({"classical": REFUSED}, None, "privileged"),
        ({"classical": TRAPS}, None, "intentional"),
        ({"classical": replace(TRAPS, kind_varies=True)}, None, "trap-mediated"),
        ({"classical": replace(TRAPS, sensitivities=MODE)}, None, "trap-mediated"),
        ({"classical": OPEN, "holed": USER}, None, "hole"),
        ({"classical": OPEN, "holed": USER}, {"holed": frozenset()}, "conditional"),
        ({"classical": OPEN, "holed": USER}, {"holed": USER}, "hole"),
        ({"classical": REFUSED, "holed": BOTH}, None, "hole"),
        ({"classical": OPEN, "holed": USER, "timing": True}, None, "timing"),
        ({"classical": OPEN, "holed": USER, "timing": True}, {"holed": USER, "timing": False}, "hole"),
        ({"classical": OPEN, "holed": USER, "timing": True}, {"holed": USER, "timing": True}, "timing"),
        ({"classical": OPEN, "trouble": "too hard"}, None, "unknown"),
        ({"classical": OPEN, "holed": USER}, {"holed": frozenset(), "trouble": "too hard"}, "unknown"),
        ({"trouble": "too hard"}, None, "unknown"),
        ({"classical": FREE, "trouble": "error: solvers disagree"}, None, "unknown"),
    ],
)
def test_each_verdict(
    judgement: Judgement, alone: dict[str, object], under: dict[str, object] | None, expected: str
) -> None:
    first = replace(judgement, **alone)  # type: ignore[arg-type]  # the names and types are those of Judgement
    second = None if under is None else replace(first, **under)  # type: ignore[arg-type]  # as above
    assert verdict(first, second) == expected


def test_a_row_that_never_completes_and_touches_nothing_is_intentional(judgement: Judgement) -> None:
    assert verdict(replace(judgement, footprint=replace(judgement.footprint, never=True)), None) == "intentional"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("trap:next", "would have trapped"),
        ("virtual:IF", "the virtual machine's IF"),
        ("real:R.b", "the real machine's R.b"),
        ("mirror:sepc", "mirrored sepc"),
        ("general:A", "the result in A"),
        ("payload:execute", "another instruction word"),
        ("halt", "stops"),
        ("unpredictable", "anything"),
        ("unmodelled", "leaves out"),
    ],
)
def test_each_difference_has_words(key: str, words: str) -> None:
    assert words in difference(mismatch(key))


@pytest.mark.parametrize(
    ("name", "identifier", "words"),
    [
        ("popf", "popf", "in virtual supervisor: changes the virtual machine's IE without a trap"),
        ("read_mode", "rdm", "in virtual supervisor: the result in A shows the real machine's state"),
        ("user_only", "usr", "in virtual supervisor: the virtual machine would have trapped, the real one goes on"),
        ("shrink", "lim", "changes the virtual machine's R.b"),
        ("conditional", "uio", "closed by TRAPIO = 1"),
        ("mask_mirror", "mask", "closed by MASK = mirror"),
        ("timer_read", "rdt", "time"),
        ("unpredictable", "odd", "may do anything on the real machine"),
        ("halt", "halt", "stops the real processor"),
    ],
)
def test_the_reason_of_a_row_names_what_is_seen(name: str, identifier: str, words: str, checked: Checked) -> None:
    assert words in row(checked(name), identifier).reason


def test_a_mode_is_called_by_the_name_that_the_specification_has_for_it() -> None:
    """User mode of the deployment is S and U: a hole of S alone is not one of `user`."""
    found = load(SMALL / "field" / "tvm.yaml", shipped=shipped)
    deployment = next(d for d in found.deployments if d.name == "vmm_in_m")
    fence = found.instruction("sfence.vma")
    solver = solver_for(Options(cache=False, second=False))
    judged = judge(
        Setting(found, deployment, frozenset(found.code.exits)), InstructionRow(fence, fence.rows[0]), solver, False
    )
    solver.close()
    said = reason("hole", judged, None, NOTHING, partial(named_mode, found))
    assert said == "in virtual S: changes the virtual machine's TLB without a trap"
    assert reason("hole", judged, None, NOTHING).startswith("in virtual user: ")


def test_the_reason_of_what_is_open_is_the_trouble(judgement: Judgement) -> None:
    open_, closed = replace(judgement, trouble="x: too hard"), replace(judgement, trouble="")
    assert reason("unknown", open_, None, NOTHING) == reason("unknown", closed, open_, NOTHING) == "x: too hard"
    assert reason("privileged", closed, None, NOTHING) == ""
