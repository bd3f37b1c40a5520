"""What a monitor did: which instructions made it step in, how often, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from pgcheck.isa.machine.machine import Instruction
from pgcheck.models.state import Fetched, State

Reason = Literal["emulated", "memory", "reflected", "ended", "interpreted"]
REASONS: dict[Reason, str] = {
    "emulated": "trapped, and the interpreter routine completed it on the virtual state",
    "memory": "accessed memory that the monitor keeps to itself: devices, nothing, or a watched page",
    "reflected": "trapped, and traps on the virtual machine too",
    "ended": "ended the virtual machine",
    "interpreted": "taken in a virtual state that does not run on the processor",
}
Event = Literal["fill", "refill", "drop", "protect", "recycle", "switch", "hidden", "bound"]
EVENTS: dict[Event, str] = {
    "fill": "a translation was made for the processor",
    "refill": "a translation was made for a page that had had one",
    "drop": "a translation was given up, as what it was derived from was stored to",
    "protect": "a translation was given up or narrowed, as its page became watched",
    "recycle": "tables were given up, as their frames were needed",
    "switch": "the processor was given other tables",
    "hidden": "a guest used an address of its own at which the monitor has a page",
    "bound": "the processor was given another base and limit",
}
NONE = ""


@dataclass(slots=True)
class Statistics:
    """Interventions by (instruction with row, reason), and what happened besides.

    An intervention whose instruction is unknown, as the fetch failed or no encoding accepts the bits, counts under the empty
    name. `direct` are the steps that the guest took on the processor, `misses` the traps of the monitor's own translation, `crossings`
    the times that it was entered by the machine's own return instruction, `interrupts` what devices of the host's have interrupted
    it for, and `compiled` the interventions that native code made without asking.
    """

    interventions: Counter[tuple[str, Reason]] = field(default_factory=Counter)
    direct: int = 0
    misses: int = 0
    crossings: int = 0
    interrupts: int = 0
    compiled: int = 0

    def went(self, steps: int, state: State) -> None:
        """Steps on the processor, after which the virtual machine is in this state."""
        self.direct += steps

    def noted(self, fetched: Fetched | None, reason: Reason, times: int) -> None:
        """Interventions on one instruction that native code has counted."""
        self.interventions[row(fetched) if fetched is not None else NONE, reason] += times

    def note(self, fetched: Fetched | None, reason: Reason) -> None:
        """One intervention."""
        self.interventions[row(fetched) if fetched is not None else NONE, reason] += 1

    def count(self, reason: Reason) -> int:
        """All interventions for a reason."""
        return sum(n for (_, why), n in self.interventions.items() if why == reason)


def row(fetched: Fetched) -> str:
    """The identifier of an instruction, with the row of the report that its operands are in."""
    instruction: Instruction = fetched.instruction
    for given in instruction.rows:
        if given.label:
            value = fetched.operands[given.operand]
            if value not in given.others if given.value is None else value == given.value:
                return instruction.id + given.label
    return instruction.id
