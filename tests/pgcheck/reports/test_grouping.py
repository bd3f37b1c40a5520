"""What groups of rows are called."""

from pgcheck.reports.grouping import counted_names, grouped_names
from tests.pgcheck.factory import instruction


def test_names_are_said_once() -> None:
    rows = [instruction(i) for i in ("cli", "in.al_dx", "in.ax_dx", "csrrw:satp", "csrrs:satp", "mov.cr0")]
    assert grouped_names(rows) == "cli, in (al_dx, ax_dx), csrrw csrrs (satp), mov.cr0"
    assert grouped_names([instruction(f"in.v{i}") for i in range(9)]) == "in (9)"
    assert counted_names([instruction("cli"), instruction("in.a"), instruction("in.b")]) == "cli, in (2)"
