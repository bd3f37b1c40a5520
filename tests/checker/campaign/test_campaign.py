"""Campaigns: a right monitor passes, and the smallest wrong one is found, by every property."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from pgcheck.checker.campaign import finding, strategies
from pgcheck.checker.campaign.cases.case import TAPE, Author, Case
from pgcheck.checker.campaign.cases.inventory import touched
from pgcheck.checker.campaign.cases.tape import Tape, counted
from pgcheck.checker.campaign.cases.vectors import InMemory
from pgcheck.checker.campaign.manuals.manual import manuals_of
from pgcheck.checker.campaign.pairs.coverage import Coverage, dump, load
from pgcheck.checker.campaign.pairs.outcome import Ground, Outcome
from pgcheck.checker.campaign.runner import SHARD, Campaign, Done, Found, Plan
from pgcheck.checker.campaign.store import Store
from pgcheck.checker.campaign.table import PROPERTIES
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.verdicts.policy import policy
from pgcheck.models.reference.cycle import holds
from pgcheck.models.state import Cells
from pgcheck.vmm import monitor, world
from pgcheck.vmm.kind import kinds
from pgcheck.vmm.schemes.bounds import Bounds, Extent
from pgcheck.vmm.statistics import Statistics
from pgcheck.vmm.vmm import Vmm
from tests.checker.results import Checked
from tests.specifications import machine_of

pytestmark = pytest.mark.slow

Authors = Callable[[str], Author]


@pytest.fixture(scope="module")
def authors(checked: Checked, evidence: Evidence) -> Authors:
    """The decoder of a specification, under the policy that its check promises or that is forced."""
    known: dict[str, Author] = {}

    def get(name: str) -> Author:
        if name not in known:
            machine = machine_of(name)
            known[name] = Author(machine, policy(machine, checked(name).main, evidence, force=True))
        return known[name]

    return get


def run(author: Author, name: str, cases: int, seed: str = "t") -> list[Outcome]:
    """The outcomes of the first cases of a property."""
    chosen, ground = PROPERTIES[name], Ground(author)
    return [chosen.run(ground, chosen.drawn(author, counted(seed, k, TAPE)), None) for k in range(cases)]


def failures(author: Author, name: str, cases: int = 60) -> set[str]:
    return {o.failure.identity for o in run(author, name, cases) if o.failure is not None}


def sound(outcomes: Sequence[Outcome]) -> bool:
    """Whether no case fails, though most were looked at for several steps."""
    looked_at = [o for o in outcomes if not o.excluded and o.steps > 1]
    return all(o.failure is None for o in outcomes) and 2 * len(looked_at) > len(outcomes)


# ---- cases


@pytest.mark.parametrize("name", ["pg74", "m68010"])
def test_every_case_starts_legal_and_as_the_deployments_guest(authors: Authors, name: str) -> None:
    author = authors(name)
    machine = author.machine
    for k in range(60):
        case = author.case(Tape(counted("legal", k, TAPE)))
        assert all(holds(machine, term, case.state) for term in (*machine.legal, author.deployment.guest))
        where = author.layout
        assert all(where.base <= a and a + n <= where.base + where.size for a, n, _ in case.stores)
        for leaf_name, leaf in machine.state.leaves.items():
            held = case.state[leaf_name]
            values = [held] if isinstance(held, int) else held.values(author.machine.state.arrays[leaf_name].size)
            assert (leaf_name in machine.state.arrays) != isinstance(held, int)
            assert all(0 <= v < 1 << leaf.element_width for v in values)


def test_every_encoding_of_a_pool_decodes_to_its_instruction(authors: Authors) -> None:
    for name in ("pg74", "m68010"):
        author = authors(name)
        for instruction in author.machine.instructions:
            pool = author.inventory.pool(instruction)
            assert len(pool) == len(set(pool)) > 0
            for units in pool:
                found = author.machine.decoding.decoder.decode(lambda k, units=units: units[k])  # type: ignore[misc]
                assert found is not None and (found.id, found.units) == (instruction.id, units)


def test_groups_are_told_apart_by_what_instructions_touch(authors: Authors) -> None:
    groups = {name: {i.id for i in group} for name, group in authors("pg74").inventory.groups.items()}
    assert groups["control"] == {"svc", "lpsw", "lrr", "srr", "lra", "sio", "tio", "stm", "rtm", "halt"}
    assert {"load", "store", "tlu", "copy"} == groups["memory"] and {"jump", "jz", "jsub"} < groups["jump"]
    machine = machine_of("pg74")
    store = touched(machine, machine.instruction("store").body)
    assert store.stores and not store.jumps and "A" in store.read and not store.written
    add = touched(machine, machine.instruction("add").body)
    assert add.written == {"A", "C"} and not add.stores and not add.loads


def test_trap_targets_and_returns_are_found_without_being_named(authors: Authors) -> None:
    """A trap of pg74 loads the word at 1, with P in bits 30-21; LPSW 0 takes back what it stored at 0."""
    found = authors("pg74").vectors
    (source,) = found.sources
    assert source.place == InMemory(1, 1)
    assert source.steps == {21 + k: 1 << k for k in range(10)}
    assert source.aimed(0x155, {"M": 0, "R.l": 0, "R.b": 1024}) == 0x155 << 21 | 1024
    assert found.returns == ((0x40000000,),)


def test_the_m68010_keeps_vectors_in_memory_and_returns_by_rte(authors: Authors) -> None:
    found = authors("m68010").vectors
    cells = {s.place.address for s in found.sources if isinstance(s.place, InMemory)}
    assert {4 * 8, 4 * 8 + 2} <= cells and found.returns == ((0x4E73,),)


def test_the_same_tape_is_the_same_case(authors: Authors) -> None:
    author = authors("pg74")
    again = Author(author.machine, author.policy)
    for k in range(20):
        tape = counted("same", k, TAPE)
        assert author.cases(tape, 2) == again.cases(tape, 2)


# ---- a right monitor

RIGHT = ["EQ2", "EQ3", "RC1", "RC2", "EF1", "ISO1", "ISO2", "ISO3", "SH1", "SH2", "IR1", "DV1", "NE1"]


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_monitor_passes(authors: Authors, name: str) -> None:
    assert sound(run(authors("pg74"), name, 40))


def test_right_devices_pass(authors: Authors) -> None:
    held = manuals_of(authors("pg74").machine)
    assert held and {(o.failure, o.taken) for o in run(authors("pg74"), "DV2", 40)} == {(None, len(held))}


@pytest.mark.parametrize("name", ["EQ2", "EQ3", "EF1", "ISO2"])
def test_a_right_monitor_of_a_bigger_machine_passes(authors: Authors, name: str) -> None:
    assert sound(run(authors("m68010"), name, 25))


def test_a_campaign_exercises_every_instruction_in_both_modes(authors: Authors) -> None:
    author = authors("pg74")
    seen = Coverage(author.machine)
    for outcome in run(author, "EQ2", 150):
        seen.add(outcome.log, author.deployment.modes)
    assert seen.unseen() == () and len(seen.seen("supervisor")) == 30 and len(seen.seen("user")) > 20
    kinds = {row[0] for row in seen.table()}
    assert {"completed", "memory", "privileged", "intent", "other", "halt"} <= kinds
    assert load(dump(seen.cells)) == dict(seen.cells)


# ---- wrong machines: what the checker calls a hole, the campaign finds by itself


@pytest.mark.parametrize(
    ("name", "instruction", "field"),
    [("popf", "popf", "IE"), ("read_mode", "rdm", "A"), ("jrst1", "jrst1", "M")],
)
def test_a_forced_monitor_is_found_out(authors: Authors, name: str, instruction: str, field: str) -> None:
    identities = {o.failure.identity for o in run(authors(name), "EQ2", 250) if o.failure is not None}
    assert any(instruction in i.split()[1] for i in identities), identities


def test_a_processor_that_a_guest_stops_is_not_the_monitors(authors: Authors) -> None:
    assert {i.split()[-1] for i in failures(authors("halt"), "RC1")} == {"processor"}
    assert failures(authors("halt"), "EQ2") == set()


# ---- wrong monitors


@pytest.fixture
def spoiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    yield monkeypatch


def test_a_monitor_that_loses_a_register_is_found(authors: Authors, spoiled: pytest.MonkeyPatch) -> None:
    right = world.save_guest

    def wrong(division, real):  # type: ignore[no-untyped-def]
        return {n: v for n, v in right(division, real).items() if n != "C"}

    spoiled.setattr(monitor, "save_guest", wrong)
    assert {i.split()[-1] for i in failures(authors("pg74"), "EQ2")} >= {"C"}


def test_a_monitor_that_reflects_another_cause_is_found(authors: Authors, spoiled: pytest.MonkeyPatch) -> None:
    right = monitor.TrapAndEmulate.run

    def wrong(self, *arguments):  # type: ignore[no-untyped-def]
        stop = right(self, *arguments)
        if stop.exit is not None and stop.exit.args == (2,):
            return replace(stop, exit=replace(stop.exit, args=(1,)))
        return stop

    spoiled.setattr(monitor.TrapAndEmulate, "run", wrong)
    assert any(i.startswith("EQ3 svc trap trap") for i in failures(authors("pg74"), "EQ3"))


def test_a_monitor_that_interprets_too_much_is_found(authors: Authors, spoiled: pytest.MonkeyPatch) -> None:
    right = Statistics.note

    def wrong(self, fetched, reason):  # type: ignore[no-untyped-def]
        right(self, fetched, reason)
        if reason == "reflected":
            self.interventions["add", "emulated"] += 1

    spoiled.setattr(Statistics, "note", wrong)
    assert failures(authors("pg74"), "EF1") == {"EF1 add - emulated"}


def test_a_monitor_that_takes_more_than_its_turn_is_found(authors: Authors, spoiled: pytest.MonkeyPatch) -> None:
    right = monitor.TrapAndEmulate.run

    def wrong(self, state, surroundings, budget, intercept):  # type: ignore[no-untyped-def]
        return right(self, state, surroundings, budget + 1, intercept)

    spoiled.setattr(monitor.TrapAndEmulate, "run", wrong)
    assert {i.split()[-1] for i in failures(authors("pg74"), "RC1")} == {"quantum"}


def test_a_monitor_that_goes_round_without_end_is_found(authors: Authors, spoiled: pytest.MonkeyPatch) -> None:
    left = [0]

    def wrong(self, exit_, state, surroundings):  # type: ignore[no-untyped-def]
        left[0] += 1
        return left[0] % 500 != 0

    spoiled.setattr(monitor.TrapAndEmulate, "missed", wrong)
    spoiled.setattr(monitor, "MAX_STUTTERS", 1 << 30)
    assert {i.split()[-1] for i in failures(authors("pg74"), "RC2", 10)} == {"stutters"}


def test_a_guest_that_reaches_beyond_its_frames_is_found(authors: Authors, spoiled: pytest.MonkeyPatch) -> None:
    right = Bounds.extent

    def wrong(self, *arguments):  # type: ignore[no-untyped-def]
        found = right(self, *arguments)
        return None if found is None else Extent(found.base, found.limit + 256, found.size + 256)

    spoiled.setattr(Bounds, "extent", wrong)
    author = authors("pg74")
    assert {i.split()[0] for i in failures(author, "ISO2")} == {"ISO2"}
    assert {i.split()[0] for i in failures(author, "ISO1", 150)} == {"ISO1"}
    assert {i.split()[0] for i in failures(author, "SH1")} == {"SH1"}


def test_memory_that_is_handed_out_as_it_was_left_is_found(authors: Authors, spoiled: pytest.MonkeyPatch) -> None:
    spoiled.setattr(Vmm, "zero", lambda self, frame: None)
    assert failures(authors("pg74"), "ISO3", 10) == {"ISO3 - - memory"}


def test_register_banks_that_are_left_behind_are_found(authors: Authors, spoiled: pytest.MonkeyPatch) -> None:
    """The guest goes on with whole arrays of another: no element of them was ever set, and each shows the pattern."""
    right = world.load_guest

    def wrong(division, virtual, own):  # type: ignore[no-untyped-def]
        return {n: v for n, v in right(division, virtual, own).items() if not isinstance(v, Cells)}

    spoiled.setattr(monitor, "load_guest", wrong)
    outcomes = run(authors("pg74"), "ISO3", 40)
    assert all(o.failure is not None and o.failure.field == "A" for o in outcomes)


def test_an_interrupt_that_is_lost_is_found(authors: Authors, spoiled: pytest.MonkeyPatch) -> None:
    """The monitor that does not look, and the lines of the machine's platform."""
    author = authors("m68010")
    assert failures(author, "IR1", 60) == set()
    right = monitor.TrapAndEmulate.run

    def wrong(self, state, surroundings, budget, intercept):  # type: ignore[no-untyped-def]
        self.binding = replace(self.binding, pending=lambda *arguments: False)
        return right(self, state, surroundings, budget, intercept)

    spoiled.setattr(monitor.TrapAndEmulate, "run", wrong)
    assert {i.split()[0] for i in failures(author, "IR1", 60)} == {"IR1"}


