"""The proofs of the monitor: what is proved, and that a monitor with any one mistake is refuted with a step that shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import replace
from typing import Any

import pytest

from pgcheck.checker.monitor import obligations
from pgcheck.checker.monitor.proof import proofs, prove_monitor
from pgcheck.checker.monitor.result import DeploymentProof, Obligation
from pgcheck.checker.monitor.step import Promise
from pgcheck.checker.options import Limits, Options
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.solving.pool import Pool
from pgcheck.checker.solving.solver import Solver
from pgcheck.checker.verdicts.policy import policy
from pgcheck.checker.world.resumption import Lost
from pgcheck.isa.terms.ir import TRANSLATE
from pgcheck.models.engine import VmExit
from pgcheck.models.state import Exit, State, Surroundings
from pgcheck.vmm import monitor, world
from pgcheck.vmm.kind import kinds
from pgcheck.vmm.monitor import Frame, TrapAndEmulate
from tests.checker.results import Checked
from tests.specifications import machine_of

pytestmark = pytest.mark.slow

Prove = Callable[..., DeploymentProof]


@pytest.fixture
def prove(checked: Checked) -> Iterator[Prove]:
    with Pool(lambda: Solver(Limits(), None, True), 1) as pool:

        def run(
            name: str, *only: str, kind: str = "type1", force: bool = False, deployment: str = ""
        ) -> DeploymentProof:
            machine = machine_of(name)
            result = next(d for d in checked(name).deployments if deployment in ("", d.name))
            found = policy(machine, result, Evidence(pool.solver), kinds()[kind], force=force)
            own = next(d for d in machine.deployments if d.name == result.name)
            promise = Promise(Setting(machine, own, found.intercept - {TRANSLATE}), found)
            return proofs(promise, Options(only=only), pool)

        yield run


def refuted(found: DeploymentProof, family: str) -> list[Obligation]:
    """The refuted obligations of a family; each must have been seen in the real monitor."""
    some = [o for o in found.obligations if o.family == family and o.verdict == "refuted"]
    assert all(o.counterexample is not None and o.counterexample.differs for o in some)
    return some


def rows(found: list[Obligation]) -> set[str]:
    return {o.subject.partition("@")[0] for o in found}


def test_the_third_generation_machine_has_a_monitor_that_is_proved(prove: Prove) -> None:
    found = prove("pg74")
    assert found.verdict == "proved"
    assert {c.name for c in found.canaries if c.fired} >= {"nothing", "touches the monitor's state"}
    assert all(c.fired for c in found.canaries)
    subjects = {o.subject for o in found.obligations}
    assert {"lpsw@0", "lpsw@1", "(fetch)@0", "(undefined)@1"} <= subjects


@pytest.mark.parametrize(
    "row", [pytest.param("sret", marks=pytest.mark.campaign), "ld", "csrrw", "ecall", "sfence.vma"]
)
def test_rows_of_both_deployments_of_riscv64_are_proved(prove: Prove, row: str) -> None:
    for deployment in ("s_in_u", "vmm_in_m"):
        found = prove("riscv64", row, deployment=deployment)
        assert found.verdict == "proved", [(o.subject, o.reason) for o in found.obligations if o.verdict != "proved"]


def test_the_hybrid_monitor_of_the_pdp10_runs_jrst_and_interprets_the_supervisor(prove: Prove) -> None:
    found = prove("pdp10-ka10", "jrst", "push", kind="hybrid")
    assert found.verdict == "proved"


def test_a_type_1_monitor_of_the_pdp10_is_refuted_where_theorem_1_fails(prove: Prove) -> None:
    found = prove("pdp10-ka10", "jrst", "move", kind="type1", force=True)
    assert "jrst:1" in rows(refuted(found, "EQ1"))
    assert "move" not in rows(refuted(found, "EQ1"))


def test_an_instruction_that_goes_on_after_a_miss_is_proved(prove: Prove) -> None:
    """MOVEP has stored a byte when its next store misses: the guest's memory has changed, and the row ends all the same."""
    found = prove("m68010", "movep.w.store")
    assert {o.verdict for o in found.obligations if o.subject.startswith("movep")} == {"proved"}


