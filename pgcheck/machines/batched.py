"""Batches from the command line: whether there are any, and what the report says of them."""

from __future__ import annotations

from collections.abc import Mapping

import click

from pgcheck.checker.campaign import runner
from pgcheck.checker.campaign.batches import share
from pgcheck.checker.campaign.batches.share import Share
from pgcheck.checker.campaign.cases.case import Author
from pgcheck.checker.campaign.pairs.property import Property
from pgcheck.checker.campaign.runner import Campaign
from pgcheck.models.native.linking import Unavailable
from pgcheck.models.native.lowering.plan import Unsupported


def share_of(author: Author, chosen: tuple[Property, ...]) -> Share | None:
    """What goes in batches, where native code can run them; a line says why it cannot."""
    if all(p.id != runner.BATCHED for p in chosen):
        return None
    try:
        return Share(author)
    except Unavailable as error:
        reason = str(error).partition(";")[0]
    except (Unsupported, ValueError):
        reason = f"{author.machine.identity.name} is not what native code is made for"
    click.echo(f"no batches: {reason}", err=True)
    return None


def shown(campaign: Campaign, done: Mapping[str, int], excluded: Mapping[str, int]) -> str:
    """Which share went which way."""
    cases, plain = done[share.NAME], sum(n for name, n in done.items() if name != share.NAME)
    open_, how = excluded.get(share.NAME, 0), campaign.batched
    return (
        f"In batches: {cases} cases of {runner.BATCHED}, {how[runner.COMPARED]} compared natively and {how[runner.DIFFERING]} of these "
        f"apart, {how[runner.ASIDE]} not run there "
        f"(waits, clocks, accesses half outside RAM, instructions begun again), {open_} left open by the specification; {plain} cases the plain way"
    )
