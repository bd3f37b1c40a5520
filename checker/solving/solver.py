"""Answers to obligations: folding, cache, abstraction, solvers in a child process, evaluated models, a second solver's word.

This is all that the checker knows of solvers. Only `unsat` from z3 if it answered normally, or `sat` with a model under
which every assertion evaluates to true, whoever found it, is a verdict; everything else is `unknown` or `error` with the reason.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, Literal

from pgcheck.checker.options import Limits
from pgcheck.checker.solving import reading
from pgcheck.checker.solving.elements import expanded
from pgcheck.checker.solving.model import Answer, Model, Wish, completing
from pgcheck.checker.solving.process import COMMAND, SolverDied, SolverProcess
from pgcheck.checker.solving.smtlib import Script, abstract, gates, script
from pgcheck.checker.solving.versions import versions
from pgcheck.isa.files.cache import Cache
from pgcheck.isa.terms import FALSE, TRUE, Term, Valuation, conjunction, digest
from pgcheck.isa.terms.names import read

SEARCHING: Final = ("bitwuzla", "z3")
"""The solvers that look for models, in the order in which they are asked; verdicts and witnesses are the same in the other order."""
MOST_HELD: Final = 2048  # answers
MOST_RECENT: Final = 3
"""Models; eight show more, and cost more than that saves where most obligations have none."""
RLIMIT_OF_A_TICK: Final = 1000  # bitwuzla's unit in z3's, roughly
LATER: Final = "to be proved"

Unproved = dict[tuple[Term, ...], None]
"""Obligations, in order, of which bitwuzla says that they have no model and z3 has not been asked."""


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
        self._recent: list[tuple[Model, Valuation]] = []

    def check(self, assertions: Sequence[Term], *, label: str) -> Answer:
        """Whether `assertions` can all be true, in z3's words; `label` names the obligation in a dump."""
        return self._answered(assertions, label, self._decided)

    def find(self, assertions: Sequence[Term], *, label: str, later: Unproved | None = None) -> Answer:
        """Whether `assertions` can all be true; the model is whichever was found first.

        Given `later`, an `unsat` may be bitwuzla's alone (its reason is `LATER`) and is added there: `prove` has to be asked before anybody believes it.
        """
        return self._answered(
            assertions, label, lambda asked: self._once("either", asked, lambda a: self._found(a, later))
        )

    def prove(self, unproved: Unproved) -> bool:
        """Whether z3 proves in one go that none of these obligations has a model; what it proves is held and kept."""
        if not unproved:
            return True
        exact = [expanded(assertions, wide=False) for assertions in unproved]
        try:
            text = script([], list(dict.fromkeys(a for assertions in exact for a in assertions)))
        except ValueError:  # a name is of one sort in some, and of another in others
            if len(unproved) == 1:
                raise
            several, half = list(unproved), len(unproved) // 2
            return all(self.prove(dict.fromkeys(part)) for part in (several[:half], several[half:]))
        lists = [[text.name(a) for a in assertions] for assertions in exact]
        request = {"do": "prove", "text": text.text, "lists": lists, "rlimit": self._limits.rlimit}
        try:
            if reading.status(self.process.ask(request, self._limits.seconds)) != "unsat":
                return False
        except (SolverDied, reading.Unreadable):
            return False
        for assertions in unproved:
            self._remember(self._z3_key(assertions), Answer("unsat"))
            for solver in ("z3-solver", "either"):
                self._hold(solver, assertions, Answer("unsat"))
        return True

    def _answered(self, assertions: Sequence[Term], label: str, ask: Callable[[Sequence[Term]], Answer]) -> Answer:
        start = time.monotonic()
        assertions = [a for a in assertions if a is not TRUE]
        if conjunction(assertions) is FALSE:
            return Answer("unsat", "folded")
        if not assertions:
            return Answer("sat", "folded", Model({}, {}, {}))
        if self._dump is not None:
            self._dump(label, script(assertions))
        return replace(ask(assertions), seconds=time.monotonic() - start)

    def _decided(self, assertions: Sequence[Term]) -> Answer:
        return self._once("z3-solver", assertions, self._checked)

    def _found(self, assertions: Sequence[Term], later: Unproved | None) -> Answer:
        """A model of before, or one that bitwuzla finds, or else what z3 says; that one has a model which the other denies is an error."""
        known = next((k for k in self._recent if all(map(k[1].of, assertions))), None)
        answer = Answer("sat", "known", known[0]) if known is not None else self._newly_found(assertions, later)
        if answer.model is not None:
            first = known or (answer.model, answer.model.valuation)
            self._recent = [first, *(k for k in self._recent if k is not first)][:MOST_RECENT]
        return answer

    def _newly_found(self, assertions: Sequence[Term], later: Unproved | None) -> Answer:
        if SEARCHING[0] != "bitwuzla" or "bitwuzla" not in self._versions or not self._ticks:
            return self._decided(assertions)
        if later is not None and tuple(assertions) in later:
            return Answer("unsat", LATER)
        found = self._sought(assertions)
        if found.status in ("sat", "error"):
            return found
        if found.status == "unsat" and later is not None and self._may_wait(assertions):
            later[tuple(assertions)] = None
            return Answer("unsat", LATER)
        answer = self._decided(assertions)
        if found.status == "unsat" and answer.status == "sat":
            return Answer("error", "bitwuzla says unsat of what has a model, z3's", rlimit=answer.rlimit)
        return answer

    def _may_wait(self, assertions: Sequence[Term]) -> bool:
        """Whether z3 has not answered yet, and there is nothing to abstract."""
        asked = ("z3-solver", tuple(assertions)) in self._held or self._recall(self._z3_key(assertions), assertions)
        return not asked and not gates(expanded(assertions, wide=False))

    def _once(self, solver: str, assertions: Sequence[Term], ask: Callable[[Sequence[Term]], Answer]) -> Answer:
        """The answer of a solver, held or asked for; none is held that time or an accident has decided."""
        key = solver, tuple(assertions)
        if key in self._held:
            return self._held[key]
        answer = ask(assertions)
        self._hold(solver, assertions, answer)
        return answer

    def _hold(self, solver: str, assertions: Sequence[Term], answer: Answer) -> None:
        if answer.status in ("sat", "unsat") and answer.reason != LATER:
            if len(self._held) >= MOST_HELD:
                del self._held[next(iter(self._held))]
            self._held[solver, tuple(assertions)] = answer

    def _checked(self, assertions: Sequence[Term]) -> Answer:
        """What z3 has said, in this run or another, or says now."""
        key = self._z3_key(assertions)
        answer = self._recall(key, assertions)
        if answer is None:
            answer = self._solve(assertions)
            self._remember(key, answer)
        return answer

    def _sought(self, assertions: Sequence[Term]) -> Answer:
        """What bitwuzla has said within its ticks, in this run or another, or says now; `unknown` whatever keeps it from an answer."""
        key = self.key(assertions, "bitwuzla", f"{self._ticks} ticks")
        cached = self._recall(key, assertions)
        answer = cached or self._searched(assertions)
        if answer.status == "unsat":
            self._hold("bitwuzla", assertions, answer)
            if cached is None:
                self._remember(self.key(assertions, "bitwuzla", self._limits.second_seconds), answer)
        if cached is None:
            self._remember(key, answer)
        return answer

    def _searched(self, assertions: Sequence[Term]) -> Answer:
        """bitwuzla on each form of an obligation, until one settles it."""
        for attempt, size in _attempts(assertions):
            if size > self._limits.circuit:
                continue
            text = self._script(attempt)
            request = {"do": "find", **self._for_bitwuzla(text), "asked": [text.name(t) for t in text.read]}
            try:
                reply = self.process.ask(request, min(2 * self._limits.second_seconds + 5, self._net(size)))
                if (status := reading.status(reply)) in ("unknown", "error"):
                    break
                if status == "unsat":
                    return Answer("unsat")
                model, values = reading.model(reply, text, [*attempt, *assertions])
            except SolverDied:
                break
            except reading.Unreadable as error:
                self.process.kill()
                return Answer("error", f"bitwuzla: {error}")
            if not all(values[: len(attempt)]):
                return Answer("error", "invalid model: an assertion is false under bitwuzla's own model")
            if all(values):
                return Answer("sat", model=model)
        return Answer("unknown")

    def minimise(self, assertions: Sequence[Term], model: Model, wishes: Sequence[Wish]) -> Model:
        """The model of `assertions` that fulfils `wishes` greedily in order, and then has most zeros; `model` if no solver finds it."""
        wishes = [*wishes, *completing(assertions, wishes)]
        terms = list(dict.fromkeys(t for w in wishes for t in (w.prefer, w.small) if t is not None))
        place = {t: k for k, t in enumerate(terms)}
        listed = [(place[w.prefer], None if w.small is None else (place[w.small], w.small.width)) for w in wishes]
        limit = f"{self._limits.wish_rlimit} {self._limits.rlimit} {listed}"
        key = self.key([*assertions, *terms], "bitwuzla", hashlib.blake2b(limit.encode()).hexdigest())
        cached = self._recall(key, assertions)
        if cached is not None and cached.model is not None:
            return cached.model
        asked = expanded([*assertions, *terms], wide=False)
        text = script(asked[: len(assertions)], asked[len(assertions) :])
        request = {
            "do": "minimise",
            **self._for_bitwuzla(text),
            "wishes": listed,
            "terms": [text.name(t) for t in asked[len(assertions) :]],
            "asked": [text.name(t) for t in text.read],
            "rlimit": self._limits.rlimit,
            "wish_rlimit": self._limits.wish_rlimit,
        }
        net = self._net(gates([*assertions, *terms]))
        for solver in SEARCHING:
            try:
                reply = self.process.ask({**request, "solver": solver}, net)
                if reading.status(reply) != "sat":
                    continue
                better, values = reading.model(reply, text, [*assertions, *terms])
            except (SolverDied, reading.Unreadable):
                continue
            if all(values[: len(assertions)]):
                self._remember(key, Answer("sat", model=better))
                return better
        return model

    def _for_bitwuzla(self, text: Script) -> dict[str, object]:
        """A request of bitwuzla: a script, and its limits."""
        return {
            "text": text.text,
            "ticks": self._ticks,
            "seconds": self._limits.second_seconds,
            "memory": self.process.memory,
        }

    @property
    def _ticks(self) -> int:
        return self._limits.rlimit // RLIMIT_OF_A_TICK

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
        for attempt, _ in _attempts(assertions):
            seconds = self._limits.second_seconds
            request = {"do": solver, **self._for_bitwuzla(self._script(attempt))}
            try:
                reply = self.process.ask(request, 2 * seconds + 5)
                answer = Answer(reading.status(reply), str(reply.get("reason", "")))
            except SolverDied as died:
                answer = Answer(died.status, died.reason)
            except reading.Unreadable as error:
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
        for attempt, size in _attempts(assertions):
            if size > self._limits.circuit:
                reason = f"its products and quotients take {size} gates, more than {self._limits.circuit}"
                answer = Answer("unknown", reason, rlimit=spent)
                continue
            text = self._script(attempt)
            asked = [text.name(t) for t in text.read]
            request = {"do": "check", "text": text.text, "asked": asked, "rlimit": self._limits.rlimit}
            try:
                reply = self.process.ask(request, self._net(size))
                status = reading.status(reply)
                found = reading.model(reply, text, [*attempt, *assertions]) if status == "sat" else None
                spent += int(reply.get("rlimit", 0))
                answer = Answer(status, str(reply.get("reason", "")), found and found[0], rlimit=spent)
            except SolverDied as died:
                return Answer(died.status, died.reason, rlimit=spent)
            except reading.Unreadable as error:
                self.process.kill()
                return Answer("error", str(error), rlimit=spent)
            if status == "unsat":
                return answer
            if found is not None and not all(found[1][: len(attempt)]):
                return Answer(
                    "error", "invalid model: an assertion is false under the solver's own model", rlimit=spent
                )
            if found is not None and all(found[1]):
                return answer
        return answer if answer.status != "sat" else Answer("unknown", "no model of what it was made simpler from")

    def _net(self, size: int) -> float:
        """The seconds after which an obligation with so many gates is given up."""
        return min(self._limits.seconds, self._limits.circuit_seconds) if size else self._limits.seconds

    def _z3_key(self, assertions: Sequence[Term]) -> str:
        return self.key(assertions, "z3-solver", self._limits.rlimit)

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


def _attempts(assertions: Sequence[Term]) -> Iterator[tuple[Sequence[Term], int]]:
    """The abstraction, if there is anything to abstract, the exact obligation, and last that with all small arrays taken apart; each with its gates."""
    exact = expanded(assertions, wide=False)
    size = gates(exact)
    if size:
        looser = abstract(exact)
        if not _same(looser, exact):
            yield looser, gates(looser)
    yield exact, size
    wide = expanded(assertions, wide=True)
    if not _same(wide, exact):
        yield wide, gates(wide)


def _same(some: Sequence[Term], others: Sequence[Term]) -> bool:
    return all(a is b for a, b in zip(some, others, strict=True))
