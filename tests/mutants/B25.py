"""An interrupt that arrives between the check for one and the entry of the guest is not looked for again.

(bhyve 2e8b45c43c).
"""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.vmm.monitor:TrapAndEmulate.run",
    edits=(
        (
            "    while surroundings.clock < surroundings.deadline:",
            "    end = surroundings.deadline\n    while surroundings.clock < end:\n        surroundings.deadline = end",
        ),
    ),
    by=("IR1 riscv64 system",),
    how=(
        "A device that is given an earlier event by an emulated access lowers the deadline; the mutant sets "
        "it back, so the event is not looked at before the quantum's end."
    ),
)
