"""Answers to obligations: folding, cache, abstraction, z3 in a child process, evaluated models, a second solver.

This is all that the checker knows of solvers. Only `unsat` from a solver that answered normally, or `sat` with a model
under which every assertion evaluates to true, is a verdict; everything else is `unknown` or `error` with the reason.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal

from pgcheck.checker.options import Limits
from pgcheck.checker.solving.elements import element_name, expanded, small
from pgcheck.checker.solving.model import Answer, Model, Status, Wish
from pgcheck.checker.solving.process import COMMAND, SolverDied, SolverProcess
from pgcheck.checker.solving.smtlib import Script, abstract, gates, script
from pgcheck.checker.solving.versions import versions
from pgcheck.isa.files.cache import Cache
from pgcheck.isa.terms import FALSE, TRUE, Name, Term, conjunction, digest, evaluate, mask
from pgcheck.isa.terms.names import read

MOST_HELD: Final = 2048  # answers


class Solver:
    """Solves obligations one at a time in a child process that starts with the first of them.

    The last answers are held: of the same terms each solver is asked once.
    `cache` keeps verdicts between runs; `second` lets `confirm` ask a second solver. `dump` is called with the label
    and the script of every obligation that folding does not settle, cached or not. `command` starts another child.
    """

    def __init__(
        self,
        limits: Limits,
        cache: Cache | None = None,
        second: bool = True,
        *,
        dump: Callable[[str, Script], None] | None = None,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._limits = limits
        self._cache = cache
        self._second = second
        self._dump = dump
        self.process = SolverProcess(command, limits.memory)
        self._versions = versions()
        self._printed: tuple[tuple[Term, ...], Script] | None = None
        self._held: dict[tuple[str, tuple[Term, ...]], Answer] = {}

    def check(self, assertions: Sequence[Term], *, label: str) -> Answer:
        """Whether `assertions` can all be true; `label` names the obligation in a dump."""
        start = time.monotonic()
        assertions = [a for a in assertions if a is not TRUE]
        if conjunction(assertions) is FALSE:
            return Answer("unsat", "folded")
        if not assertions:
            return Answer("sat", "folded", Model({}, {}, {}))
        if self._dump is not None:
            self._dump(label, script(assertions))
        answer = self._once("z3-solver", assertions, self._checked)
        return replace(answer, seconds=time.monotonic() - start)

    def _once(self, solver: str, assertions: Sequence[Term], ask: Callable[[Sequence[Term]], Answer]) -> Answer:
        """The answer of a solver, held or asked for; none is held that time or an accident has decided."""
        key = solver, tuple(assertions)
        if key in self._held:
            return self._held[key]
        answer = ask(assertions)
        if answer.status in ("sat", "unsat"):
            if len(self._held) >= MOST_HELD:
                del self._held[next(iter(self._held))]
            self._held[key] = answer
        return answer

    def _checked(self, assertions: Sequence[Term]) -> Answer:
        """What z3 has said, in this run or another, or says now."""
        key = self.key(assertions, "z3-solver", self._limits.rlimit)
        answer = self._recall(key, assertions)
        if answer is None:
            answer = self._solve(assertions)
            self._remember(key, answer)
        return answer

    def minimise(self, assertions: Sequence[Term], model: Model, wishes: Sequence[Wish]) -> Model:
        """A model of `assertions` that fulfils `wishes` greedily in order; `model` itself if none better is found."""
        if not wishes:
            return model
        formulas: list[Term] = []
        positions: list[tuple[int, list[int]]] = []
        for wish in wishes:
            first = len(formulas)
            formulas += (wish.prefer, *wish.bits)
            positions.append((first, list(range(first + 1, len(formulas)))))
        start = sorted(model.variables.items()), sorted(model.elements.items()), sorted(model.functions.items())
        limit = f"{self._limits.wish_rlimit} {self._limits.rlimit} {positions} {start}"
        key = self.key([*assertions, *formulas], "z3-solver", hashlib.blake2b(limit.encode()).hexdigest())
        cached = self._recall(key, assertions)
        if cached is not None and cached.model is not None:
            return cached.model
        text = script(expanded([*assertions, *formulas], wide=False))
        request = {
            "do": "minimise",
            "text": text.text,
            "count": len(assertions),
            "wishes": positions,
            "holds": [bool(v) for v in model.values(formulas)],
            "rlimit": self._limits.rlimit,
            "wish_rlimit": self._limits.wish_rlimit,
        }
        try:
            size = gates([*assertions, *formulas])
            reply = self.process.ask(request, self._net(size))
            if _read_status(reply) != "sat":
                return model
            better = _read_model(reply["model"], text, [*assertions, *formulas]) if "model" in reply else model
        except (SolverDied, _Unreadable):
            return model
        if not better.satisfies(assertions):
            return model
        self._remember(key, Answer("sat", model=better))
        return better

    def confirm(self, assertions: Sequence[Term], solver: Literal["bitwuzla", "cvc5"] = "bitwuzla") -> Answer:
        """What the second solver says, of the abstraction first, without a model; if that is no `unsat`, the reason says what was missing."""
        assertions = [a for a in assertions if a is not TRUE]
        if conjunction(assertions) is FALSE:
            return Answer("unsat", "folded")
        if not self._second:
            return Answer("unknown", "no second solver was asked for")
        if solver not in self._versions:
            return Answer("unknown", f"{solver} is not installed")
        return self._once(solver, assertions, lambda asked: self._confirmed(asked, solver))

    def _confirmed(self, assertions: Sequence[Term], solver: str) -> Answer:
        """What another solver has said, in this run or another, or says now."""
        key = self.key(assertions, solver, self._limits.second_seconds)
        cached = self._recall(key, assertions)
        if cached is not None:
            return cached
        answer = Answer("unknown")
        for attempt in _attempts(assertions):
            seconds = self._limits.second_seconds
            request = {
                "do": solver,
                "text": self._script(attempt).text,
                "seconds": seconds,
                "memory": self.process.memory,
            }
            try:
                reply = self.process.ask(request, 2 * seconds + 5)
                answer = Answer(_read_status(reply), str(reply.get("reason", "")))
            except SolverDied as died:
                answer = Answer(died.status, died.reason)
            except _Unreadable as error:
                answer = Answer("error", str(error))
            if answer.status == "unsat":
                self._remember(key, answer)
                break
        return answer if answer.status in ("sat", "unsat") else replace(answer, reason=f"{solver}: {answer.reason}")

    def close(self) -> None:
        """End the child; the next obligation starts another."""
        self.process.kill()

    def _script(self, assertions: Sequence[Term]) -> Script:
        """The script of an obligation; the second solver is asked what the first was, so the last one is kept."""
        key = tuple(assertions)
        if self._printed is None or self._printed[0] != key:
            self._printed = key, script(assertions)
        return self._printed[1]

    def _solve(self, assertions: Sequence[Term]) -> Answer:
        """z3 on the abstracted and then, if that does not settle it, on the exact obligation, in one form and another."""
        spent = 0
        answer = Answer("unknown")
        for attempt in _attempts(assertions):
            if (size := gates(attempt)) > self._limits.circuit:
                reason = f"its products and quotients take {size} gates, more than {self._limits.circuit}"
                answer = Answer("unknown", reason, rlimit=spent)
                continue
            text = self._script(attempt)
            request = {"do": "check", "text": text.text, "rlimit": self._limits.rlimit}
            try:
                reply = self.process.ask(request, self._net(size))
                status = _read_status(reply)
                model = _read_model(reply.get("model"), text, [*attempt, *assertions]) if status == "sat" else None
                spent += int(reply.get("rlimit", 0))
                answer = Answer(status, str(reply.get("reason", "")), model, rlimit=spent)
            except SolverDied as died:
                return Answer(died.status, died.reason, rlimit=spent)
            except _Unreadable as error:
                self.process.kill()
                return Answer("error", str(error), rlimit=spent)
            if status == "unsat":
                return answer
            if model is not None and not model.satisfies(attempt):
                if unread := _unread(reply["model"], text):
                    answer = Answer("unknown", f"the solver's model cannot be read: {unread}", rlimit=spent)
                    continue
                return Answer(
                    "error", "invalid model: an assertion is false under the solver's own model", rlimit=spent
                )
            if model is not None and (_same(attempt, assertions) or model.satisfies(assertions)):
                return answer
        return answer

    def _net(self, size: int) -> float:
        """The seconds after which an obligation with so many gates is given up."""
        return min(self._limits.seconds, self._limits.circuit_seconds) if size else self._limits.seconds

    def key(self, assertions: Sequence[Term], solver: str, limit: float | str) -> str:
        """Under what an answer is kept: the obligation, the solver with its version, and its limit."""
        return f"{digest(assertions)} {solver} {self._versions.get(solver, 'none')} {limit}"

    def _recall(self, key: str, assertions: Sequence[Term]) -> Answer | None:
        """The cached verdict; a cached model is evaluated like any other."""
        text = self._cache.get(key) if self._cache is not None else None
        if text is None:
            return None
        try:
            stored = json.loads(text)
            if stored["status"] == "unsat":
                return Answer("unsat", "cached", rlimit=int(stored["rlimit"]))
            model = Model(
                {read(n): v for n, v in stored["variables"].items()},
                {(read(n), i): v for n, i, v in stored["elements"]},
                {(read(n), tuple(a)): v for n, a, v in stored["functions"]},
            )
            return Answer("sat", "cached", model, rlimit=int(stored["rlimit"])) if model.satisfies(assertions) else None
        except (ValueError, KeyError, TypeError):
            return None

    def _remember(self, key: str, answer: Answer) -> None:
        if self._cache is None or answer.status not in ("sat", "unsat"):
            return
        stored: dict[str, Any] = {"status": answer.status, "rlimit": answer.rlimit}
        if answer.model is not None:
            stored["variables"] = {str(n): v for n, v in answer.model.variables.items()}
            stored["elements"] = [(str(n), i, v) for (n, i), v in answer.model.elements.items()]
            stored["functions"] = [(str(n), a, v) for (n, a), v in answer.model.functions.items()]
        self._cache.put(key, json.dumps(stored, separators=(",", ":")))


class _Unreadable(Exception):
    """A reply that has not the shape of one."""


def _attempts(assertions: Sequence[Term]) -> Iterator[Sequence[Term]]:
    """The abstraction, if there is anything to abstract, the exact obligation, and last that with all small arrays taken apart."""
    exact = expanded(assertions, wide=False)
    looser = abstract(exact)
    if not _same(looser, exact):
        yield looser
    yield exact
    wide = expanded(assertions, wide=True)
    if not _same(wide, exact):
        yield wide


def _same(some: Sequence[Term], others: Sequence[Term]) -> bool:
    return all(a is b for a, b in zip(some, others, strict=True))


def _read_status(reply: Mapping[str, Any]) -> Status:
    status = reply.get("status")
    if status not in ("unsat", "sat", "unknown", "error"):
        raise _Unreadable(f"the solver process answered {str(status)[:80]!r}")
    return status  # type: ignore[no-any-return]  # one of four literals, as just tested


def _unread(interpretation: Any, text: Script) -> str:
    """Why the first symbol of a script that has a value cannot be read; empty if all can."""
    unread = interpretation.get("unread", {})
    return next((str(unread[name]) for name in text.symbols if name in unread), "")


def _read_model(interpretation: Any, text: Script, terms: Sequence[Term]) -> Model:
    """The part of an interpretation that `terms` depend on; _Unreadable if a value is no number or out of range."""
    variables: dict[Name, int] = {}
    elements: dict[tuple[Name, int], int] = {}
    functions: dict[tuple[Name, tuple[int, ...]], int] = {}

    def fit(value: Any, width: int) -> int:
        if type(value) is not int or not 0 <= value <= mask(max(width, 1)):
            raise _Unreadable(f"the solver's model gives {str(value)[:80]} for a value of {width} bits")
        return value

    try:
        known = {name: symbol for symbol, (_, name) in text.symbols.items()}
        plain = interpretation["variables"]
        arrays = {s: (default, dict(rows)) for s, (default, rows) in interpretation["arrays"].items()}
        tables = {
            s: (default, {tuple(a): v for a, v in rows}) for s, (default, rows) in interpretation["functions"].items()
        }

        def leaf(term: Term) -> int:
            return variables.setdefault(term.name, fit(plain.get(known.get(term.name), 0), term.width))

        def element(array: Term, index: int) -> int:
            apart = known.get(element_name(array.name, index)) if small(array) else None
            if apart is not None:
                value = plain.get(apart, 0)
                return elements.setdefault((array.name, index), fit(value, array.array_sort[1]))
            default, rows = arrays.get(known.get(array.name), (0, {}))
            return elements.setdefault((array.name, index), fit(rows.get(index, default), array.array_sort[1]))

        def function(name: Name, arguments: tuple[int, ...], width: int) -> int:
            if not arguments:
                return functions.setdefault((name, ()), fit(plain.get(known.get(name), 0), width))
            default, rows = tables.get(known.get(name), (0, {}))
            return functions.setdefault((name, arguments), fit(rows.get(arguments, default), width))

        evaluate(terms, leaf, element, function)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _Unreadable(f"the solver's model cannot be read: {type(error).__name__}: {error}") from error
    return Model(variables, elements, functions)
