"""A lazy world switch leaves the previous guest's registers in the processor (XSA-267)."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.vmm.world:load_guest",
    edits=(("for name in division.shared}", "for name in division.shared if not isinstance(virtual[name], dict)}"),),
    by=(
        "EQ2 pg74 next to a guest",
        "ISO3 pg74",
        "ISO1 pg74",
        "EQ2 pg74",
    ),
    how=(
        "Register banks are not loaded when a guest is resumed, and no trap at their first use is armed: the "
        "guest goes on with what another guest or an earlier time left there."
    ),
)
