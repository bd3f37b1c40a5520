"""The two machines of a batch as an author's policy has them."""

from __future__ import annotations

from pgcheck.checker.campaign.batches.variants import Variants, image
from pgcheck.checker.campaign.cases.case import Author, Case
from pgcheck.checker.campaign.pairs.pair import alone
from pgcheck.isa.terms import mask
from pgcheck.models.native.batches.batch import Batch, Monitored
from pgcheck.vmm.world import world


class Batches:
    """Batches of cases like those that an author draws. Raises Unavailable, Unsupported and ValueError where native code cannot run them."""

    def __init__(self, author: Author) -> None:
        machine, policy = alone(author.machine), author.policy
        division = world(machine, policy)
        tables: dict[str, tuple[int, int]] = {}
        for name, table in machine.code.tables.items():
            ones = mask(machine.code.functions[name].results[0])
            low, high = (table.responded(entry, policy.responses.get(name)) for entry in (0, ones))
            tables[name] = low ^ high, low & high
        monitored = Monitored(division.shared, division.own, policy.direct, policy.intercept, tables)
        self.author = author
        self.batch = Batch(machine, author.layout.size, monitored)
        self.variants = Variants(author, self.batch.layout)
        self.form = self.variants.form

    def begin(self, case: Case) -> None:
        """Go on with cases like this one."""
        self.batch.begin(case.state, image(case, self.author), case.steps, self.form)
