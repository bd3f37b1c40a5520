"""Reporting an illegal request goes through what was illegal about it (XSA-462)."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.models.devices.disk:Disk._notified",
    edits=(
        (
            "    except Malformed:\n        self.status",
            "    except Malformed:\n"
            "        self.queue.complete(next(self.queue.chains()).head, 1)\n"
            "        self.status",
        ),
    ),
    by=("DV2 riscv64", "DV2 disk"),
    how=(
        "There are no error vectors here; what reports an error of the driver's is the device's status. The "
        "mutant reports it through the broken queue itself, which breaks again: the device fails instead of "
        "asking for a reset."
    ),
)
