"""A register read past the end of its range, whose check is right for writes and too wide for reads (XSA-108)."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.models.devices.interrupt_controller:InterruptController.read",
    edits=(
        (
            "    if number < self.lines:\n        return self.priority[number]",
            "    if number < 4 * self.lines:\n"
            "        return (*self.priority, *[self.levels, self.serving, self.enabled] * self.lines)[number]",
        ),
    ),
    by=("DV2 riscv64", "DV2 interrupt controller"),
    how=("The priorities are the range; behind them lies the controller's own state, which the guest then reads."),
)
