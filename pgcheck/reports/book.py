"""The rules as reports name them, kept between runs: to gather them from where each is found out takes the whole checker."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING

from pgcheck.isa.kept import store
from pgcheck.isa.kept.tool import ROOMS, digest

if TYPE_CHECKING:
    from pgcheck.checker.rule import Level, Rule


@dataclass(frozen=True, slots=True)
class Entry:
    """What a report says of a rule; `hypothesis` is the name of the one that it is part of, if any, and `broken` the smallest specification that breaks it."""

    id: str
    name: str
    level: Level
    title: str
    law: str
    formula: str
    reference: str
    broken: str
    hypothesis: str
    premise: bool


@cache
def book() -> Mapping[str, Entry]:
    """Every rule by its name, in the order of ids."""
    name = f"rules-{digest(*ROOMS)}-{sys.implementation.cache_tag}"
    try:
        content = store.read(store.folder(), name)
        known = [Entry(**entry) for entry in json.loads(content)] if content is not None else []
    except (OSError, RuntimeError, ValueError, TypeError, store.Unsafe):
        known = []
    if not known:
        known = _gathered()
        try:
            store.write(store.folder(), name, json.dumps([asdict(entry) for entry in known]).encode())
        except (OSError, RuntimeError, store.Unsafe):
            pass
    return {entry.name: entry for entry in known}


def _gathered() -> list[Entry]:
    from pgcheck.checker.law import Premise
    from pgcheck.reports.rulebook import RULES

    def entry(rule: Rule) -> Entry:
        hypothesis = rule.hypothesis.name if rule.hypothesis is not None else ""
        broken, premise = rule.example.broken, isinstance(rule, Premise)
        return Entry(
            rule.id,
            rule.name,
            rule.level,
            rule.title,
            rule.law,
            rule.formula,
            rule.reference,
            broken,
            hypothesis,
            premise,
        )

    return [entry(rule) for rule in RULES]
