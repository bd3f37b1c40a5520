"""The child process that holds the solvers: length-prefixed JSON requests on its input, replies on its output.

It knows no term: a request carries SMT-LIB text, a reply a status and numbers. It ends with its input or its parent.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import struct
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Final, Protocol

HEADER: Final = struct.Struct(">I")
OUT_OF_MEMORY: Final = 101
Reply = dict[str, Any]


def frame(message: object) -> bytes:
    """A message as it goes through a pipe."""
    body = json.dumps(message, separators=(",", ":")).encode()
    return HEADER.pack(len(body)) + body


def check(request: Reply) -> Reply:
    """z3 on `text`, each engine in a context of its own; if there is a model, with the values of the terms in `asked`.

    The plain engine, fastest on small obligations, has a tenth of `rlimit`; the tactics for the logic have the rest.
    """
    z3 = _package("z3")

    total, spent = request["rlimit"], 0
    reply: Reply = {}
    plain = max(1, total // 10)  # 0 would be no limit at all
    for engine, share in ((z3.SimpleSolver, plain), (z3.Solver, max(1, total - plain))):
        solver = _z3_solver(engine, z3.Context(), share)
        solver.from_string(request["text"])
        result = solver.check()
        spent += _spent(solver)
        reply = {"status": str(result), "reason": "", "rlimit": spent}
        if result == z3.sat:
            terms = _z3_terms(z3, solver.ctx, request["text"], request["asked"])
            try:
                return {**reply, "values": _z3_values(z3, solver.model(), terms)}
            except ValueError as error:
                return {**reply, "status": "unknown", "reason": str(error)}
        if result == z3.unsat:
            return reply
        reply["reason"] = _why(solver.reason_unknown(), total)
    return reply


def prove(request: Reply) -> Reply:
    """z3's plain engine on each list of `lists`, assertions named as in `text`: `unsat` if it proves within a tenth of `rlimit` that each has no model.

    All are asked in one context, for a context costs as much as a small proof.
    """
    z3 = _package("z3")

    context = z3.Context()
    names = list(dict.fromkeys(name for listed in request["lists"] for name in listed))
    terms = dict(zip(names, _z3_terms(z3, context, request["text"], names), strict=True))
    for listed in request["lists"]:
        solver = _z3_solver(z3.SimpleSolver, context, max(1, request["rlimit"] // 10))
        solver.add(*[terms[name] for name in listed])
        if solver.check() != z3.unsat:
            return {"status": "unknown", "reason": ""}
    return {"status": "unsat", "reason": ""}


def find(request: Reply) -> Reply:
    """bitwuzla on `text` until it has asked `ticks` times whether to stop: a limit that hangs on the text alone, as z3's does.

    If there is a model, with the values of the terms in `asked`.
    """
    parser, solver = _bitwuzla(request, {"PREPROCESS": False}, request["ticks"])
    status = _status(solver.check_sat())
    reply: Reply = {"status": status, "reason": ""}
    if status == "sat":
        return {**reply, "values": _bitwuzla_values(solver, [parser.parse_term(t) for t in request["asked"]])}
    return reply


def ask_bitwuzla(request: Reply) -> Reply:
    """bitwuzla on `text` for at most `seconds` and `memory` MiB."""
    status = _status(_bitwuzla(request, {})[1].check_sat())
    return {"status": status, "reason": _gave_up(status, request)}


def ask_cvc5(request: Reply) -> Reply:
    """cvc5 on `text` for at most `seconds`."""
    cvc5 = _package("cvc5")

    terms = cvc5.TermManager()
    solver, symbols = cvc5.Solver(terms), cvc5.SymbolManager(terms)
    for option, value in (("seed", 1), ("arrays-exp", "true"), ("tlimit-per", int(request["seconds"] * 1000))):
        solver.setOption(option, str(value))
    parser = cvc5.InputParser(solver, symbols)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, request["text"], "obligation")
    answer = ""
    while not (command := parser.nextCommand()).isNull():
        answer = command.invoke(solver, symbols).strip()
    status = answer if answer in ("sat", "unsat") else "unknown"
    return {"status": status, "reason": _gave_up(status, request)}


class _Search(Protocol):
    """A solver that is asked about one more formula, again and again; formulas and terms are written with the names of a script."""

    def holds_with(self, formula: str) -> bool:
        """Whether there is a model of all that is kept, and of a formula; if so, `values` are of it."""
        ...

    def keep(self, formula: str) -> None:
        """Let every further model be one of a formula."""

    def values(self) -> list[int]:
        """The values of the script's `terms`, and of those in `asked`, in the last model."""
        ...


