"""A comparison of two machines for people, at most 80 columns, and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from pgcheck.checker.comparison.result import Comparison, Example, Part, Side
from pgcheck.isa.machine.machine import Machine
from pgcheck.words import cells, counted, ending, number, units, wrapped

SCHEMA_VERSION: Final = "1.0"
HOW: Final = {"text": "by their text", "terms": "by their terms", "solver": "proved"}
MOST: Final = 24


def report(found: Comparison, machines: tuple[Machine, Machine]) -> str:
    """The answer, what differs with a state that shows it, what is open, and how much is equal."""
    return "\n".join(_lines(found, machines))


def _lines(found: Comparison, machines: tuple[Machine, Machine]) -> Iterator[str]:
    told = {
        "equal": "the same machine",
        "different": "not the same machine",
        "undecided": "not decided whether they are the same machine",
    }
    yield from wrapped(f"{found.first} and {found.second}: {told[found.status]}", "  ", "")
    if found.only:
        yield from wrapped(
            f"Only {', '.join(found.only)} {'was' if len(found.only) == 1 else 'were'} compared", "  ", ""
        )
    bits = machines[0].decoding.decode.unit
    for status, title in (("different", "Different"), ("undecided", "Not decided")):
        parts = [p for p in found.parts if p.status == status]
        if parts:
            yield from ("", f"{title} ({len(parts)})")
            for part in parts:
                yield from _part(part, found, bits)
    if any(p.status == "equal" for p in found.parts):
        yield ""
    for kind, noun in (("row", "row"), ("around", "other part")):
        equal = [p for p in found.parts if p.kind == kind and p.status == "equal"]
        how = ", ".join(f"{n} {word}" for key, word in HOW.items() if (n := sum(p.how == key for p in equal)))
        if equal:
            yield from wrapped(f"Equal: {counted(len(equal), noun)} ({how})", "  ", "")
    for claim in found.assumed:
        yield from wrapped(f"Assumed: {claim} (pgcheck {found.first}, pgcheck {found.second})", "  ", "")


def _part(part: Part, found: Comparison, bits: int) -> Iterator[str]:
    example = part.example
    title = f"  {part.name}" + (f": {part.reason}" if part.reason else "")
    if example is None:
        yield from wrapped(title, "      ", "  ")
        return
    yield from wrapped(f"{part.name}: {', '.join(_places(example))}", "      ", "  ")
    yield from wrapped(f"in {_state(example)}", "        ", "      ")
    shown = f" {units(example.units, bits)}:" if example.units else ""
    for name, side in ((found.first, example.first), (found.second, example.second)):
        yield from wrapped(f"{name}:{shown} {_side(side)}", "        ", "      ")


def _places(example: Example) -> Iterator[str]:
    for place in example.differs:
        yield place if " " in place else f"{place} differs"


def _state(example: Example) -> str:
    state = [f"{place} = {number(v)}" for place, v in cells(example.state).items()]
    state += [f"{name} = {number(v)}" for name, v in example.answers.items()]
    more = f", and {len(state) - MOST} more" if len(state) > MOST else ""
    return (", ".join(state[:MOST]) or "the state of zeros") + more


def _side(side: Side) -> str:
    arguments = f"({', '.join(map(number, side.arguments))})" if side.arguments else ""
    results = f" with {', '.join(map(number, side.results))}" if side.results else ""
    changed = ", ".join(f"{place} = {number(v)}" for place, v in cells(side.after).items())
    did = f"{side.did} " if side.did else ""
    return f"{did}{ending(side.exit)}{arguments}{results}" + (f"; {changed}" if changed else "")


def document(found: Comparison) -> str:
    """The comparison as JSON, docs/json.md."""
    shown = {
        "schema_version": SCHEMA_VERSION,
        "first": found.first,
        "second": found.second,
        "answer": found.status,
        "only": list(found.only),
        "parts": [_shown(p) for p in found.parts],
        "assumed": list(found.assumed),
    }
    return json.dumps(shown, indent=2, ensure_ascii=False)


def _shown(part: Part) -> dict[str, Any]:
    shown = asdict(part)
    shown["how"] = part.how or None
    shown["reason"] = part.reason or None
    return shown
