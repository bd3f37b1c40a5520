"""An emulated software interrupt skips the check of the gate's privilege (XSA-106)."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.vmm.monitor:TrapAndEmulate.run",
    edits=(
        (
            "                undeliverable = binding.enter(",
            "                state[machine.modes.leaf] = machine.modes.supervisor.values[0]\n"
            "                undeliverable = binding.enter(",
        ),
    ),
    by=(
        "EQ2 pg74",
        "EQ3 pg74",
        "EQ2 riscv64",
    ),
    how=(
        "Gates and their checks are data of the specification here, so the mutant gives delivery itself the "
        "kernel's privilege: a trap of virtual user mode is reflected as one of the kernel, and the handler "
        "sees the wrong previous mode."
    ),
)
