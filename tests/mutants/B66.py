"""The format of a disk's file is guessed from bytes that the guest wrote."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.models.devices.backing:HostFile.__init__",
    edits=(
        (
            "    self.size = os.fstat(self.descriptor).st_size",
            "    self.size = os.fstat(self.descriptor).st_size\n"
            '    if os.pread(self.descriptor, 4, 0) == b"QFI\\xfb":\n'
            '        self.size = int.from_bytes(os.pread(self.descriptor, 8, 24), "big")',
        ),
    ),
    by=("DV2 file",),
    how=(
        "A guest that writes the magic of qcow2 into its first sector finds a disk of another size when the "
        "file is opened again."
    ),
)
