"""The table of all rules, gathered from where each is found out, for people and programs: `pgcheck rules`, `pgcheck rule`."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from operator import attrgetter
from typing import Any, Final

from pgcheck.checker.rule import Rule
from pgcheck.checker.traps.changes import ChangeRule
from pgcheck.console import Failure
from pgcheck.isa.files.errors import did_you_mean
from pgcheck.isa.rows import rows

WIDTH: Final = 80
FOUND_IN: Final = (
    "pgcheck.checker.laws",
    "pgcheck.checker.premises",
    "pgcheck.checker.traps",
    "pgcheck.checker.verdicts",
)
_EACH: Final = dict.fromkeys(rule for package in FOUND_IN for rule in rows(package, Rule))
RULES: Final = tuple(sorted(_EACH, key=attrgetter("id")))
BY_NAME: Final = {rule.name: rule for rule in RULES}


def found(word: str) -> Rule:
    """The rule that an id or a name means. Raises Failure."""
    known = {key.casefold(): rule for rule in RULES for key in (rule.id, rule.name)}
    rule = known.get(word.casefold())
    if rule is None:
        hint = did_you_mean(word, known) or "`pgcheck rules` names them"
        raise Failure(f"no rule '{word}'; {hint}")
    return rule


def listed() -> str:
    """All rules in lines: id, level, name and title."""
    width = max(len(rule.name) for rule in RULES)
    lines = []
    for rule in RULES:
        head = f"{rule.id}  {rule.level:7}  {rule.name:{width}}  "
        lines += textwrap.wrap(rule.title, WIDTH, initial_indent=head, subsequent_indent=" " * len(head))
    return "\n".join(lines)


def shown(rule: Rule) -> str:
    """A rule with all that is said of it, and its example."""
    return "\n".join(_lines(rule))


def _lines(rule: Rule) -> Iterator[str]:
    yield f"{rule.id} {rule.name} ({rule.level}): {rule.title}"
    yield ""
    for head, text in (("Law", rule.law), ("Formula", rule.formula), ("From", rule.reference)):
        if text:
            yield from textwrap.wrap(
                text, WIDTH, initial_indent=f"{head:9}", subsequent_indent=" " * 9, break_on_hyphens=False
            )
    budget = f", checked with --budget {rule.example.budget}" if rule.example.budget else ""
    broken, mended = (
        ("The smallest specification after a change that breaks it", "And what it was before:")
        if isinstance(rule, ChangeRule)
        else ("The smallest specification that breaks it", "And what mends it:")
    )
    yield f"\n{broken}{budget}:\n"
    yield from (f"  {line}" for line in rule.example.broken.splitlines())
    if rule.example.waivers:
        yield "\nwith these waivers:\n"
        yield from (f"  {line}" for line in rule.example.waivers.splitlines())
    if rule.example.broken == rule.example.mended:
        yield "\nIt is kept with the default budget."
    else:
        yield f"\n{mended}\n"
        yield from (f"  {line}" for line in rule.example.difference())


def document(rule: Rule | None = None) -> str:
    """One rule as JSON, or all of them in a list `rules`."""
    whole = {"rules": [_described(r) for r in RULES]} if rule is None else _described(rule)
    return json.dumps(whole, indent=2, ensure_ascii=False)


def _described(rule: Rule) -> dict[str, Any]:
    given = rule.example
    return {
        "id": rule.id,
        "name": rule.name,
        "level": rule.level,
        "title": rule.title,
        "law": rule.law,
        "formula": rule.formula,
        "reference": rule.reference,
        "example": {
            "broken": given.broken,
            "mended": given.mended,
            "budget": given.budget or None,
            "waivers": given.waivers or None,
        },
    }
