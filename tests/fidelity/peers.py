"""The machines that emulators judge, and which."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.fidelity.musashi import Musashi
from tests.fidelity.peer import Judge
from tests.fidelity.spike import Spike

JUDGES: Mapping[str, Callable[[str], Judge]] = {"m68000": Musashi, "m68010": Musashi, "riscv64": Spike}
"""By specification, who judges its states and its words. Raise Missing where the emulator is not there."""
