"""A narrow emulated access leaves the upper part of the destination as it was in a buffer of the monitor.

(XSA-200).
"""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.vmm.guest_memory:GuestMemory.load",
    edits=(
        (
            "        return self.host.load(self.host_address(address), count)",
            "        return self.host.load(self.host_address(address), count) | self.host.load(self.frames[0] << self.page_shift, 1) << self.host.unit * count",
        ),
    ),
    by=(
        "EQ2 pg74",
        "EQ2 riscv64",
        "EQ2 pdp10-ka10",
    ),
    how=("What the monitor reads for a routine has more bits than were asked for, taken from elsewhere in the host."),
)
