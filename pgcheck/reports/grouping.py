"""Rows of which the same is said, together, and their names with what is common said once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

MOST_SUFFIXES = 6


class Named(Protocol):
    """What is said of a row: its id, and the mnemonic that this begins with."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...


Row = TypeVar("Row", bound=Named)


def grouped(results: Sequence[Row], key: Callable[[Row], object], apart: bool) -> list[list[Row]]:
    """Results with equal keys together, in the order of the first of each."""
    groups: dict[object, list[Row]] = {}
    for result in results:
        groups.setdefault(result.id if apart else key(result), []).append(result)
    return list(groups.values())


def grouped_names(rows: Sequence[Named], most: int = MOST_SUFFIXES) -> str:
    """The ids, what is common said once: `cli, in (al_dx, ax_dx), csrrw csrrs (satp)`; many suffixes are counted."""
    return ", ".join(names_of(rows, most))


def names_of(rows: Sequence[Named], most: int = MOST_SUFFIXES) -> list[str]:
    """The parts of `grouped_names`."""
    suffixes: dict[str, list[str]] = {}
    for row in rows:
        suffixes.setdefault(row.name, []).append(row.id.removeprefix(row.name).lstrip(".:") or "-")
    alike: dict[tuple[str, ...], list[str]] = {}
    for name, found in suffixes.items():
        alike.setdefault(tuple(found), []).append(name)
    parts: list[str] = []
    for shared, names in alike.items():
        if shared == ("-",):
            parts += names
        elif len(shared) == 1 and len(names) == 1:
            parts.append(next(r.id for r in rows if r.name == names[0]))
        elif len(shared) <= most:
            parts.append(f"{' '.join(names)} ({', '.join(shared)})")
        else:
            parts += [f"{name} ({len(shared)})" for name in names]
    return parts


def counted_names(rows: Sequence[Named]) -> str:
    """The mnemonics without their suffixes, with how many rows each has: `add (14), nop`."""
    counts = Counter(row.name.partition(".")[0] or row.name for row in rows)
    return ", ".join(f"{name} ({count})" if count > 1 else name for name, count in counts.items())
