"""The shipped machines beside emulators that nobody here wrote: states that agree, that a row of the table explains, and that nothing does.

    python bench/fidelity.py [NAME ...] [--states N] [--seed TEXT] [--no-census]

Each peer is installed by `pip install pgcheck[fidelity]`; one that is not there is a MISS. `tests/data/fidelity.yaml` is the table. Ends with 1 at a MISS,
and where a difference is not explained.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.fidelity.census import taken  # noqa: E402  # a bare checkout runs without installation
from tests.fidelity.compare import compared  # noqa: E402
from tests.fidelity.peer import Missing  # noqa: E402
from tests.fidelity.peers import JUDGES  # noqa: E402
from tests.specifications import machine  # noqa: E402

SHOWN = 10


def lines(name: str, states: int, seed: str, census: bool) -> Iterator[tuple[str, bool]]:
    """What is printed of a machine, and whether it is as it should be."""
    try:
        peer = JUDGES[name](name)
    except Missing as missing:
        yield f"{name}: MISS: {missing}", False
        return
    start = time.process_time()
    tally = compared(machine(name), peer, states, seed)
    yield f"{tally}; {time.process_time() - start:.1f} s", not tally.unexplained
    ends = (f"{exit_ or 'no exit'} {count}" for exit_, count in tally.exits.most_common())
    yield f"  steps ended in {', '.join(ends)}", True
    for reason, count in tally.needed.most_common():
        yield f"  {count:6} {reason}", True
    for found in tally.unexplained[:SHOWN]:
        yield f"  unexplained: {found}", False
    if census:
        words = taken(machine(name), peer)
        yield str(words), not words.unexplained
        for (word, user), (ours, theirs) in [*words.unexplained.items()][:SHOWN]:
            yield (
                f"  unexplained: {word:#x} in {'user' if user else 'the other'} mode: {ours or 'runs'}, not {theirs or 'runs'}",
                False,
            )


@click.command(help=__doc__)
@click.argument("names", nargs=-1, type=click.Choice([*JUDGES]))
@click.option("--states", default=20_000, show_default=True, help="States to compare for each machine.")
@click.option("--seed", default="", help="Other states.")
@click.option("--census/--no-census", default=True, help="Every word too.")
def main(names: tuple[str, ...], states: int, seed: str, census: bool) -> None:
    well = True
    for name in names or JUDGES:
        for line, good in lines(name, states, seed, census):
            click.echo(line)
            well = well and good
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
