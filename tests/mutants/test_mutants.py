"""The mutation score: every bug of the corpus that can be put back is, each patch fits the code, and properties kill them."""

from __future__ import annotations

import pytest

from pgcheck.models.devices.timer import Timer
from tests.mutants import generated, properties, trial
from tests.mutants.killers import who
from tests.mutants.mutant import MECHANISMS, Mutant, Stale, bugs, function_of, identifiers, missing, mutant
from tests.mutants.planted import listed
from tests.mutants.properties import PROPERTIES, Property
from tests.mutants.subjects import SUBJECTS
from tests.mutants.trial import Kill, Survival

pytestmark = pytest.mark.slow

# Killed in every test run: those whose property is quick.
QUICK = (
    "B01",
    "B14",
    "B15",
    "B17",
    "B28",
    "B29",
    "B45",
    "B50",
    "B61",
    "B62",
    "B66",
    "B68",
    "B96",
    "C01",
    "C05",
    "C09",
    "C11",
)
# Refuted by the proofs as well, which look at one step.
REFUTED = [("B01", "EQ1 pg74"), ("B02", "EQ1 pg74"), ("B08", "EQ1 riscv64"), ("B22", "EQ1 pg74")]
# Properties of the code itself, which need no machine.
PLAIN = [n for n in PROPERTIES if n.startswith(("DV2", "CK2", "ISO2 guest")) and n.partition(" ")[2] not in SUBJECTS]
TIMER = "pgcheck.models.devices.timer:Timer.tick"


def test_every_bug_of_a_mechanism_that_is_built_is_a_mutant_or_says_what_is_missing() -> None:
    wanted = {name for name, bug in bugs().items() if bug["mechanism"] in MECHANISMS}
    assert set(identifiers()) | (missing().keys() - listed().keys()) == wanted
    assert not set(identifiers()) & missing().keys()
    assert all(len(reason) > 20 for reason in missing().values())


@pytest.mark.parametrize("name", identifiers())
def test_a_patch_fits_and_changes_its_function(name: str) -> None:
    one = mutant(name)
    ours, broken = one.original().__code__, one.code()
    assert (broken.co_code, broken.co_consts, broken.co_names) != (ours.co_code, ours.co_consts, ours.co_names)
    assert one.by and set(one.by) <= PROPERTIES.keys()
    assert not {who(killer) for killer in one.noticed} & {"suite"}
    assert len(one.how) > 60


@pytest.mark.parametrize("name", QUICK)
def test_quick_mutants_are_killed(name: str) -> None:
    one = mutant(name)
    assert isinstance(trial.trial(one.apply, one.by[:1], seeds=1), Kill)


@pytest.mark.campaign
@pytest.mark.parametrize("name", identifiers())
def test_every_mutant_is_killed(name: str) -> None:
    one = mutant(name)
    found = trial.trial(one.apply, one.by)
    assert isinstance(found, Kill), found


@pytest.mark.campaign
@pytest.mark.parametrize(("name", "by"), REFUTED)
def test_proofs_of_one_step_refute_mutants_of_the_dispatcher(name: str, by: str) -> None:
    found = trial.trial(mutant(name).apply, [by], seeds=1)
    assert isinstance(found, Kill), found


# ---- what counts


@pytest.mark.parametrize(
    ("target", "edits"),
    [
        ("pgcheck.models.devices.timer:Timer.nothing", ()),
        ("pgcheck.models.devices.timer:NEVER", ()),
        ("pgcheck.models.devices.disk:Queue.chains", ()),
        (TIMER, (("self.risen", "True"),)),
        (TIMER, (("self", "this"),)),
    ],
    ids=["no method", "no function", "imported", "no text", "several places"],
)
def test_a_patch_that_does_not_fit_is_stale(target: str, edits: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(Stale):
        Mutant(target, edits, (), "").code()


def test_a_mutant_breaks_its_own_process_only() -> None:
    before = Timer.tick.__code__
    late = Mutant(TIMER, (("now >= self.compare", "now > self.compare"),), (), "")
    assert isinstance(trial.trial(late.apply, ["DV2 timer"], seeds=1), Kill)
    assert Timer.tick.__code__ is before


def test_an_equivalent_mutant_survives() -> None:
    same = Mutant(TIMER, (("now >= self.compare", "not now < self.compare"),), (), "")
    found = trial.trial(same.apply, ["DV2 timer"], seeds=1, cases=40)
    assert isinstance(found, Survival) and "passes 40 cases" in found.why


def _property(monkeypatch: pytest.MonkeyPatch, case: properties.Case) -> list[str]:
    monkeypatch.setitem(PROPERTIES, "made up", Property("made up", case))
    return ["made up"]


def test_a_crash_of_the_harness_kills_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def crashes(data: bytes) -> str | None:
        raise ZeroDivisionError("in the harness")

    found = trial.trial(lambda: None, _property(monkeypatch, crashes), seeds=1)
    assert isinstance(found, Survival) and "ZeroDivisionError: in the harness" in found.why


def test_a_failure_of_the_code_as_shipped_kills_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = trial.trial(lambda: None, _property(monkeypatch, lambda data: "always"), seeds=1)
    assert isinstance(found, Survival) and "as shipped" in found.why


def test_a_failure_that_does_not_come_again_kills_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []

    def once(data: bytes) -> str | None:
        seen.append(data)
        return "once" if len(seen) == 2 else None

    found = trial.trial(lambda: None, _property(monkeypatch, once), seeds=1)
    assert isinstance(found, Survival) and "does not reproduce" in found.why


def test_a_case_without_end_kills_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(data: bytes) -> str | None:
        while True:
            pass

    found = trial.trial(lambda: None, _property(monkeypatch, endless), seeds=1, seconds=0.2)
    assert isinstance(found, Survival) and "no end after 0.2 s" in found.why


@pytest.mark.parametrize("name", PLAIN)
def test_properties_pass_on_the_code_as_shipped(name: str) -> None:
    one = PROPERTIES[name]
    assert "tape" not in trial.found(one.case, 99, one.length, 60)


# ---- mutants that nobody listed


def test_generated_mutants_of_a_function() -> None:
    found = [m for m in generated.every("pgcheck.models.devices.timer") if m.target == TIMER]
    assert {(m.operator, m.what) for m in found} == {
        ("drop", "self.raised = now >= self.compare"),
        ("drop", "self.wiring.signal(self.raised)"),
        ("drop", "self.wiring.expect(self.compare)"),
        ("negate", "not self.raised"),
        ("off by one", "now >= self.compare at the boundary"),
    }


@pytest.mark.parametrize("number", range(5))
def test_a_generated_mutant_is_applied(number: int) -> None:
    one = [m for m in generated.every("pgcheck.models.devices.timer") if m.target == TIMER][number]
    found = trial.trial(one.apply, ["DV2 timer"], seeds=1)
    assert isinstance(found, Kill), found


def test_a_sample_is_a_function_of_its_seed() -> None:
    modules = ["pgcheck.models.devices.console"]
    first = generated.sample(modules, 12, 5)
    assert first == generated.sample(modules, 12, 5) and first != generated.sample(modules, 12, 6)
    assert len(set(first)) == 12 and all(function_of(m.target) for m in first)
