"""The engine that runs machine code made of the specification; where there can be none, generated Python does the same."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Protocol

from pgcheck.isa.machine.machine import Machine
from pgcheck.models.engine import VmExit
from pgcheck.models.generated.compiled import Compiled
from pgcheck.models.memory import Bus, Ram
from pgcheck.models.native.linking import Unavailable
from pgcheck.models.native.lowering.layout import LINE, MOST_RAM
from pgcheck.models.native.lowering.plan import Unsupported
from pgcheck.models.native.running import Decoded, Monitored, Running
from pgcheck.models.native.runtime import Runtime, Sampler, interpreter
from pgcheck.models.state import State, Surroundings


class Way(Protocol):
    """How a monitor has a guest run."""

    def on(self, runtime: Runtime) -> Monitored | None:
        """What runs it on this native code; None where the processor alone does."""
        ...


class Native:
    """An engine with the results of the plain interpreter, step by step.

    `warning` says why generated Python runs instead, once it does; `outside` of its `steps` were taken by the plain evaluator. `level` is how hard the back
    end tries. The first `early` steps are generated Python's: native code takes seconds to make. `regions`
    makes what has hot code compiled.
    """

    def __init__(
        self, machine: Machine, level: int = 1, early: int = 0, regions: Callable[[Runtime], Sampler] | None = None
    ) -> None:
        self.machine, self.level, self.early, self._regions = machine, level, early, regions
        self.warning = ""
        self.steps = self.outside = 0
        self.runtime: Runtime | None = None
        self._other = Compiled(machine)
        self._decoded: Decoded = {}
        self._running: Running | None = None

    def run(
        self,
        state: State,
        surroundings: Surroundings,
        budget: int,
        intercept: Set[str],
        way: Way | None = None,
    ) -> VmExit:
        """As every engine; a guest of a monitor's may be run on a `way` of its own."""
        if self.early > 0:
            stop = self._other.run(state, surroundings, min(budget, self.early), intercept)
            self.early -= max(stop.steps, 1)
            return stop
        bus = surroundings.memory
        runtime = None
        if type(bus) is Bus and type(bus.ram) is Ram and not self.warning:
            cuts = frozenset[str]() if surroundings.oracle is None else self._cuts(surroundings)
            runtime = self._at(bus, bus.ram, surroundings.ports.keys(), cuts)
        if runtime is None:
            return self._other.run(state, surroundings, budget, intercept)
        runtime.host.begin(state, surroundings)
        running, self._running = self._running, None
        if (
            running is None
            or running.runtime is not runtime
            or running.state is not state
            or running.surroundings is not surroundings
        ):
            running = Running(runtime, state, surroundings, self._decoded)
        running.check |= runtime.mirror.enter(state)
        running.monitored = None if way is None else way.on(runtime)
        try:
            stop = running.until(budget, intercept)
        finally:
            runtime.mirror.leave(state)
            self.outside += running.outside
            running.outside = 0
        self._running = running
        self.steps += stop.steps
        return stop

    def _cuts(self, surroundings: Surroundings) -> frozenset[str]:
        """The functions that the oracle is asked for."""
        if surroundings.cuts is not None:
            return surroundings.cuts
        code, names = self.machine.code, [*self.machine.code.tables]
        if code.translation is not None:
            names += code.translation.function, *code.translation.probes
        return frozenset(names)

    def _at(self, bus: Bus, ram: Ram, ports: Set[str], cuts: frozenset[str]) -> Runtime | None:
        """Native code at work on a computer's RAM; None where there can be none."""
        known = self.runtime
        if (
            known is not None
            and known.bus is bus
            and known.ram is ram
            and known.plan.ports == ports
            and known.plan.cuts == cuts
        ):
            return known
        if known is not None:
            known.mirror.forget()
            self.runtime = None
        beyond = ram.base < 0 or ram.base + ram.size > 1 << self.machine.state.address_width
        if beyond or not 0 < ram.size <= 1 << MOST_RAM or ram.page_shift < LINE:
            return None
        try:
            self.runtime = Runtime(interpreter(self.machine, frozenset(ports), cuts, self.level), bus, ram)
            if self._regions is not None:
                self.runtime.regions = self._regions(self.runtime)
        except Unavailable as error:
            self.warning = str(error)
        except (Unsupported, RecursionError):
            self.warning = f"{self.machine.identity.name} has no native code; generated Python is used instead"
        return self.runtime
