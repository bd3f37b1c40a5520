"""The emulator does not check the privilege level for privileged instructions (XSA-105)."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.vmm.monitor:TrapAndEmulate.routine",
    edits=(
        (
            "    ended, last = self.binding.execute(self.machine, fetched, state, surroundings)\n",
            "    mode = self.machine.modes\n"
            "    was, kernel = state[mode.leaf], mode.supervisor.values[0]\n"
            "    state[mode.leaf] = kernel\n"
            "    ended, last = self.binding.execute(self.machine, fetched, state, surroundings)\n"
            "    if state[mode.leaf] == kernel:\n"
            "        state[mode.leaf] = was\n",
        ),
    ),
    by=(
        "EQ2 pg74",
        "EQ3 pg74",
        "EQ2 riscv64",
    ),
    how=(
        "Every routine runs in virtual supervisor mode: a privileged instruction in virtual user mode "
        "completes where the bare machine traps."
    ),
)