# ---- findings


def first_failure(author: Author, name: str) -> tuple[Case, Outcome, bytes]:
    chosen, ground = PROPERTIES[name], Ground(author)
    for k in range(400):
        tape = counted("f", k, TAPE)
        cases = author.cases(tape, chosen.cases)
        outcome = chosen.run(ground, cases, 1)
        if outcome.failure is not None:
            return cases[0], outcome, tape
    raise AssertionError("no failure")


def test_a_finding_is_a_file_that_runs_again_and_not_under_another_specification(authors: Authors) -> None:
    author = authors("popf")
    case, outcome, tape = first_failure(author, "EQ2")
    assert outcome.failure is not None
    text = finding.finding_text(
        author.machine, author.policy, finding.Finding(outcome.failure, [case], tape, "f", 0), "1"
    )
    document = finding.read(text)
    again = finding.again(author.machine, document).failure
    assert again == outcome.failure
    with pytest.raises(finding.BadFinding, match="no state 'M'"):
        finding.again(machine_of("m68010"), {**document, "specification": "m68010"})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.pop("kind"), "this is no finding"),
        (lambda d: d.update(finding_version="9"), "unknown finding_version"),
        (lambda d: d.update(property="EQ9"), "unknown property 'EQ9'"),
        (lambda d: d.update(cases=[]), "0 cases"),
        (lambda d: d.pop("policy"), "'policy' is missing"),
        (lambda d: d["cases"][0]["state"].update(NOPE="0x1"), "no state NOPE"),
        (lambda d: d["cases"][0]["state"].update(M="0x2"), "does not fit 1 bits"),
        (lambda d: d["cases"][0].update(steps=10**12), "steps and stride"),
        (lambda d: d["cases"][0]["stores"].append(["0x0", 10**9, "0x0"]), "a store of"),
        (lambda d: d["policy"].update(deployment="nowhere"), "no deployment"),
    ],
)
def test_a_file_that_is_no_finding_is_refused_in_a_sentence(
    authors: Authors, change: Callable[[dict[str, object]], object], said: str
) -> None:
    author = authors("popf")
    case, outcome, tape = first_failure(author, "EQ2")
    assert outcome.failure is not None
    document = json.loads(
        finding.finding_text(author.machine, author.policy, finding.Finding(outcome.failure, [case], tape, "f", 0), "1")
    )
    change(document)
    with pytest.raises(finding.BadFinding, match=said):
        finding.again(author.machine, finding.read(json.dumps(document)))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, '{"kind": "finding"}'])
