"""Claims about monitors whose truth is known, asked like any other: a family that misjudges one proves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pgcheck.checker.laws.canaries import made_up
from pgcheck.checker.monitor.guest import Row
from pgcheck.checker.monitor.isolation import ISO2, ISO3, stray
from pgcheck.checker.monitor.obligations import (
    FAMILIES_OF_A_STEP,
    cases,
    isolated,
    modes,
    of_step,
    operations,
    switched,
)
from pgcheck.checker.monitor.replay import replay_counterexample
from pgcheck.checker.monitor.result import Canary
from pgcheck.checker.monitor.rows import made_up_row, usable
from pgcheck.checker.monitor.shadow import SH1, kinds_of_entry, untold, violated
from pgcheck.checker.monitor.step import EQ1, RC1, Promise, step
from pgcheck.checker.monitor.values import TooManyPaths
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.solving.feasible import Feasible
from pgcheck.vmm.world import World

MAX_CANARY_LEAVES = 8


def canaries(promise: Promise, evidence: Evidence) -> Iterator[Canary]:
    """What any sound proof refutes, and proves: an instruction that does nothing, one that shows or changes the monitor's state, and
    a world switch that forgets where the guest was."""
    nothing = made_up_row(promise, "nothing", ())
    for family in FAMILIES_OF_A_STEP:
        refuted = _refuted(promise, nothing, family, evidence)
        reason = {True: "refuted", False: "", None: "undecided"}[refuted]
        yield Canary(family, "nothing", refuted is False, reason)
    found = _sensitive(promise, evidence)
    for family in FAMILIES_OF_A_STEP:
        yield Canary(family, "touches the monitor's state", family in found, "" if family in found else "not refuted")
    division = promise.division
    forgets = replace(division, shared=tuple(n for n in division.shared if n != promise.machine.state.pc))
    for family in (EQ1, RC1):
        refuted = _refuted(promise, nothing, family, evidence, forgets) is True
        yield Canary(family, "a world switch that forgets PC", refuted, "" if refuted else "not refuted")

    def again() -> Evidence:
        return Evidence(evidence.solver, evidence.second)

    told = any(o.verdict == "refuted" for o in list(switched(promise, again, forgets)))
    yield Canary(ISO3, "a world switch that forgets PC", told, "" if told else "not refuted")
    if operations(promise):
        kind = kinds_of_entry(promise)[0]
        told = violated(promise, untold, kind, Feasible(evidence, "canary"))[1] is not None
        yield Canary(SH1, "a store that tells nobody", told, "" if told else "not refuted")
    strays = made_up_row(promise, "a store of its own", stray(promise.machine))
    known = (("nothing", nothing, "proved"), ("a store of its own", strays, "refuted"))
    for name, row, right in known:
        found_ = {isolated(promise, case, again()).verdict for case in cases(promise, row, row.subject.id)}
        fired = right in found_ and found_ <= {right, "proved"}
        yield Canary(ISO2, name, fired, "" if fired else f"not {right}")


def _sensitive(promise: Promise, evidence: Evidence) -> set[str]:
    """The families that refute a made-up instruction which shows or changes a control leaf of the monitor's."""
    machine, found = promise.machine, set[str]()
    general = [leaf for leaf in machine.state.general if usable(leaf, machine)]
    own = [machine.state.leaves[n] for n in promise.division.own if usable(machine.state.leaves[n], machine)]
    own = [leaf for leaf in own if leaf.name not in promise.sets][:MAX_CANARY_LEAVES]
    for leaf in own:
        for canary in made_up(leaf, 0, general[0])[1:]:
            row = made_up_row(promise, canary.name, canary.body)
            found |= {f for f in FAMILIES_OF_A_STEP if f not in found and _refuted(promise, row, f, evidence) is True}
        if len(found) == len(FAMILIES_OF_A_STEP):
            break
    return found


def _refuted(promise: Promise, row: Row, family: str, evidence: Evidence, division: World | None = None) -> bool | None:
    """Whether a family refutes a row in some mode, with a replay; None when it cannot be said."""
    try:
        for mode_class, mode in modes(promise):
            asked = step(promise, row, mode_class, mode, division=division)
            model, _ = of_step(asked, family, f"{row.subject.id}@{mode}", evidence).model(evidence)
            if model is not None and replay_counterexample(promise, asked, family, model).differs:
                return True
    except (Undecided, TooManyPaths):
        return None
    return False