class _WithZ3:
    """z3 within `rlimit` for the first model, and within `wish_rlimit` for each further one."""

    def __init__(self, request: Reply) -> None:
        self.z3 = _package("z3")
        self.text, self.limit = request["text"], request["wish_rlimit"]
        self.context = self.z3.Context()
        self.terms = _z3_terms(self.z3, self.context, self.text, [*request["terms"], *request["asked"]])
        self.solver = _z3_solver(self.z3.SimpleSolver, self.context, request["rlimit"])
        self.solver.from_string(self.text)
        self.model: Any = None

    def holds_with(self, formula: str) -> bool:
        self.solver.push()
        self.keep(formula)
        found = bool(self.solver.check() == self.z3.sat)
        if found:
            self.model = self.solver.model()
        self.solver.pop()
        self.solver.set("rlimit", self.limit)
        return found

    def keep(self, formula: str) -> None:
        self.solver.add(*_z3_terms(self.z3, self.context, self.text, [formula]))

    def values(self) -> list[int]:
        return _z3_values(self.z3, self.model, self.terms)


class _WithBitwuzla:
    """bitwuzla within `ticks` for each model."""

    def __init__(self, request: Reply) -> None:
        self.parser, self.solver = _bitwuzla(request, {"PREPROCESS": False})
        self.terms = [self.parser.parse_term(t) for t in (*request["terms"], *request["asked"])]
        self.ticks = request["ticks"]

    def holds_with(self, formula: str) -> bool:
        self.solver.configure_terminator(_Ticks(self.ticks))
        return _status(self.solver.check_sat(self.parser.parse_term(formula))) == "sat"

    def keep(self, formula: str) -> None:
        self.solver.assert_formula(self.parser.parse_term(formula))

    def values(self) -> list[int]:
        return _bitwuzla_values(self.solver, self.terms)


_SEARCHES: Final[dict[str, Callable[[Reply], _Search]]] = {"z3": _WithZ3, "bitwuzla": _WithBitwuzla}


def minimise(request: Reply) -> Reply:
    """A model of `text` that fulfils wishes greedily, each that is possible with those before it, by values of the terms in `asked`.

    A wish is the place of a formula in `terms`, and of a term with its width, each bit of which had better be zero if the formula cannot be.
    The reply hangs on the solver only where one has no answer within its limit.
    """
    search, terms = _SEARCHES[request["solver"]](request), request["terms"]
    if not search.holds_with("true"):
        return {"status": "unknown", "reason": "no model within the limit"}
    values = search.values()

    def adopt(formula: str, true: bool) -> bool:
        nonlocal values
        if not true:
            if not search.holds_with(formula):
                return False
            values = search.values()
        search.keep(formula)
        return True

    for preferred, small in request["wishes"]:
        if not adopt(terms[preferred], bool(values[preferred])) and small is not None:
            place, width = small
            for bit in reversed(range(width)):
                adopt(f"(= ((_ extract {bit} {bit}) {terms[place]}) #b0)", not values[place] >> bit & 1)
    return {"status": "sat", "reason": "", "values": values[len(terms) :]}


REQUESTS: Final[dict[str, Callable[[Reply], Reply]]] = {
    "check": check,
    "prove": prove,
    "find": find,
    "minimise": minimise,
    "bitwuzla": ask_bitwuzla,
    "cvc5": ask_cvc5,
}


def _gave_up(status: str, request: Reply) -> str:
    return f"no answer within {request['seconds']:g} s and {request['memory']} MiB" if status == "unknown" else ""


def _package(name: str) -> Any:
    """A solver's package, imported when first needed; none of them has types."""
    return importlib.import_module(name)


