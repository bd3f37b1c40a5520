"""What the induction over the steps of a guest stands on (docs/theorem.md): each hypothesis is a row, and a rule names the one that it is part of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """Something that the proof uses, in a name and a sentence; what no rule asks is `assumed` and printed with every answer."""

    name: str
    claim: str
    assumed: bool = False


LEGAL: Final = Hypothesis(
    "legal states are closed",
    "The state after reset is legal, and so is every state after a step, a trap entry, an interrupt, and what firmware does.",
)
GUEST: Final = Hypothesis(
    "the guest's states are closed",
    "A step, a trap entry, an interrupt and the firmware of the virtual machine keep `guest`; every mode is of one class.",
)
SUBJECT: Final = Hypothesis(
    "the check is awake",
    "Made-up instructions whose answers are known get them in every deployment.",
)
ENCODING: Final = Hypothesis(
    "every word is one instruction",
    "No two encodings accept the same bits; what the bits do that none accepts is a row like any other.",
)
MEMORY: Final = Hypothesis(
    "memory is reached by translation alone",
    "Every access and every fetch is made at an address that translation gave for it, and nothing else is made of that address.",
)
CUTS: Final = Hypothesis(
    "translation keeps still during a step",
    "Translation changes no state beyond its accessed and dirty bits, and no step changes what its answers depend on.",
)
MAPPING: Final = Hypothesis(
    "the monitor maps",
    "What leads translation is the monitor's own; with it the monitor refuses an access, admits it, or admits reads alone, and a "
    "refusal comes to the monitor.",
)
PRECISE: Final = Hypothesis(
    "the state at a trap",
    "Where an instruction traps nothing has changed, or going on from there ends where the bare machine ends.",
)
RECOVERABLE: Final = Hypothesis(
    "trap entry keeps the guest",
    "Out of the state after a trap entry the monitor can read the guest's state before it, whatever has come.",
)
CONTROL: Final = Hypothesis(
    "trap entry gives control",
    "After a trap entry mode, program counter and mapping are what the monitor has laid down, whatever the guest has done.",
)
STORES: Final = Hypothesis(
    "trap entry stores apart",
    "A trap entry stores where the monitor says, and where no guest reaches.",
)
RETURN: Final = Hypothesis(
    "the guest can be entered",
    "For every state of a guest there is one of the monitor's from which a return instruction leads there, and the monitor can come to that from "
    "where trap entries leave it.",
)
CONFIGURATION: Final = Hypothesis(
    "what is fixed and what is mirrored",
    "There are legal states and guests, and every virtual state has a real one, with all that the monitor fixes and lends, that "
    "`legal`, `real` and the mapping allow.",
)
ROWS: Final = Hypothesis(
    "no row is a hole",
    "Where the real machine goes on in user mode, related states end in related states; judged row by row.",
)
PREEMPTION: Final = Hypothesis(
    "the monitor comes back",
    "A timer interrupts every state of a guest after a bounded number of instructions, no such state waits, and what devices and interrupts do "
    "while a guest runs is the monitor's.",
)
HARDWARE: Final = Hypothesis(
    "the specification is the hardware", "The hardware does what the specification says.", True
)
TIME: Final = Hypothesis(
    "time is not seen", "A guest is compared step by step; what a clock of the real world tells it is left out.", True
)
LOADED: Final = Hypothesis(
    "the monitor's own code does its part",
    "The monitor's program saves and loads general registers, words that a trap entry stores, and words and entries of tables that a return loads.",
    True,
)
ALONE: Final = Hypothesis(
    "one processor", "One processor runs the guest, and nothing else writes its memory during a step.", True
)

HYPOTHESES: Final = (
    LEGAL, GUEST, SUBJECT, ENCODING, MEMORY, CUTS, MAPPING, PRECISE, RECOVERABLE, CONTROL, STORES, RETURN, CONFIGURATION, ROWS,
    PREEMPTION, HARDWARE, TIME, LOADED, ALONE,
)  # fmt: skip
