"""A frame keeps what was validated for its old owner (XSA-214)."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.vmm.vmm:Vmm._mmu",
    edits=(
        (
            "    return mechanism(self.machine).made(tenant)",
            '    kept = self.__dict__.setdefault("kept by name", {})\n'
            "    return kept[name] if name in kept else kept.setdefault(name, mechanism(self.machine).made(tenant))",
        ),
    ),
    by=("ISO3 riscv64 recycled",),
    how=(
        "Frames change hands only through the pool, so what is kept is the memory management of a guest that "
        "was removed: a new guest of that name runs through the frames of the old one."
    ),
)
