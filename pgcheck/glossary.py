"""The words that reports and errors use in a sense of their own, each with a sentence: for docs, page and command."""

from __future__ import annotations

import re
from typing import Final

WORDS: Final = {
    "behaviour sensitive": "Said of an instruction whose result, or whose trap, depends on control state: it shows where it runs.",
    "configuration": "What a monitor fixes in the real machine while a guest runs, such as a register bit that makes an instruction trap.",
    "control sensitive": "Said of an instruction that changes control state without a trap.",
    "control state": "All state that is not general: mode, relocation, interrupts, devices and whatever else decides what a program may do.",
    "crossing": "The way from the guest to the monitor and back: trap entry, recovery of the guest's state, return.",
    "deployment": "Where a guest's modes run on the real machine, for machines with more than two modes; each has answers of its own.",
    "exit": "A way for an instruction to end other than by completing: a trap, a wait, a halt, a request.",
    "general state": "What belongs to whoever runs: registers, memory through the translation, flags of arithmetic.",
    "guest": "The program that believes to have the machine for itself: an operating system with its applications.",
    "hole": "An instruction that goes on in user mode on the real machine while the virtual machine would do something that the guest can tell from it.",
    "hybrid monitor": "A monitor that interprets the guest's supervisor mode and lets its user mode run directly (Theorem 3).",
    "innocuous": "Said of an instruction that does the same on the real machine and on the virtual one.",
    "knob": "A piece of state on which it depends whether an instruction traps; a monitor may set it.",
    "leaf": "One named piece of state with a role of its own: a register, one field of it, an array.",
    "mirrored": "Said of control state that the real machine holds with the guest's own value while the guest runs.",
    "mode": "Supervisor or user; on machines with more, a deployment says which is which.",
    "monitor": "The program that has the real machine and gives each guest a virtual one.",
    "obligation": "One question for a solver; its negation has no model if what is claimed holds.",
    "payload": "The arguments of an exit, such as the cause of a trap.",
    "premise": "What a machine must offer for a monitor to exist, besides instructions that are no holes; each is a rule of its own.",
    "privileged": "Said of an instruction that completes in supervisor mode and traps in user mode.",
    "real machine": "The processor on which the guest's instructions run, in user mode.",
    "reflect": "To give a trap on to the guest, by the guest's own trap entry.",
    "role": "What a leaf is to a monitor: general, mode, relocation, interrupt, timing, device and others.",
    "row": "A line of the report: an instruction, or one value of an operand that decides what the instruction does.",
    "sensitive": "Control sensitive or behaviour sensitive.",
    "shadow": "A copy that a monitor keeps for the real machine to use: page tables that map the guest's addresses to the host's.",
    "step": "One instruction, or one delivery of an interrupt, from state to state.",
    "terminator": "An exit with a body that ends a step: a trap entry that goes on in supervisor mode.",
    "unit": "What an encoding is made of: a byte on byte machines, a word on others.",
    "virtual machine": "What the guest believes to run on: the machine of the specification, in whatever state the guest has put it.",
    "waiver": "A difference that somebody has accepted, with a reason and a date.",
    "witness": "A state in which the virtual machine and the real one differ, replayed on integers without a solver.",
}  # fmt: skip

EVERYDAY: Final = frozenset({"exit", "guest", "mode", "step"})
"""Words that messages use in their everyday sense too."""
PLURALS: Final = {"leaf": "leaves"}
MOST: Final = 3
_SPOKEN: Final = {PLURALS.get(word, f"{word}s"): word for word in WORDS} | {word: word for word in WORDS}
_ANY: Final = re.compile(rf"\b(?:{'|'.join(sorted(_SPOKEN, key=len, reverse=True))})\b")

_QUOTED: Final = re.compile(r"`[^`]*`|(?<!\w)'[^'\s]*'(?!\w)")


def terms(text: str) -> tuple[str, ...]:
    """The first few words of the glossary in a text, as they come; what it quotes is not its own."""
    found = dict.fromkeys(_SPOKEN[match[0]] for match in _ANY.finditer(_QUOTED.sub("", text)))
    return tuple(word for word in found if word not in EVERYDAY)[:MOST]


def pointer(text: str) -> str:
    """Which commands say what the words in a text mean; "" where there are none."""
    shown = [f"pgcheck glossary {word}" if " " not in word else f"pgcheck glossary '{word}'" for word in terms(text)]
    return f"what words mean: {', '.join(shown)}" if shown else ""
