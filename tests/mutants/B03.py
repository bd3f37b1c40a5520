"""A write of the virtual interrupt flag is emulated without the check of IOPL and mode (CVE-2010-0306)."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.vmm.monitor:TrapAndEmulate.routine",
    edits=(
        (
            "    ended, last = self.binding.execute(self.machine, fetched, state, surroundings)\n",
            "    mode = self.machine.modes\n"
            "    was, kernel = state[mode.leaf], mode.supervisor.values[0]\n"
            "    if frame is None:\n"
            "        state[mode.leaf] = kernel\n"
            "    ended, last = self.binding.execute(self.machine, fetched, state, surroundings)\n"
            "    if frame is None and state[mode.leaf] == kernel:\n"
            "        state[mode.leaf] = was\n",
        ),
    ),
    by=(
        "EQ1 pdp10-ka10",
        "EQ2 pdp10-ka10",
    ),
    how=(
        "Restated on the PDP-10 under the hybrid monitor, whose virtual user states with I/O enabled are "
        "interpreted: JRSTF, the POPF of that machine, then restores flags with the kernel's rights, and "
        "privileged instructions complete."
    ),
)
