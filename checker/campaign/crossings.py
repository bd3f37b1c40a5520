"""How guests are left and entered, as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pgcheck.checker.campaign.terms import term_values, terms_from
from pgcheck.isa.terms import Term
from pgcheck.vmm.policy import Copy, Crossing, Recovery, Return


def crossing_values(crossing: Crossing) -> dict[str, object]:
    """A crossing in the types of JSON."""
    refused = None if crossing.refused is None else [crossing.refused[0], term_values(crossing.refused[1])]
    return {
        "recoveries": {
            name: {"copies": _copies(one.copies), "located": term_values([one.located])}
            for name, one in crossing.recoveries.items()
        },
        "returns": [_return(one) for one in crossing.returns],
        "keep": crossing.keep,
        "modes": sorted(crossing.modes),
        "refused": refused,
        "handed": {i: {f: term_values([t]) for f, t in by.items()} for i, by in crossing.handed.items()},
        "pages": sorted(crossing.pages.items()),
        "laid": sorted(crossing.laid.items()),
    }


def crossing_from(values: Mapping[str, Any]) -> Crossing:
    """The crossing that `crossing_values` gave. Raises KeyError or ValueError for values that are none."""
    try:
        refused = values["refused"]
        return Crossing(
            recoveries={
                name: Recovery(_copies_from(one["copies"]), _one(one["located"]))
                for name, one in values["recoveries"].items()
            },
            returns=tuple(_return_from(one) for one in values["returns"]),
            keep=int(values["keep"]),
            modes=frozenset(values["modes"]),
            refused=None if refused is None else (str(refused[0]), tuple(terms_from(refused[1]))),
            handed={i: {f: _one(t) for f, t in by.items()} for i, by in values["handed"].items()},
            pages={int(a): int(offset) for a, offset in values["pages"]},
            laid={int(a): int(unit) for a, unit in values["laid"]},
        )
    except (TypeError, AttributeError) as error:
        raise ValueError(f"no crossing: {error}") from None


def _return(one: Return) -> dict[str, object]:
    return {
        "instruction": one.instruction,
        "operands": dict(one.operands),
        "when": term_values([one.when]),
        "before": _copies(one.before),
        "left": _copies(one.left),
        "words": term_values(t for word in one.words for t in word),
    }


def _return_from(values: Mapping[str, Any]) -> Return:
    words = terms_from(values["words"])
    return Return(
        instruction=values["instruction"],
        operands={str(n): int(v) for n, v in values["operands"].items()},
        when=_one(values["when"]),
        before=_copies_from(values["before"]),
        left=_copies_from(values["left"]),
        words=tuple(zip(words[::2], words[1::2], strict=True)),
    )


def _copies(copies: Iterable[Copy]) -> list[object]:
    copies = list(copies)
    return [[[c.leaf, c.index] for c in copies], term_values(c.value for c in copies)]


def _copies_from(values: Any) -> tuple[Copy, ...]:
    places, terms = values
    pairs = zip(places, terms_from(terms), strict=True)
    return tuple(Copy(str(leaf), None if index is None else int(index), term) for (leaf, index), term in pairs)


def _one(values: Any) -> Term:
    (term,) = terms_from(values)
    return term
