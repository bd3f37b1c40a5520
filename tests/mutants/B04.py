"""The classifier takes a sensitive unprivileged instruction for innocuous, so it runs natively and is silently ignored.

(Robin and Irvine, 2000).
"""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.vmm.kinds.hybrid:direct",
    edits=(("return deployment.guest, deployment.modes.user.when", "return (deployment.guest,)"),),
    by=("EQ2 pdp10-ka10 judged anew",),
    noticed=("fuzz tests/specs/jrst1.yaml --monitor hybrid --property EQ2 --cases 300",),
    how=(
        "JRST and its kin on the PDP-10 are sensitive in virtual supervisor mode and do not trap. Only the "
        "predicate of directly run states keeps them off the processor; without it the real machine, in user "
        "mode, leaves out what the guest's kernel asked for. On the PDP-10 itself no kernel runs there either way, "
        "for its addresses do not fit what a monitor can bound."
    ),
)
