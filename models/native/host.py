"""What native code asks of Python: devices, volatile leaves, values of sites of choice, and stores that undo what was made of memory."""

from __future__ import annotations

import ctypes
from typing import Final

from pgcheck.isa.machine.machine import Machine
from pgcheck.models.computer.computer import Clock
from pgcheck.models.native.lowering.layout import LINE, Place
from pgcheck.models.native.lowering.plan import Plan, Request
from pgcheck.models.native.mirror import Mirror
from pgcheck.models.reference.step import Step
from pgcheck.models.state import Ended, Exit, State, Surroundings, zero

HELD: Final = (1 << 64) - 1
"""The number of an exit that the host holds."""
_CALL: Final = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_uint64)


def ticks(machine: Machine, surroundings: Surroundings) -> bool:
    """Whether what the platform calls the clock is the number of steps, and was not set to another."""
    ports = [surroundings.ports.get(name) for name in machine.platform.clock]
    return all(isinstance(port, Clock) and port.surroundings is surroundings and not port.ahead for port in ports)


class Host:
    """Serves requests of native code on the state that it was given."""

    def __init__(self, plan: Plan, mirror: Mirror) -> None:
        self.plan, self.mirror = plan, mirror
        self._leaves, self._sites, self._functions = tuple(plan.leaves), tuple(plan.sites), tuple(plan.functions)
        self._surroundings = Surroundings()
        self._step = Step(plan.machine, {}, {}, self._surroundings)
        self._raised: BaseException | None = None
        self._call = _CALL(self._served)
        address = ctypes.cast(self._call, ctypes.c_void_p).value
        assert address is not None
        self.address = address

    def begin(self, state: State, surroundings: Surroundings) -> None:
        """Serve a run on this state from now on."""
        self.mirror.set("zeros", surroundings.undefined is zero)
        self.mirror.set("ticks", ticks(self.plan.machine, surroundings))
        if self._step.state is not state or self._surroundings is not surroundings:
            self._surroundings = surroundings
            self._step = Step(self.plan.machine, state, {}, surroundings)

    def taken(self) -> Exit:
        """The exit in which a request ended; whatever else it raised is raised here."""
        raised, self._raised = self._raised, None
        if isinstance(raised, Ended):
            return raised.exit
        assert raised is not None
        raise raised

    def _now(self) -> int:
        return self.mirror.get("clock") - self.mirror.get("left") - self.mirror.get("handled")

    def _served(self, request: int, a: int, b: int) -> int:
        try:
            self._serve(request, a, b)
        except BaseException as error:  # it must not be lost between native code and Python
            self._raised = error
            self.mirror.set("exit", HELD)
            return 1
        return 0

    def _serve(self, request: int, a: int, b: int) -> None:
        mirror, step, value = self.mirror, self._step, self.plan.layout.value
        if mirror.get("fresh"):
            mirror.set("fresh", 0)
            step.instances.clear()
        if request == Request.UNDEFINED:
            mirror.put(value, step.undefined(self._sites[a], b))
            return
        if request == Request.GUARD:
            mirror.guard(a << LINE >> mirror.ram.page_shift)
            return
        if request == Request.CUT:
            self._asked(self._functions[a])
            return
        memory, state = self._surroundings.memory, step.state
        unit = self.plan.machine.state.memory_unit
        if request == Request.STORE and mirror.bus.is_ram(a, b):
            mirror.set("check", 1)
            mirror.ram.store(a, b, mirror.number(Place(value.at, unit * b)) & (1 << unit * b) - 1)
            return
        assert memory is not None
        given = mirror.number(value)
        self._surroundings.clock = self._now()
        mirror.leave(state)
        try:
            if request == Request.LOAD:
                mirror.put(value, memory.load(a, b))
            elif request == Request.STORE:
                memory.store(a, b, given & (1 << unit * b) - 1)
            elif request == Request.VOLATILE:
                mirror.put(value, step.volatile(self._leaves[a], b - 1 if b else None))
            else:
                self._set(self._leaves[a], b, given)
        finally:
            mirror.enter(state)
            mirror.set("check", 1)

    def _asked(self, name: str) -> None:
        """Ask the oracle in place of a function; it looks at the state and changes nothing."""
        mirror, layout, oracle = self.mirror, self.plan.layout, self._surroundings.oracle
        parameters = self.plan.machine.code.functions[name].parameters
        places = zip(layout.arguments, parameters, strict=False)
        args = tuple(mirror.number(Place(place.at, width)) for place, (_, width) in places)
        self._surroundings.clock = self._now()
        assert oracle is not None
        mirror.set("answered", 0)
        mirror.leave(self._step.state)
        try:
            found = self._step.answer(oracle, name, args)
        finally:
            mirror.enter(self._step.state)
        if found is not None:
            mirror.put(layout.value, found[0])
            mirror.set("answered", 1)

    def _set(self, name: str, index: int, given: int) -> None:
        leaf = self.plan.machine.state.leaves[name]
        new = given & (1 << leaf.element_width) - 1
        if index:
            self._step.set_element(name, index - 1, new)
        else:
            self._step.set_scalar(name, new)
        if name in self.plan.machine.platform.clock:
            self.mirror.set("ticks", ticks(self.plan.machine, self._surroundings))