class _Ticks:
    """Lets a search go on until it has asked so often."""

    def __init__(self, left: int) -> None:
        self.left = left

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


def _bitwuzla(request: Reply, options: dict[str, object], ticks: int | None = None) -> tuple[Any, Any]:
    """A parser that has read `text`, and the solver that holds its assertions."""
    bitwuzla = _package("bitwuzla")

    given = bitwuzla.Options()
    limits = {"TIME_LIMIT_PER": int(request["seconds"] * 1000), "MEMORY_LIMIT": request["memory"]}
    for option, value in {"SEED": 1, "PRODUCE_MODELS": True, **limits, **options}.items():
        given.set(bitwuzla.Option[option], value)
    parser = bitwuzla.Parser(bitwuzla.TermManager(), given)
    parser.parse(request["text"], True, False)
    solver = parser.bitwuzla()
    if ticks is not None:
        solver.configure_terminator(_Ticks(ticks))
    return parser, solver


def _status(result: Any) -> str:
    bitwuzla = _package("bitwuzla")
    return {bitwuzla.Result.SAT: "sat", bitwuzla.Result.UNSAT: "unsat"}.get(result, "unknown")


def _bitwuzla_values(solver: Any, terms: Sequence[Any]) -> list[int]:
    found = [solver.get_value(t).value() for t in terms]
    return [int(v) if isinstance(v, bool) else int(v, 2) for v in found]


def _z3_solver(engine: Any, context: Any, rlimit: int) -> Any:
    solver = engine(ctx=context)
    solver.set(rlimit=rlimit, random_seed=0)
    return solver


def _z3_terms(z3: Any, context: Any, text: str, terms: Sequence[str]) -> list[Any]:
    """Terms that are written with the names of a script."""
    asked = "".join(f"(assert (= {t} {t}))" for t in terms)
    read = z3.parse_smt2_string(f"{text}{asked}", ctx=context)
    return [read[k].arg(0) for k in range(len(read) - len(terms), len(read))]


def _z3_values(z3: Any, model: Any, terms: Sequence[Any]) -> list[int]:
    """The values of terms in a model; ValueError if there is one that has none."""
    values = []
    for term in terms:
        value = model.eval(term, model_completion=True)
        if z3.is_bv_value(value):
            values.append(int(value.as_long()))
        elif z3.is_true(value) or z3.is_false(value):
            values.append(int(z3.is_true(value)))
        else:
            raise ValueError(f"the model gives {str(value)[:80]} where a number was expected")
    return values


def _spent(solver: Any) -> int:
    return int(solver.statistics().get_key_value("rlimit count"))


def _why(reason: str, rlimit: int) -> str:
    return f"resource limit {rlimit} reached" if reason in ("canceled", "max. resource limit exceeded") else reason


def answer(request: Reply) -> Reply:
    """The reply to one request; a solver's exception is an `error` with its text, but no memory ends the process."""
    try:
        return REQUESTS[request["do"]](request)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except Exception as error:  # whatever a solver raises is its answer, and never an answer to the obligation
        if any(word in str(error).lower() for word in ("memory", "bad_alloc")):
            os._exit(OUT_OF_MEMORY)
        return {"status": "error", "reason": f"{type(error).__name__}: {error}"[:500]}


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer requests until `source` ends."""
    while len(header := source.read(HEADER.size)) == HEADER.size:
        request = json.loads(source.read(HEADER.unpack(header)[0]))
        sink.write(frame({"id": request["id"], **answer(request)}))
        sink.flush()


def _end_with(parent: int) -> None:
    """End this process soon after its parent, even in the middle of a long search."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


def main(parent: int, memory: int) -> None:
    """Serve on the standard streams in `memory` MiB of address space; what a solver prints goes to standard error."""
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    z3 = _package("z3")

    _alive = (
        z3.Context()
    )  # while one context lives, z3 keeps its tables, and the next context starts in less than a millisecond
    resource.setrlimit(resource.RLIMIT_AS, (memory << 20, memory << 20))
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    serve(sys.stdin.buffer, sink)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
