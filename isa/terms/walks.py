"""Walks over terms: in order, rebuilding, digest and value."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache

from pgcheck.isa.terms.folding import mk, store
from pgcheck.isa.terms.names import Name
from pgcheck.isa.terms.nodes import ARRAY, Term, intern
from pgcheck.isa.terms.operators import OPERATORS


def walk(roots: Iterable[Term]) -> Iterator[Term]:
    """Every node under `roots` once, arguments before their users, in a fixed order."""
    seen: set[Term] = set()
    stack: list[tuple[Term, bool]] = [(r, False) for r in roots][::-1]
    while stack:
        term, done = stack.pop()
        if done:
            yield term
        elif term not in seen:
            seen.add(term)
            if term.args:
                stack.append((term, True))
                stack.extend([(a, False) for a in reversed(term.args) if a not in seen])
            else:
                yield term


@lru_cache(maxsize=64)
def _in_order(roots: tuple[Term, ...]) -> tuple[Term, ...]:
    """What `walk` gives, kept of the last roots: a step is copied many times in a row."""
    return tuple(walk(roots))


Rewriter = Callable[[Term, tuple[Term, ...]], Term | None]


def rewrite(roots: Iterable[Term], replace: Rewriter, memo: dict[Term, Term] | None = None) -> list[Term]:
    """Rebuild `roots` bottom up; `replace(node, new arguments)` gives the new node, or None to keep its operator."""
    roots = tuple(roots)
    if memo is None:
        memo = {}
        for term in _in_order(roots):
            args = tuple([memo[a] for a in term.args])
            new = replace(term, args)
            memo[term] = rebuild(term, args) if new is None else new
        return [memo[r] for r in roots]
    for root in roots:
        if root in memo:
            continue
        stack = [root]
        while stack:
            term = stack[-1]
            if term in memo:
                stack.pop()
                continue
            missing = [a for a in term.args if a not in memo]
            if missing:
                stack.extend(reversed(missing))
                continue
            stack.pop()
            args = tuple(memo[a] for a in term.args)
            new = replace(term, args)
            memo[term] = rebuild(term, args) if new is None else new
    return [memo[r] for r in roots]


def rebuild(term: Term, args: tuple[Term, ...]) -> Term:
    """`term` with other arguments, simplified."""
    if args == term.args:
        return term
    if term.op == "store":
        return store(*args)
    if term.op in OPERATORS or term.op == "select":
        return mk(term.op, term.width, *args, data=term.data)
    return intern(term.op, term.width, args, term.data, term.shape)


def substitute(roots: Iterable[Term], leaves: Mapping[Term, Term], memo: dict[Term, Term] | None = None) -> list[Term]:
    """Rebuild `roots` with variables and arrays replaced as `leaves` says."""
    return rewrite(roots, lambda t, _: leaves.get(t) if not t.args else None, memo)


def on_leaves(roots: Iterable[Term], leaves: Mapping[str, Term], memo: dict[Term, Term] | None = None) -> list[Term]:
    """Rebuild `roots`, which are over state, with the leaves that `leaves` has replaced by its terms."""

    def replace(term: Term, _: tuple[Term, ...]) -> Term | None:
        return None if term.args or (leaf := term.leaf) is None else leaves.get(leaf)

    return rewrite(roots, replace, memo)


def digest(roots: Iterable[Term]) -> str:
    """A hexadecimal blake2b digest of a list of terms, the same in every process."""
    roots = list(roots)
    stack = [r for r in roots if r.digest is None]
    while stack:
        term = stack[-1]
        missing = [a for a in term.args if a.digest is None]
        if missing:
            stack.extend(missing)
            continue
        stack.pop()
        data = str(term.data) if isinstance(term.data, Name) else term.data
        head = repr((term.op, term.width, data, term.shape)).encode()
        term.digest = hashlib.blake2b(head + b"".join(a.digest or b"" for a in term.args), digest_size=16).digest()
    return hashlib.blake2b(b"".join(r.digest or b"" for r in roots), digest_size=16).hexdigest()


ArrayValue = tuple[Term, Mapping[int, int]]


def evaluate(
    roots: Iterable[Term],
    leaf: Callable[[Term], int],
    element: Callable[[Term, int], int],
    function: Callable[[Name, tuple[int, ...], int], int],
) -> list[int]:
    """The values of `roots` (no array among them) without a solver.

    `leaf` gives variables, `element(array, index)` the elements of free arrays, `function(name, arguments, width)`
    uninterpreted functions.
    """
    roots = list(roots)
    value: dict[Term, int] = {}
    arrays: dict[Term, ArrayValue] = {}
    for term in walk(roots):
        match term.op:
            case "const":
                value[term] = term.value
            case "var":
                value[term] = leaf(term)
            case "array" | "karray":
                arrays[term] = (term, {})
            case "store":
                base, overlay = arrays[term.args[0]]
                arrays[term] = (base, {**overlay, value[term.args[1]]: value[term.args[2]]})
            case "select":
                base, overlay = arrays[term.args[0]]
                index = value[term.args[1]]
                if index in overlay:
                    value[term] = overlay[index]
                else:
                    value[term] = base.value if base.op == "karray" else element(base, index)
            case "uf":
                value[term] = function(term.name, tuple(value[a] for a in term.args), term.width)
            case "ite" if term.width == ARRAY:
                arrays[term] = arrays[term.args[1] if value[term.args[0]] else term.args[2]]
            case op:
                row = OPERATORS[op]
                widths = tuple(a.width for a in term.args)
                value[term] = row.python(term.width, widths, term.data, *(value[a] for a in term.args))
    return [value[r] for r in roots]
