"""A length from a descriptor is used for a header of fixed size."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.models.devices.disk:Disk._serve",
    edits=(("self._gather(chain.readable, 0, HEADER)", "self._gather(chain.readable, 0, chain.readable[0].length)"),),
    by=("DV2 riscv64", "DV2 disk"),
    how=(
        "In Python nothing overflows; the bytes behind the header become part of the sector's number, so a "
        "request with header and data in one descriptor goes elsewhere."
    ),
)
