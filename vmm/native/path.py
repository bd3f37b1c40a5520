"""A guest's way from trap to trap as native code, on a host whose engine is native: the monitor is asked where it has something to decide."""

from __future__ import annotations

from pgcheck.models.computer.computer import Computer
from pgcheck.models.engine import VmExit
from pgcheck.models.native.engine import Native
from pgcheck.models.native.host import ticks
from pgcheck.models.native.linking import Unavailable
from pgcheck.models.native.lowering.plan import Unsupported
from pgcheck.models.native.monitored.split import Split
from pgcheck.models.native.monitored.way import Guided
from pgcheck.models.native.runtime import Runtime
from pgcheck.models.state import State, Surroundings
from pgcheck.vmm.mmu import Mmu
from pgcheck.vmm.policy import Policy
from pgcheck.vmm.statistics import Statistics
from pgcheck.vmm.world import World


class Path:
    """Runs a guest as the dispatcher does, with the same results, counts and accounts: `handled` steps were taken on the virtual state in the last run.

    A routine is the handler of its instruction, on the virtual state; the world switch is an exchange of leaves. What reaches memory, devices or
    sites of choice, what cannot be delivered, and tables that are not known yet, are left to the dispatcher, as they came.
    """

    def __init__(self, division: World, policy: Policy, mmu: Mmu, statistics: Statistics) -> None:
        self.mmu, self.statistics, self.handled = mmu, statistics, 0
        own = tuple(division.own)
        self.split = Split(own, policy.intercept, policy.direct, mmu.keys, mmu.placed, mmu.held)
        self._runtime: Runtime | None = None
        self._guided: Guided | None = None
        self._begins: tuple[State, State, int | None, bool] | None = None

    def on(self, runtime: Runtime) -> Guided | None:
        """What runs the guest on this native code."""
        if runtime is not self._runtime:
            self._runtime = runtime
            try:
                self._guided = Guided(runtime, self.split)
            except (Unavailable, Unsupported, RecursionError):
                self._guided = None
        guided = self._guided
        if guided is not None and self._begins is not None:
            virtual, real, ahead, reflects = self._begins
            guided.begin(virtual, real, ahead, reflects)
            guided.rows(self.mmu.settled(), tuple([virtual[n] for n in self.split.keys]))  # type: ignore[misc]
        return guided

    def run(
        self, host: Computer, virtual: State, surroundings: Surroundings, real: State, steps: int, *, reflects: bool
    ) -> VmExit:
        """Run on the processor of a host; `real` is what it begins with, and what is to be found of the monitor's leaves. With `reflects` traps
        of the guest's may be delivered to it."""
        engine, machine = host.engine, host.machine
        assert isinstance(engine, Native)
        ahead = surroundings.clock - host.clock if ticks(machine, surroundings) else None
        self.handled, self._begins = 0, (virtual, real, ahead, reflects)
        try:
            return engine.run(host.state, host.surroundings, steps, self.split.intercept, self)
        finally:
            self._begins = None
            if self._guided is not None and self._guided.handled:
                self._account(self._guided, virtual, real)

    def _account(self, guided: Guided, virtual: State, real: State) -> None:
        self.handled = guided.handled
        guided.handled = 0
        guided.leave(virtual)
        real.update(guided.placed())
        told = guided.told()
        for fetched, times in told.emulated:
            self.statistics.noted(fetched, "emulated", times)
        for fetched, times in told.reflected:
            self.statistics.noted(fetched, "reflected", times)
        self.statistics.compiled += self.handled
        if told.chosen:
            self.mmu.went(told.chosen, told.moved)
