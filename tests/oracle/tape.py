"""A tree of choices: every run takes one way through it, none twice, until all have been taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

FAVOUR = 0.75


@dataclass(slots=True)
class _Node:
    """A choice that has come up: how many values it has (0: not known yet), those that lead nowhere new, and what follows the others."""

    size: int = 0
    done: set[int] = field(default_factory=set)
    below: dict[int, _Node] = field(default_factory=dict)


class Tape:
    """Choices in the order in which a run asks for them.

    What is asked may hang on what was chosen before, and on nothing else. `exhausted` once every way was taken.
    """

    def __init__(self, seed: int = 0) -> None:
        self.random = Random(seed)
        self.exhausted = False
        self._root = _Node()
        self._here = self._root
        self._way: list[tuple[_Node, int]] = []

    def choose(self, size: int, favoured: Sequence[int] = ()) -> int:
        """A number below `size`, mostly one of those favoured while they lead to anything new."""
        node = self._here
        assert node.size in (0, size), "a run asked for something else at the same place"
        node.size = size
        value = self._pick(node, favoured)
        self._way.append((node, value))
        self._here = node.below.setdefault(value, _Node())
        return value

    def _pick(self, node: _Node, favoured: Sequence[int]) -> int:
        if favoured and self.random.random() < FAVOUR:
            fresh = [v for v in favoured if v not in node.done]
            if fresh:
                return self.random.choice(fresh)
        for _ in range(8):
            value = self.random.randrange(node.size)
            if value not in node.done:
                return value
        return self.random.choice([v for v in range(node.size) if v not in node.done])

    def finish(self) -> None:
        """The run is over: the next one takes another way."""
        for node, value in reversed(self._way):
            child = node.below.get(value)
            if child is not None and len(child.done) < child.size:
                break
            node.done.add(value)
            node.below.pop(value, None)
        root = self._root
        self.exhausted = len(root.done) == root.size
        self._here, self._way = root, []