def test_text_that_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(finding.BadFinding):
        finding.read(text)


# ---- campaigns


def campaign(author: Author, folder: Path, cases: int, *, seed: str = "c", resume: bool = False) -> Campaign:
    plan = Plan((PROPERTIES["EQ2"], PROPERTIES["EQ3"]), seed, cases)
    return Campaign(author, author.policy, plan, Store(folder / "c.sqlite"), "1", resume)


def test_a_finding_is_stored_before_it_is_told(authors: Authors, tmp_path: Path) -> None:
    running = campaign(authors("popf"), tmp_path, 3 * SHARD)
    told = 0
    for event in running.run():
        if isinstance(event, Found):
            told += 1
            assert event.failure.identity in Store(tmp_path / "c.sqlite").findings(running.key)
    assert told == len(running.findings) > 0


def test_findings_are_told_once_however_often_they_happen(authors: Authors, tmp_path: Path) -> None:
    events = list(campaign(authors("popf"), tmp_path, 4 * SHARD).run())
    identities = [e.failure.identity for e in events if isinstance(e, Found)]
    assert len(identities) == len(set(identities)) > 0


def test_a_campaign_that_goes_on_leaves_out_what_is_done(authors: Authors, tmp_path: Path) -> None:
    author = authors("popf")
    whole = campaign(author, tmp_path / "..", 4 * SHARD, seed="whole")
    everything = [e for e in whole.run() if isinstance(e, Done)]
    list(campaign(author, tmp_path, 2 * SHARD, seed="whole").run())
    second = campaign(author, tmp_path, 4 * SHARD, seed="whole", resume=True)
    rest = [e for e in second.run() if isinstance(e, Done)]
    assert [e.skipped for e in rest] == [True] * 4 + [False] * 4
    assert [e.shard for e in rest] == [e.shard for e in everything]
    assert second.coverage.cells == whole.coverage.cells and second.findings == whole.findings


