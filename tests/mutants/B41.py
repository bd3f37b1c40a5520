"""The number of a guest frame is truncated in the reverse map (XSA-173)."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.vmm.paging.ledger:Ledger.enter",
    edits=(
        ("self.onto.setdefault(entry.guest_page, set())", "self.onto.setdefault(entry.guest_page & 0xFFFFFFF, set())"),
    ),
    by=("EQ2 riscv64", "SH1 riscv64 maps", "SH1 riscv64"),
    how=(
        "Entries that map a page are booked under its address modulo 2**28; when the page becomes a page "
        "table they are not found and stay writable."
    ),
)
