"""Walks over terms: in order, rebuilding and digest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType

from pgcheck.isa.terms.folding import mk, store
from pgcheck.isa.terms.names import STATE, Name
from pgcheck.isa.terms.nodes import Term, intern, mentioned
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
def _in_order(roots: tuple[Term, ...], about: int | None) -> tuple[Term, ...]:
    """What `walk` gives of the nodes that mention something of `about`, kept of the last roots: a step is copied many times in a row."""
    if about is None:
        return tuple(walk(roots))
    found: dict[Term, None] = {}
    stack = [r for r in reversed(roots) if r.mentions & about]
    while stack:
        term = stack[-1]
        below = [a for a in term.args if a.mentions & about and a not in found] if term not in found else ()
        if below:
            stack += reversed(below)
        else:
            found[stack.pop()] = None
    return tuple(found)


Rewriter = Callable[[Term, tuple[Term, ...]], Term | None]
_NOTHING: Mapping[Term, Term] = MappingProxyType({})


def rewrite(
    roots: Iterable[Term],
    replace: Rewriter,
    memo: dict[Term, Term] | None = None,
    *,
    about: int | None = None,
    beside: Mapping[Term, Term] = _NOTHING,
) -> list[Term]:
    """Rebuild `roots` bottom up; `replace(node, new arguments)` gives the new node, or None to keep its operator.

    With `about`, nodes that mention none of its bits are what they are in `beside`, the memo of another rewriting, and else as they are:
    `replace` is to do the same with them, and is not asked.
    """
    roots = tuple(roots)
    known = {} if memo is None else memo
    if not known:
        for term in _in_order(roots, about):
            args = tuple([known[a] if a in known else beside.get(a, a) for a in term.args])
            new = replace(term, args)
            known[term] = rebuild(term, args) if new is None else new
        return [known[r] if r in known else beside.get(r, r) for r in roots]
    stack = [r for r in reversed(roots) if about is None or r.mentions & about]
    while stack:
        term = stack[-1]
        if term in known:
            stack.pop()
            continue
        missing = [a for a in term.args if a not in known and (about is None or a.mentions & about)]
        if missing:
            stack += reversed(missing)
            continue
        stack.pop()
        args = tuple([known[a] if a in known else beside.get(a, a) for a in term.args])
        new = replace(term, args)
        known[term] = rebuild(term, args) if new is None else new
    return [known[r] if r in known else beside.get(r, r) for r in roots]


def rebuild(term: Term, args: tuple[Term, ...]) -> Term:
    """`term` with other arguments, simplified."""
    if args == term.args:
        return term
    if term.op == "store":
        return store(*args)
    if term.op in OPERATORS or term.op == "select":
        return mk(term.op, term.width, *args, data=term.data)
    return intern(term.op, term.width, args, term.data, term.shape)


def substitute(roots: Iterable[Term], parts: Mapping[Term, Term], memo: dict[Term, Term] | None = None) -> list[Term]:
    """Rebuild `roots` with variables, arrays or other parts replaced as `parts` says."""
    return rewrite(roots, lambda t, _: parts.get(t), memo, about=mentions(parts))


def on_leaves(roots: Iterable[Term], leaves: Mapping[str, Term], memo: dict[Term, Term] | None = None) -> list[Term]:
    """Rebuild `roots`, which are over state, with the leaves that `leaves` has replaced by its terms."""

    def replace(term: Term, _: tuple[Term, ...]) -> Term | None:
        return None if term.args or (leaf := term.leaf) is None else leaves.get(leaf)

    return rewrite(roots, replace, memo, about=about_leaves(leaves))


def mentions(terms: Iterable[Term]) -> int | None:
    """The bits of all names in `terms`; None if one has no name in it, for what mentions it cannot be told."""
    found = 0
    for term in terms:
        if not term.mentions:
            return None
        found |= term.mentions
    return found


def about_leaves(leaves: Iterable[str]) -> int:
    """The bits of leaves of state."""
    found = 0
    for leaf in leaves:
        found |= mentioned(STATE, leaf)
    return found


def about_names(names: Iterable[Name]) -> int:
    """The bits of names."""
    found = 0
    for name in names:
        found |= mentioned(name.space, name.text)
    return found


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