def test_without_resume_everything_is_done_again(authors: Authors, tmp_path: Path) -> None:
    author = authors("pg74")
    for _ in range(2):
        done = [e for e in campaign(author, tmp_path, SHARD).run() if isinstance(e, Done)]
        assert [e.skipped for e in done] == [False, False]


def test_another_seed_or_policy_is_another_campaign(authors: Authors, tmp_path: Path) -> None:
    author = authors("pg74")
    other = Author(author.machine, replace(author.policy, kind=kinds()["hybrid"]))
    keys = {campaign(a, tmp_path, 1, seed=s).key for a in (author, other) for s in "xy"}
    assert len(keys) == 4


def test_time_ends_a_campaign_between_cases(authors: Authors, tmp_path: Path) -> None:
    plan = Plan((PROPERTIES["EQ2"],), "c", None, 5.0)
    now = iter(range(1000))
    author = authors("pg74")
    running = Campaign(author, author.policy, plan, Store(tmp_path / "c.sqlite"), "1", clock=lambda: float(next(now)))
    assert len(list(running.run())) == 5


# ---- strategies


def test_strategies_draw_what_they_promise(authors: Authors) -> None:
    author = authors("pg74")

    @settings(
        max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example]
    )
    @given(
        strategies.guests(author),
        strategies.programs(author, length=5),
        strategies.trap_handlers(author),
        strategies.page_tables(author),
        strategies.devices(author),
        strategies.schedules(),
    )
    def check(
        case: Case, program: object, handler: object, tables: object, devices: object, turns: tuple[int, ...]
    ) -> None:
        assert 8 <= case.steps <= 104 and tables == () and len(turns) == 4 and min(turns) > 0
        for units in (*program, *handler):  # type: ignore[misc]
            assert author.machine.decoding.decoder.decode(lambda k, units=units: units[k]) is not None  # type: ignore[misc]
        assert len(program) == 5  # type: ignore[arg-type]

    check()


def test_a_users_own_test_finds_the_hole(authors: Authors) -> None:
    author = authors("popf")
    ground = Ground(author)

    @settings(
        max_examples=400,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
    )
    @given(strategies.guests(author))
    def guests_are_equivalent(case: Case) -> None:
        assert PROPERTIES["EQ2"].run(ground, (case,), 1).failure is None

    with pytest.raises(AssertionError):
        guests_are_equivalent()
