"""A guest's way from trap to trap as native code, on a host whose engine is native: the monitor is asked where it has something to decide."""

from __future__ import annotations

from dataclasses import dataclass

from pgcheck.models.computer.computer import Computer
from pgcheck.models.engine import VmExit
from pgcheck.models.native.engine import Native
from pgcheck.models.native.host import ticks
from pgcheck.models.native.linking import Unavailable
from pgcheck.models.native.lowering.plan import Unsupported
from pgcheck.models.native.monitored.split import Split
from pgcheck.models.native.monitored.way import Guided
from pgcheck.models.native.runtime import Runtime
from pgcheck.models.state import Exit, State, Surroundings, scalar
from pgcheck.vmm.mmu import Mmu
from pgcheck.vmm.policy import Policy
from pgcheck.vmm.statistics import Statistics
from pgcheck.vmm.world import World


@dataclass(slots=True)
class _Given:
    """What the guest runs with: its state and surroundings, the processor's leaves as the monitor has set them, and the processor's state."""

    virtual: State
    surroundings: Surroundings
    real: State
    host: State
    ahead: int | None
    reflects: bool


class Path:
    """Runs a guest as the dispatcher does, with the same results, counts and accounts: in the last run `handled` steps were taken on the
    virtual state, and the guest has `moved` since it was entered last.

    A routine is the handler of its instruction, on the virtual state; the world switch is an exchange of leaves. What reaches memory, devices or
    sites of choice, what cannot be delivered, and tables that are not known yet, are left to the dispatcher, as they came.
    """

    def __init__(self, division: World, policy: Policy, mmu: Mmu, statistics: Statistics) -> None:
        self.mmu, self.statistics, self.division = mmu, statistics, division
        self.handled = self._progress = 0
        self.moved = False
        own = tuple(division.own)
        self.split = Split(own, policy.intercept, policy.direct, mmu.keys, mmu.placed, mmu.held)
        self._runtime: Runtime | None = None
        self._guided: Guided | None = None
        self._given: _Given | None = None

    def on(self, runtime: Runtime) -> Guided | None:
        """What runs the guest on this native code."""
        if runtime is not self._runtime:
            self._runtime = runtime
            try:
                self._guided = Guided(runtime, self.split, self._mended)
            except (Unavailable, Unsupported, RecursionError):
                self._guided = None
        guided, given = self._guided, self._given
        if guided is not None and given is not None:
            guided.begin(given.virtual, given.real, given.ahead, given.reflects)
            guided.rows(self.mmu.settled(), tuple([scalar(given.virtual, n) for n in self.split.keys]))
        return guided

    def run(
        self, host: Computer, virtual: State, surroundings: Surroundings, real: State, steps: int, *, reflects: bool
    ) -> VmExit:
        """Run on the processor of a host; `real` is what it begins with, and what is to be found of the monitor's leaves. With `reflects` traps
        of the guest's may be delivered to it."""
        engine, machine = host.engine, host.machine
        assert isinstance(engine, Native)
        ahead = surroundings.clock - host.clock if ticks(machine, surroundings) else None
        self.handled = self._progress = 0
        self._given = _Given(virtual, surroundings, real, host.state, ahead, reflects)
        try:
            stop = engine.run(host.state, host.surroundings, steps, self.split.intercept, self)
        finally:
            self._given = None
            if self._guided is not None:
                self._account(self._guided, virtual, real)
        self.moved = stop.steps + self.handled > self._progress
        return stop

    def ready(self, virtual: State, real: State, ahead: int | None) -> Guided | None:
        """What runs the guest, told how it stands, if that is all there is to know."""
        guided = self._guided
        if guided is None or guided.always or not self.mmu.stands():
            return None
        key, known = tuple([scalar(virtual, n) for n in self.split.keys]), self.mmu.settled()
        if self.split.keys and key not in known:
            return None
        real.update(zip(self.split.placed, known.get(key, ()), strict=True))
        real.update({n: virtual[n] for n in self.split.held})
        self.handled = 0
        guided.begin(virtual, real, ahead, reflects=True)
        guided.rows(known, key)
        return guided

    def placed(self) -> State:
        """The monitor's leaves that hang on what the guest runs under, and those that it looks at."""
        return {} if self._guided is None else dict(self._guided.placed())

    def took(self, virtual: State, real: State, steps: int, own: int) -> None:
        """The guest has taken steps, some of them on its own state."""
        if self._guided is not None:
            self._account(self._guided, virtual, real)
        self.statistics.went(steps - own, virtual)

    def _mended(self, exit_: Exit, steps: int) -> bool | None:
        """The miss of a shadow table, where the guest has made a step since it was entered."""
        guided, given, access = self._guided, self._given, exit_.access
        if guided is None or given is None or access is None:
            return None
        self._account(guided, given.virtual, given.real)
        if steps + self.handled == self._progress or guided.always or not guided.kept():
            return None
        host = given.host
        given.virtual.update({n: host[n] for n in self.division.shared})
        if not self.mmu.miss(access, given.virtual, given.surroundings, host):
            return None
        self.statistics.misses += 1
        if not self.mmu.stands():
            return False
        self._progress = steps + self.handled
        return True

    def _account(self, guided: Guided, virtual: State, real: State) -> None:
        more, self.handled = guided.handled - self.handled, guided.handled
        if not more:
            return
        guided.leave(virtual)
        real.update(guided.placed())
        told = guided.told()
        for fetched, times in told.emulated:
            self.statistics.noted(fetched, "emulated", times)
        for fetched, times in told.reflected:
            self.statistics.noted(fetched, "reflected", times)
        self.statistics.compiled += more
        if told.chosen:
            self.mmu.went(told.chosen, told.moved)
