"""A periodic timer computes a deadline that stays in the past (XSA-20)."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.models.devices.ticker:Ticker.tick",
    edits=(("(now // self.period + 1) * self.period", "((now // self.period + 1) & 0xF) * self.period"),),
    by=("DV2 pdp10-ka10", "DV2 ticker"),
    how=(
        "The number of the next period is truncated to a register's width, so after 16 periods the clock is "
        "always due: it ticks at every step and no longer at multiples of its period."
    ),
)
