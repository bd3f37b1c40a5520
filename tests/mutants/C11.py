"""Findings are lost: the database swallows errors of writing (Hypothesis' directory database ignores OSError)."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.checker.campaign.store:Store._write",
    edits=(("    self._guarded(write)", "    try:\n        self._guarded(write)\n    except BadStore:\n        pass"),),
    by=("CK3 kept findings",),
    how=("A finding that could not be written is reported as kept, and is not there when the campaign is resumed."),
)