def test_going_on_counts_for_nothing_where_it_is_not_proved(prove: Prove, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = Lost("access_error", 0, "MEM differs")
    monkeypatch.setattr(obligations, "lost_at_trap", lambda *given: lost)
    found = refuted(prove("m68010", "movep.w.store"), "EQ1")
    assert {o.reason for o in found} == {"stutter:MEM"} and len(found) == 2


@pytest.mark.parametrize("name", ["partial_own_fault", "partial_moves_within_bounds"])
def test_a_fault_of_the_guests_own_is_handed_on(prove: Prove, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Run again, the instruction would have changed twice what it changes before the fault."""
    assert prove(f"soundness/{name}").verdict == "proved"
    monkeypatch.setattr(TrapAndEmulate, "_handed_on", lambda *given: None)
    assert {o.subject for o in refuted(prove(f"soundness/{name}"), "EQ1")} >= {"move@0", "move@1"}


def test_a_fault_is_handed_on_with_the_guests_mode(prove: Prove, monkeypatch: pytest.MonkeyPatch) -> None:
    """The processor is in user mode whatever the guest believes to be in."""
    monkeypatch.setattr(TrapAndEmulate, "_virtually", lambda self, access, state: access)
    assert {o.subject for o in refuted(prove("m68010", "movep.w.store"), "EQ1")} == {"movep.w.store@1"}


def test_what_is_not_decided_of_going_on_is_unknown(prove: Prove, monkeypatch: pytest.MonkeyPatch) -> None:
    def undecided(*given: object) -> Lost:
        raise Undecided("movep.w.store:resumes@0", "resource limit reached")

    monkeypatch.setattr(obligations, "lost_at_trap", undecided)
    found = [o for o in prove("m68010", "movep.w.store").obligations if o.subject.startswith("movep")]
    assert len(found) == 8 and {o.verdict for o in found} == {"unknown"}


def test_a_miss_that_changes_what_the_row_goes_on_from(prove: Prove, monkeypatch: pytest.MonkeyPatch) -> None:
    right = TrapAndEmulate.missed

    def wrong(self: TrapAndEmulate, exit_: Exit, state: State, surroundings: Surroundings) -> bool:
        state["OSP"] = state["PC"]
        return right(self, exit_, state, surroundings)

    monkeypatch.setattr(TrapAndEmulate, "missed", wrong)
    assert rows(refuted(prove("m68010", "movep.w.store"), "EQ1")) == {"movep.w.store"}


@pytest.mark.campaign
@pytest.mark.parametrize("name", ["pg74", "m68010", "riscv64", "pdp10-ka10"])
def test_the_monitor_of_a_shipped_machine_is_proved(name: str) -> None:
    """All of it, and the code that it runs: every row, every deployment that has one."""
    found = prove_monitor(machine_of(name), Options(jobs=2))
    assert found.verdict == "proved"


@pytest.mark.campaign
def test_popf_refutes_a_forced_monitor_of_the_i386(prove: Prove) -> None:
    found = prove("i386", "popf", "add.r32_rm32", force=True)
    assert rows(refuted(found, "EQ1")) == {
        i for i in ("popf", "popf.32", "popfd") if i in rows(list(found.obligations))
    }


# ---- mistakes of the monitor


def test_a_capture_that_drops_a_leaf(prove: Prove, monkeypatch: pytest.MonkeyPatch) -> None:
    def captured(division: world.World, real: Mapping[str, Any]) -> dict[str, Any]:
        return {n: real[n] for n in division.shared if n != "C"}

    monkeypatch.setattr(monitor, "save_guest", captured)
    monkeypatch.setattr(world, "save_guest", captured)
    found = prove("pg74", "add", "move")
    assert rows(refuted(found, "EQ1")) == {"add"}


def test_a_resume_that_shares_a_control_leaf(prove: Prove, monkeypatch: pytest.MonkeyPatch) -> None:
    def resumed(division: world.World, virtual: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
        return {**own, **{n: virtual[n] for n in division.shared}, "M": virtual["M"]}

    monkeypatch.setattr(monitor, "load_guest", resumed)
    found = prove("pg74", "add", "lrr")
    assert rows(refuted(found, "RC1")) == {"add", "lrr"}
    assert {o.subject for o in refuted(found, "EQ1")} >= {"lrr@0"}


def test_a_resume_that_forgets_a_leaf(prove: Prove, monkeypatch: pytest.MonkeyPatch) -> None:
    def resumed(division: world.World, virtual: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
        return {**own, **{n: virtual[n] for n in division.shared if n != "C"}}

    monkeypatch.setattr(monitor, "load_guest", resumed)
    found = prove("pg74", "jc", "move")
    assert rows(refuted(found, "EQ1")) == {"jc", "move"}


def test_a_loss_of_control_that_nobody_notices(prove: Prove, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(division: world.World, real: Mapping[str, Any], expected: Mapping[str, Any]) -> tuple[str, ...]:
        return ()

    monkeypatch.setattr(monitor, "lost", lost)
    found = prove("pg74")
    assert {o.subject for o in refuted(found, "RC1")} >= {"(a change of the monitor's state, M)@0"}


Routine = Callable[..., VmExit]


def routine(
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Routine, TrapAndEmulate, Frame | None, State, Surroundings], VmExit],
) -> None:
    right = TrapAndEmulate.routine

    def wrong(self: TrapAndEmulate, frame: Frame | None, state: State, surroundings: Surroundings) -> VmExit:
        return change(lambda f: right(self, f, state, surroundings), self, frame, state, surroundings)

    monkeypatch.setattr(TrapAndEmulate, "routine", wrong)


def test_a_routine_that_decodes_from_other_bits(prove: Prove, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(
        right: Routine, dispatcher: TrapAndEmulate, frame: Frame | None, state: State, surroundings: Surroundings
    ) -> VmExit:
        fetched = frame.stop.fetched if frame is not None else None
        if frame is not None and fetched is not None and "r" in fetched.operands:
            other = replace(fetched, operands={**fetched.operands, "r": fetched.operands["r"] ^ 1})
            frame = replace(frame, stop=replace(frame.stop, fetched=other))
        return right(frame)

    routine(monkeypatch, change)
    found = prove("pg74", "lrr", "halt")
    assert {o.subject for o in refuted(found, "EQ1")} == {"lrr@0"}


def test_a_routine_that_does_not_advance_pc(prove: Prove, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(
        right: Routine, dispatcher: TrapAndEmulate, frame: Frame | None, state: State, surroundings: Surroundings
    ) -> VmExit:
        here = state["P"]
        stop = right(frame)
        if frame is not None and stop.exit is None:
            state["P"] = here
        return stop

    routine(monkeypatch, change)
    found = prove("pg74", "lrr", "add", "svc")
    assert {o.subject for o in refuted(found, "EQ1")} == {"lrr@0"}


def test_a_reflection_with_another_payload(prove: Prove, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(
        right: Routine, dispatcher: TrapAndEmulate, frame: Frame | None, state: State, surroundings: Surroundings
    ) -> VmExit:
        stop = right(frame)
        if stop.exit is not None and stop.exit.function == "trap":
            return replace(stop, exit=replace(stop.exit, args=(stop.exit.args[0] ^ 1,)))
        return stop

    routine(monkeypatch, change)
    found = prove("pg74", "svc", "add")
    assert rows(refuted(found, "EQ3")) == {"svc"}


def test_a_trap_that_is_reflected_without_its_instruction(prove: Prove, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(
        right: Routine, dispatcher: TrapAndEmulate, frame: Frame | None, state: State, surroundings: Surroundings
    ) -> VmExit:
        return replace(right(frame), fetched=None)

    routine(monkeypatch, change)
    assert rows(refuted(prove("pg74", "svc"), "EQ3")) == {"svc"}


def test_a_fault_of_the_guest_taken_for_a_miss(prove: Prove, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TrapAndEmulate, "missed", lambda *args: True)
    found = prove("pg74", "load", "add")
    assert rows(refuted(found, "EQ1")) == {"load"}


def test_a_dispatcher_that_runs_everything_directly(prove: Prove, monkeypatch: pytest.MonkeyPatch) -> None:
    from pgcheck.isa.terms import TRUE

    right = TrapAndEmulate.__init__

    def wrong(self: TrapAndEmulate, host: Any, division: Any, promised: Any, *rest: Any) -> None:
        right(self, host, division, replace(promised, direct=TRUE), *rest)

    monkeypatch.setattr(TrapAndEmulate, "__init__", wrong)
    found = prove("pdp10-ka10", "jrst", kind="hybrid")
    assert "jrst:1" in rows(refuted(found, "EQ1"))


def test_an_exit_that_the_dispatcher_swallows(prove: Prove, monkeypatch: pytest.MonkeyPatch) -> None:
    right = TrapAndEmulate.run

    def wrong(self: TrapAndEmulate, state: State, surroundings: Any, budget: int, intercept: Set[str]) -> VmExit:
        return right(self, state, surroundings, budget, frozenset(intercept) - {"trap"})

    monkeypatch.setattr(TrapAndEmulate, "run", wrong)
    assert rows(refuted(prove("pg74", "svc"), "EQ3")) == {"svc"}


def test_a_family_whose_canary_is_silent_proves_nothing(prove: Prove, monkeypatch: pytest.MonkeyPatch) -> None:
    from pgcheck.checker.monitor import step

    monkeypatch.setattr(step, "_ends", lambda *args: iter(()))
    found = prove("pg74", "add")
    answers = {o.family: o.verdict for o in found.obligations}
    assert answers["EQ1"] == "unknown" and answers["EQ3"] == "proved"


def test_what_the_real_monitor_does_not_show_is_an_error(prove: Prove, monkeypatch: pytest.MonkeyPatch) -> None:
    from pgcheck.checker.monitor import step
    from pgcheck.isa.terms import TRUE

    monkeypatch.setattr(step, "_ends", lambda *args: iter([("made up", TRUE)]))
    found = prove("pg74", "add")
    assert {o.verdict for o in found.obligations if o.family == "EQ1"} == {"error"}
