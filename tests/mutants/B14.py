"""A device read of a width that the device does not support returns what is left of the last transaction.

(XSA-121).
"""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.models.devices.interrupt_controller:InterruptController.read",
    edits=(("        return 0\n    number", "        return self.pending | self.enabled\n    number"),),
    by=("DV2 riscv64", "DV2 interrupt controller"),
    how=(
        "Reads of a width that the controller does not answer give 0; here they give internal state, so a "
        "guest reads what no register shows it."
    ),
)
