"""What a region consists of: instructions that are reached from a hot one, as far as they have been executed before, and their function."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pgcheck.isa.terms import mask
from pgcheck.models.native.lowering.code import store_name
from pgcheck.models.native.lowering.llvm import Body
from pgcheck.models.native.lowering.plan import Plan, Unsupported
from pgcheck.models.native.lowering.text import module
from pgcheck.models.native.regions.body import Part, RegionBody, Shape
from pgcheck.models.native.regions.code import RegionCode, store
from pgcheck.models.state import Fetched

MOST: Final = 300
"""Instructions of one region: the back end's time grows faster than they."""

Reader = Callable[[int], Fetched | None]
"""The instruction at an address, if it was executed before and native code runs it."""


@dataclass(frozen=True, slots=True)
class Region:
    """A region's text, its instructions' addresses in the order of its table of origins, and where it is entered."""

    text: str
    addresses: tuple[int, ...]
    entries: tuple[int, ...]


class Writer:
    """Writes one region of a plan, in a context, with numbers of the layout that do not change."""

    def __init__(
        self, plan: Plan, context: Mapping[str, int | bytes], constants: Mapping[int, int], read: Reader
    ) -> None:
        self.plan, self.context, self.read = plan, context, read
        self.body = RegionBody(plan.layout, constants)
        self.body.stores = {store_name(count): count for count in plan.layout.limits}
        self.bound = mask(plan.machine.state.leaves[plan.machine.state.pc].width)
        self.parts: dict[int, Part] = {}
        self.behind: dict[int, None] = {}

    def written(self, hot: int, most: int = MOST) -> Region | None:
        """The region about a hot instruction; None where there can be none."""
        self._gather(hot, most)
        if hot not in self.parts:
            return None
        shape = self._shape(hot)
        text = self.body.assembled(shape)
        texts = [self._store(name) for name in sorted(self.body.called)]
        return Region(module([*texts, text]), tuple(self.parts), tuple(shape.heads))

    def _gather(self, hot: int, most: int) -> None:
        """Write the instructions that are reached, the nearest first; what stands behind a jump or what tier 0 has to run is a place to come back to."""
        waiting, seen = deque([hot]), set[int]()
        while waiting and len(self.parts) < most:
            pc = waiting.popleft()
            if pc in seen:
                continue
            seen.add(pc)
            fetched = self.read(pc)
            if fetched is None:
                continue
            part = self._part(pc, fetched)
            following = pc + fetched.length & self.bound
            if part is None:
                self.behind[following] = None
                waiting.append(following)
                continue
            self.parts[pc] = part
            waiting.extend(part.targets)
            if following not in part.targets or part.anywhere:
                self.behind[following] = None
                waiting.append(following)

    def _part(self, pc: int, fetched: Fetched) -> Part | None:
        """An instruction, written; None if tier 0 has to run it."""
        part = Part(len(self.parts), pc, pc + fetched.length & self.bound)
        self.body.begin_part(part)
        try:
            RegionCode(self.plan, self.body, self.context).instruction(fetched, pc, part.following)
        except (Unsupported, RecursionError):
            return None
        self.body.end_part()
        return part if part.completes else None

    def _store(self, name: str) -> str:
        layout, count = self.plan.layout, self.body.stores[name]
        body = Body(layout, "function", name, (64, count * self.plan.machine.state.memory_unit), ())
        store(self.plan, body, count)
        return body.text

    # ---- the graph

    def _shape(self, hot: int) -> Shape:
        edges = {pc: [t for t in part.targets if t in self.parts] for pc, part in self.parts.items()}
        heads = [hot, *(pc for pc in self.behind if pc in self.parts and pc != hot)]
        for part in self.parts.values():
            if part.anywhere:
                heads += edges[part.pc]
        order = self._ordered(edges, heads)
        longest = self._longest(edges, order, set(heads))
        return Shape(self.parts, {pc: longest[pc] for pc in dict.fromkeys(heads)}, self._depths(edges, order, heads))

    def _ordered(self, edges: Mapping[int, list[int]], heads: list[int]) -> list[int]:
        """All instructions, each before those that it goes on with, heads aside; targets of edges back become heads."""
        done, order, open_ = set[int](), list[int](), set[int]()
        for root in list(heads) + list(edges):
            stack = [(root, iter(edges[root]))] if root not in done else []
            open_ |= {pc for pc, _ in stack}
            while stack:
                pc, targets = stack[-1]
                for target in targets:
                    if target in open_:
                        heads.append(target)
                    elif target not in done:
                        stack.append((target, iter(edges[target])))
                        open_.add(target)
                        break
                else:
                    stack.pop()
                    open_.discard(pc)
                    done.add(pc)
                    order.append(pc)
        return order[::-1]

    @staticmethod
    def _longest(edges: Mapping[int, list[int]], order: list[int], heads: set[int]) -> dict[int, int]:
        """The most steps from each instruction on until a head or a way out."""
        found: dict[int, int] = {}
        for pc in reversed(order):
            found[pc] = 1 + max((found[t] for t in edges[pc] if t not in heads), default=0)
        return found

    def _depths(self, edges: Mapping[int, list[int]], order: list[int], heads: list[int]) -> dict[int, int]:
        """How many instructions stand before each in its block."""
        before: dict[int, list[int]] = {pc: [] for pc in order}
        for pc, targets in edges.items():
            for target in targets:
                before[target].append(pc)
        depth, leading = dict[int, int](), set(heads)
        for pc in order:
            given = before[pc]
            alone = len(given) == 1 and pc not in leading and len(self.parts[given[0]].targets) == 1
            depth[pc] = depth[given[0]] + 1 if alone else 0
        return depth
