"""A return to the guest with an illegal program counter faults in the host (XSA-7, SYSRET)."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.vmm.monitor:TrapAndEmulate.routine",
    edits=(
        (
            "            return VmExit(0, fetched, None, fetching=True)\n",
            "            self.binding.enter(self.machine, fetched, self.host.state, self.host.surroundings)\n"
            "            return VmExit(0)\n",
        ),
    ),
    by=(
        "EQ2 pg74",
        "EQ3 pg74",
        "EQ2 riscv64",
    ),
    how=(
        "The fault of a fetch at the guest's PC is delivered in the host's state and not in the guest's, so "
        "the host's state is lost and the guest does not get its fault."
    ),
)
