"""The hypotheses contradict each other, so everything is proved."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.checker.questions.hole:related",
    edits=(
        (
            "    of_virtual = over((*setting.legal, setting.guest, setting.virtual(mode_class)), v, machine)",
            "    mode = v[machine.modes.leaf]\n"
            "    of_virtual = land(over((*setting.legal, setting.guest, setting.virtual(mode_class)), v, machine), differ(machine.state.leaves[machine.modes.leaf], mode, setting.mode(virtual_mode)))",
        ),
    ),
    by=("CK1 known verdicts",),
    noticed=("check tests/specs/soundness/z00_control.yaml",),
    how=(
        "The assumptions demand a mode other than the virtual mode that was put in: no state is left in which "
        "there could be a hole."
    ),
)
