"""One run of native code: its entries and returns, what a record is made from, exits and their delivery."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import replace
from typing import Final, Protocol

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import mask
from pgcheck.isa.terms.ir import BUILTIN_EXITS, EXECUTE
from pgcheck.models.engine import VmExit
from pgcheck.models.native.lowering.plan import Status
from pgcheck.models.native.records import Context, Full
from pgcheck.models.native.runtime import Runtime
from pgcheck.models.reference.cycle import arrive, execute, executed, firmware
from pgcheck.models.state import Ended, Exit, Fetched, State, Surroundings

SLICE: Final = 1 << 25
"""Steps after which Python looks whether it was interrupted."""
_ENDED: Final = int(Status.EXIT), int(Status.OUTSIDE)
_SOUGHT: Final = int(Status.MISSED), int(Status.UNFILLED)
_CHECK, _UNFILLED, _EXIT, _RESUMED = (int(s) for s in (Status.CHECK, Status.UNFILLED, Status.EXIT, Status.RESUMED))
MOST_DECODED: Final = 1 << 16

Decoded = dict[int, Fetched | None]


class Monitored(Protocol):
    """What runs a guest of a monitor's in place of the processor alone, and handles exits itself: `handled` steps of the guest's so far."""

    handled: int

    def enter(self, context: Context) -> bool:
        """Run native code until something is left to do for Python; whether the context is another now."""
        ...

    def trapped(self, slot: int, fetched: Fetched | None) -> None:
        """An instruction has trapped into the monitor, and was not handled."""
        ...

    def mended(self, exit_: Exit, steps: int) -> bool | None:
        """See to the monitor's own translation, which has ended in an exit after `steps` of the processor's: whether the guest goes on under the same.

        None where that is not seen to here.
        """
        ...


class Running:
    """Runs on a state that native memory holds; `outside` counts the steps that the plain evaluator took.

    `check` has what decides on the next instruction looked at first: where it may have changed since it was looked at last. `alone` has the next instruction run by itself, for what decides on the one after it may change; `behind` is the place of a record that
    was reached and is not filled, and `sought` says that an address was looked up in vain.
    """

    def __init__(self, runtime: Runtime, state: State, surroundings: Surroundings, decoded: Decoded) -> None:
        self.runtime, self.mirror, self.records = runtime, runtime.mirror, runtime.records
        self.machine, self.state, self.surroundings, self.decoded = runtime.machine, state, surroundings, decoded
        self.pc = runtime.plan.layout.scalars[self.machine.state.pc]
        self.clock = surroundings.clock
        self.end = self.outside = 0
        self.check, self.alone, self.interrupted, self.sought = True, False, False, False
        self.context: Context | None = None
        self.behind: int | None = None
        self.monitored: Monitored | None = None

    def until(self, budget: int, intercept: Set[str]) -> VmExit:
        """Run as an engine does."""
        start, self.interrupted, self.sought = self.surroundings.clock, False, False
        self.clock = start
        self.check = self.check or self.alone or self.mirror.outdated or bool(self.mirror.get("check"))
        self.end = self.surroundings.deadline = start + budget
        while self.clock < self.end:
            if self.check and not self._looked():
                break
            slot = self._slot()
            if isinstance(slot, Exit):
                exit_, fetched, fetching = slot, None, True
            else:
                status = self._entered(slot)
                if status == _RESUMED:
                    break
                if status not in _ENDED:
                    continue
                ended, fetched = self._ended(status)
                fetching = False
                if ended is None:
                    self.check = True
                    self.clock += 1
                    continue
                exit_ = ended
            if exit_.function in intercept or exit_.function in BUILTIN_EXITS:
                if self.monitored is not None and exit_.function in intercept:
                    goes_on = self._mended(self.monitored, exit_, start)
                    if goes_on:
                        continue
                    if goes_on is not None:
                        break
                    if not fetching:
                        self.monitored.trapped(self.records.slot(self.mirror.get("record")), fetched)
                return VmExit(self.clock - start, exit_, fetched, fetching)
            undeliverable = self._delivered(exit_)
            if undeliverable is not None:
                return VmExit(self.clock - start, undeliverable, fetched, fetching)
            self.check = True
            self.clock += 1
        self.surroundings.clock = self.clock
        return VmExit(self.clock - start, interrupted=self.interrupted)

    def _looked(self) -> bool:
        """Look at what decides on the next instruction; whether there is to be one."""
        self.surroundings.clock = self.clock
        self.end = self.surroundings.deadline
        if self.clock >= self.end:
            return False
        self.mirror.set("check", 0)
        if self.mirror.outdated:
            self.records.forget()
        self.interrupted = self._asked()
        if self.interrupted:
            return False
        self.alone = bool(self.mirror.get("check"))
        self.context, self.check, self.behind = self.runtime.context(), False, None
        return True

    def _asked(self) -> bool:
        """Whether the specification says that an interrupt is pending, or that the processor waits for one."""
        rule = self.machine.code.interrupt
        if rule is None:
            return False
        if self.runtime.call(rule.pending) == (1,):
            return True
        return bool(rule.waiting) and self.runtime.call(rule.waiting) == (1,)

    def _entered(self, slot: int) -> int:
        """Run native code from a record on; why it came back."""
        mirror, runtime = self.mirror, self.runtime
        regions = runtime.regions
        length = 1 if self.alone else min(self.end - self.clock, SLICE if regions is None else regions.due())
        self.surroundings.clock = before = self.clock
        mirror.set("clock", before + length)
        mirror.set("record", self.records.offset(slot))
        mirror.set("left", length)
        turned = False
        try:
            if self.monitored is None:
                runtime.enter(mirror.address)
            elif self.context is not None:
                turned = self.monitored.enter(self.context)
        finally:  # an interrupt from the keyboard is raised here too
            handled = 0 if self.monitored is None else self._handled(self.monitored)
            left = mirror.get("left")
            self.surroundings.clock = self.clock = before + length - min(left, length) - handled
        if left > length:
            raise RuntimeError(
                f"native code took more steps than the {length} that it was given, or counted them wrongly"
            )
        status = mirror.get("status")
        self.behind, self.sought = None, status in _SOUGHT
        if status == _UNFILLED:
            self.behind = self.records.slot(mirror.get("record"))
        if regions is not None and self.context is not None and regions.took(self.clock - before):
            regions.sampled(self.context, mirror.number(self.pc))
        self.check = turned or status == _CHECK or mirror.outdated or (self.alone and self.clock != before)
        return status

    def _mended(self, monitored: Monitored, exit_: Exit, start: int) -> bool | None:
        """Have the monitor see to its translation, on the state as it is."""
        if exit_.access is None:
            return None
        self.mirror.leave(self.state)
        try:
            found = monitored.mended(exit_, self.clock - start)
        finally:
            self.check |= self.mirror.enter(self.state) or self.mirror.outdated
        return found

    def _handled(self, monitored: Monitored) -> int:
        """The steps that were none of the processor's: it has so many less to take."""
        handled = self.mirror.get("handled")
        if handled:
            self.mirror.set("handled", 0)
            monitored.handled += handled
            self.end -= handled
            self.surroundings.deadline -= handled
        return handled

    # ---- records

    def _slot(self) -> int | Exit:
        """The place of the record at PC, made where there is none; the exit in which fetching it ended."""
        context, pc = self.context, self.mirror.number(self.pc)
        assert context is not None
        behind, self.behind = self.behind, None
        slot = context.slots.get(pc)
        if slot is not None:
            if self.sought:
                self.records.again(context, pc, slot, behind)
            return slot
        self.surroundings.clock = self.clock
        self.mirror.set("uncached", 0)
        self.mirror.set("logged", 0)
        try:
            fetched = self._fetched(pc)
        except Ended as ended:
            return ended.exit
        self.alone = self.alone or bool(self.mirror.get("check"))
        return self._recorded(context, pc, behind, fetched)

    def _recorded(self, context: Context, pc: int, behind: int | None, fetched: Fetched | None) -> int:
        """The place of a new record."""
        mirror, records = self.mirror, self.records
        handler = self.runtime.handler(fetched)
        slot = records.scratch(context)
        if not mirror.get("uncached"):
            try:
                slot = records.place(context, behind)
            except Full:
                mirror.outdated = True
            else:
                records.keep(context, pc, slot)
                for k in range(mirror.get("logged")):
                    mirror.mark(*mirror.logged(k))
        records.fill(slot, handler, fetched)
        return slot

    def _fetched(self, pc: int) -> Fetched | None:
        """The instruction at an address; None when no encoding accepts the bits. Raises Ended."""
        decode, bound = self.machine.decoding.decode, mask(self.machine.state.leaves[self.machine.state.pc].width)
        stride, name = decode.unit // decode.pc_unit, self.machine.code.fetch

        def unit(k: int) -> int:
            found = self.runtime.call(name, (pc + k * stride & bound,))
            if isinstance(found, Exit):
                raise Ended(found)
            return found[0]

        if decode.max_length > 1:
            return self._decode(unit)
        word = unit(0)
        if word not in self.decoded:
            if len(self.decoded) >= MOST_DECODED:
                self.decoded.clear()
            self.decoded[word] = self._decode(lambda k: word)
        return self.decoded[word]

    def _decode(self, unit: Callable[[int], int]) -> Fetched | None:
        found = self.machine.decoding.decoder.decode(unit)
        return None if found is None else Fetched(self.runtime.instructions[found.id], found.operands, found.length)

    # ---- exits

    def _ended(self, status: int) -> tuple[Exit | None, Fetched | None]:
        """What became of an instruction that native code could not complete."""
        fetched = self.records.fetched[self.records.slot(self.mirror.get("record"))]
        if status == _EXIT:
            exit_ = self.runtime.exit()
            rule = self.machine.code.exits.get(exit_.function)
            if rule is None or rule.kind != EXECUTE:
                return exit_, fetched
            found = executed(self.machine, exit_.args[0])
            link = 1 if fetched is None else fetched.link + 1
            fetched = found and replace(found, link=link)
        self.outside += 1
        self.mirror.leave(self.state)
        try:
            return execute(self.machine, fetched, self.state, self.surroundings)
        finally:
            self.mirror.enter(self.state)
            self.check = True

    def _delivered(self, exit_: Exit) -> Exit | None:
        """Trap entry with what is nested in it, and firmware; the exit that could not be delivered, if one could not."""
        failed = arrive(self.machine, exit_, self.state, self.surroundings, self._entry)[1]
        if failed is not None or self.machine.platform.firmware is None:
            return failed
        self.mirror.leave(self.state)
        try:
            return firmware(self.machine, self.state, self.surroundings)
        finally:
            self.mirror.enter(self.state)

    def _entry(self, machine: Machine, exit_: Exit, state: State, surroundings: Surroundings | None) -> Exit | None:
        """One trap entry, on the state in native memory."""
        self.mirror.set("next", self.mirror.number(self.pc))
        found = self.runtime.call(exit_.function, exit_.args)
        if isinstance(found, Exit):
            return found
        self.mirror.put(self.pc, self.mirror.get("next"))
        return None
