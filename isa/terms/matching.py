"""Rules of folding as values, (pattern, condition, result), and the function that a list of them is for one operator.

A pattern is a node in prefix form: `(ite g (ite g x y) z)`. A name stands for any term, and for the same one wherever it stands; `#k` is a
constant, `%k` a constant that the rule asks for because it pays there and not because it would be wrong elsewhere; `TRUE`, `FALSE`, `0`, `1`
and `-1` are constants of these values; `(extract[t:b] x)` gives names to the bounds. `tests/isa/terms/test_folding.py` proves every rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from pgcheck.isa.terms.nodes import FALSE, TRUE, Term, intern

Fold: TypeAlias = Callable[[int, tuple[Term, ...], Hashable], Term | None]
Pattern: TypeAlias = "str | Node"

# Rules that push an operator into the arms of another are for terms up to this height.
HIGHEST: Final = 160
LITERALS: Final = frozenset({"TRUE", "FALSE", "0", "1", "-1"})
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<open>\()(?P<op>\w+)(?:\[(?P<high>\w+):(?P<low>\w+)\])?|(?P<close>\))|(?P<name>[#%]?[\w-]+))"
)


@dataclass(frozen=True, slots=True)
class Node:
    """A pattern that is a node: its operator, the names of an extract's bounds, and the patterns of its arguments."""

    op: str
    bounds: tuple[str, ...]
    args: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """What a node that a pattern matches folds to, when a condition holds.

    `when` and `result` take what they need of the pattern by name, the node's width as `w` and its arguments as `a0` and `a1`. The result of a rule
    that goes on (`again`) is the arguments and data of another node of the same operator, which is folded in turn without a deeper stack. A
    `bounded` rule is only for nodes whose argument of that number is at most `HIGHEST` high.
    """

    pattern: str
    result: Callable[..., Any]
    when: Callable[..., object] | None = None
    again: bool = False
    bounded: int | None = None

    @property
    def literal(self) -> bool:
        """Whether the pattern is one node of which an argument is TRUE or FALSE."""
        return bool({"TRUE", "FALSE"} & {a for a in self.node.args if isinstance(a, str)}) and not any(
            isinstance(a, Node) for a in self.node.args
        )

    @property
    def node(self) -> Node:
        """The pattern, read."""
        return read(self.pattern)


def read(pattern: str) -> Node:
    """The node that a pattern describes. Raises ValueError."""
    stack: list[tuple[str, tuple[str, ...], list[Pattern]]] = [("", (), [])]
    at = 0
    while at < len(pattern):
        found = _TOKEN.match(pattern, at)
        if found is None:
            raise ValueError(f"no pattern: {pattern}")
        at = found.end()
        if found["open"]:
            stack.append((found["op"], (found["high"], found["low"]) if found["high"] else (), []))
        elif found["close"]:
            op, bounds, args = stack.pop()
            stack[-1][2].append(Node(op, bounds, tuple(args)))
        else:
            stack[-1][2].append(found["name"])
    match stack:
        case [(_, _, [Node() as whole])]:
            return whole
    raise ValueError(f"no pattern: {pattern}")


def compiled(rules: Sequence[Rule]) -> Fold:
    """The function of width, arguments and data that tries rules for one operator in order; None where none is for the node."""
    first = rules[0].node
    operators = "\n        ".join(f"o{k} = a{k}.op" for k in range(len(first.args)))
    unpacked = ", ".join(f"a{k}" for k in range(len(first.args)))
    known: dict[str, Any] = {"TRUE": TRUE, "FALSE": FALSE, "intern": intern}
    tried = [_tried(rule, number, known) for number, rule in enumerate(rules)]
    source = f"""
def fold(w, a, d):
    start = a
    while True:
        {unpacked}, = a
        {operators}
        {"".join(tried)}return None if a is start else intern({first.op!r}, w, a, d, None)
"""
    exec(source, known)  # our own table as a chain of comparisons: the same as if it were written out by hand
    fold: Fold = known["fold"]
    return fold


def _tried(rule: Rule, number: int, known: dict[str, Any]) -> str:
    """The lines that try a rule; its functions are made known to them by its number."""
    bound: dict[str, str] = {"w": "w", "a0": "a0", "a1": "a1"}
    node = rule.node
    tests = list(_tests(node, bound))
    if rule.bounded is not None:
        tests.append(f"a{rule.bounded}.height <= {HIGHEST}")
    known[f"result{number}"] = rule.result
    if rule.when is not None:
        known[f"when{number}"] = rule.when
        tests.append(f"when{number}({_taken(rule.when, bound)})")
    made = f"result{number}({_taken(rule.result, bound)})"
    done = f"a, d = {made}\n            continue" if rule.again else f"return {made}"
    return f"if {' and '.join(tests) or 'True'}:\n            {done}\n        "


def _taken(function: Callable[..., Any], bound: dict[str, str]) -> str:
    code = function.__code__
    return ", ".join(bound[name] for name in code.co_varnames[: code.co_argcount])


def _tests(node: Node, bound: dict[str, str]) -> Iterator[str]:
    """The comparisons that tell whether the arguments match, those of the arguments themselves first; `bound` becomes where each name stands."""
    places: list[tuple[Pattern, str, str]] = [(p, f"a{k}", f"o{k}") for k, p in enumerate(node.args)]
    if node.bounds:
        bound |= {name: f"d[{k}]" for k, name in enumerate(node.bounds)}
    while places:
        deeper: list[tuple[Pattern, str, str]] = []
        for pattern, place, op in places:
            match pattern:
                case Node():
                    yield f"{op} == {pattern.op!r}"
                    bound |= {name: f"{place}.data[{k}]" for k, name in enumerate(pattern.bounds)}
                    deeper += [(p, f"{place}.args[{k}]", f"{place}.args[{k}].op") for k, p in enumerate(pattern.args)]
                case "TRUE" | "FALSE":
                    yield f"{place} is {pattern}"
                case "0" | "1":
                    yield f"{op} == 'const' and {place}.data == {pattern}"
                case "-1":
                    yield f"{op} == 'const' and {place}.data == (1 << {place}.width) - 1"
                case _:
                    name = pattern.lstrip("#%")
                    if name in bound:
                        yield f"{place} is {bound[name]}"
                    elif name != pattern:
                        yield f"{op} == 'const'"
                    bound.setdefault(name, place)
        places = deeper
