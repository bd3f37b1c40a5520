"""Runs that are answered lazily: what a run asks for branches when it is first asked, and all runs together are a tree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Key: TypeAlias = tuple[object, ...]
Answer: TypeAlias = "int | None"


@dataclass(frozen=True, slots=True)
class Branch:
    """What was asked, the answers that there are, and what comes after each."""

    key: Key
    answers: tuple[Answer, ...]
    after: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended: what it gave."""

    value: object


Tree: TypeAlias = Branch | End


class Script:
    """The answers of one run: those given before, and then the first of each. The same question has the same answer throughout."""

    __slots__ = ("asked", "given", "known")

    def __init__(self, given: Sequence[int]) -> None:
        self.given = given
        self.known: dict[Key, Answer] = {}
        self.asked: list[tuple[Key, tuple[Answer, ...], int]] = []

    def ask(self, key: Key, answers: Sequence[Answer]) -> Answer:
        """The answer to a question, of these."""
        if key in self.known:
            return self.known[key]
        place = len(self.asked)
        choice = self.given[place] if place < len(self.given) else 0
        self.asked.append((key, tuple(answers), choice))
        self.known[key] = answer = answers[choice]
        return answer

    def number(self, key: Key, count: int) -> int:
        """The answer to a question, of the numbers below `count`."""
        answer = self.ask(key, range(count))
        assert answer is not None
        return answer


@dataclass(slots=True)
class Spent:
    """How many runs were made."""

    runs: int = 0


SPENT = Spent()


def explore(run: Callable[[Script], object]) -> Tree:
    """Every way in which a run can be answered."""
    pending: list[list[int]] = [[]]
    found: list[tuple[list[tuple[Key, tuple[Answer, ...], int]], object]] = []
    while pending:
        given = pending.pop()
        script = Script(given)
        value = run(script)
        SPENT.runs += 1
        found.append((script.asked, value))
        taken = [choice for _, _, choice in script.asked]
        for place in range(len(given), len(taken)):
            for other in range(1, len(script.asked[place][1])):
                pending.append([*taken[:place], other])
    found.sort(key=lambda f: [choice for _, _, choice in f[0]])
    tree, rest = _tree(found, 0, 0)
    assert rest == len(found)
    return tree


def _tree(
    found: list[tuple[list[tuple[Key, tuple[Answer, ...], int]], object]], first: int, depth: int
) -> tuple[Tree, int]:
    """The tree of the runs from `first` on that agree with it in their first `depth` answers, and the run after them."""
    asked, value = found[first]
    if len(asked) == depth:
        return End(value), first + 1
    key, answers, _ = asked[depth]
    after: list[Tree] = []
    for _ in answers:
        below, first = _tree(found, first, depth + 1)
        after.append(below)
    return Branch(key, answers, tuple(after)), first
