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
from collections.abc import Callable
from typing import Any, BinaryIO, Final

HEADER: Final = struct.Struct(">I")
OUT_OF_MEMORY: Final = 101
FEW: Final = 8  # bits of an index of which every element can be asked
Reply = dict[str, Any]


def frame(message: object) -> bytes:
    """A message as it goes through a pipe."""
    body = json.dumps(message, separators=(",", ":")).encode()
    return HEADER.pack(len(body)) + body


def check(request: Reply) -> Reply:
    """z3 on `text`, each engine in a context of its own; with the model if there is one.

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
            return {**reply, "model": interpretation(z3, solver.model())}
        if result == z3.unsat:
            return reply
        reply["reason"] = _why(solver.reason_unknown(), total)
    return reply


def minimise(request: Reply) -> Reply:
    """Adopt wishes greedily, each under `wish_rlimit`.

    `text` asserts `count` assertions and then the formulas of the wishes; `wishes` lists the position of each
    preferred formula with those of its bits, `holds` says which formulas the caller's own model satisfies. The reply
    has no model if that model stays the best known.
    """
    z3 = _package("z3")

    context = z3.Context()
    formulas = list(z3.parse_smt2_string(request["text"], ctx=context))
    count, holds = request["count"], request["holds"]
    if len(formulas) != count + len(holds):
        return {"status": "error", "reason": "z3 read another number of assertions than was written"}
    solver = _z3_solver(z3.SimpleSolver, context, request["rlimit"])
    solver.add(*formulas[:count])
    model = None

    def adopt(wish: int) -> bool:
        nonlocal model
        formula = formulas[count + wish]
        if holds[wish] if model is None else z3.is_true(model.eval(formula, model_completion=True)):
            solver.add(formula)
            return True
        if model is None:
            if solver.check() != z3.sat:
                return False
            model = solver.model()
            solver.set("rlimit", request["wish_rlimit"])
            return adopt(wish)
        solver.push()
        solver.add(formula)
        if solver.check() == z3.sat:
            model = solver.model()
            return True
        solver.pop()
        return False

    for prefer, bits in request["wishes"]:
        if not adopt(prefer):
            for bit in bits:
                adopt(bit)
    reply: Reply = {"status": "sat", "reason": "", "rlimit": _spent(solver)}
    return reply if model is None else {**reply, "model": interpretation(z3, model)}


def ask_bitwuzla(request: Reply) -> Reply:
    """bitwuzla on `text` for at most `seconds` and `memory` MiB."""
    bitwuzla = _package("bitwuzla")

    options = bitwuzla.Options()
    options.set(bitwuzla.Option.SEED, 1)
    options.set(bitwuzla.Option.TIME_LIMIT_PER, int(request["seconds"] * 1000))
    options.set(bitwuzla.Option.MEMORY_LIMIT, request["memory"])
    parser = bitwuzla.Parser(bitwuzla.TermManager(), options)
    parser.parse(request["text"], True, False)
    status = {bitwuzla.Result.SAT: "sat", bitwuzla.Result.UNSAT: "unsat"}.get(parser.bitwuzla().check_sat(), "unknown")
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


REQUESTS: Final[dict[str, Callable[[Reply], Reply]]] = {
    "check": check,
    "minimise": minimise,
    "bitwuzla": ask_bitwuzla,
    "cvc5": ask_cvc5,
}


def _gave_up(status: str, request: Reply) -> str:
    return f"no answer within {request['seconds']:g} s and {request['memory']} MiB" if status == "unknown" else ""


def _package(name: str) -> Any:
    """A solver's package, imported when first needed; none of them has types."""
    return importlib.import_module(name)


def _z3_solver(engine: Any, context: Any, rlimit: int) -> Any:
    solver = engine(ctx=context)
    solver.set(rlimit=rlimit, random_seed=0)
    return solver


def _spent(solver: Any) -> int:
    return int(solver.statistics().get_key_value("rlimit count"))


def _why(reason: str, rlimit: int) -> str:
    return f"resource limit {rlimit} reached" if reason in ("canceled", "max. resource limit exceeded") else reason


Table = tuple[int, dict[int, int]]


class _Reading:
    """A model as z3 gives it, read value by value; ValueError says what cannot be read."""

    def __init__(self, z3: Any, model: Any) -> None:
        self.z3, self.model = z3, model

    def number(self, value: Any) -> int:
        z3 = self.z3
        for known in (value, self.model.eval(value, model_completion=True)):
            if z3.is_bv_value(known):
                return int(known.as_long())
            if z3.is_true(known) or z3.is_false(known):
                return int(z3.is_true(known))
        raise ValueError(f"the model gives {str(value)[:80]} where a number was expected")

    def table(self, function: Any) -> tuple[int, list[tuple[list[int], int]]]:
        number = self.number
        entries = [function.entry(i) for i in range(function.num_entries())]
        rows = [([number(e.arg_value(k)) for k in range(e.num_args())], number(e.value())) for e in entries]
        return number(function.else_value()), rows

    def array(self, value: Any) -> Table:
        """An array by its form, or else element by element where there are few: the default, and the elements that differ."""
        try:
            return self.formed(value)
        except ValueError:
            if value.sort().domain().size() > FEW:
                raise
        elements = (self.number(self.z3.Select(value, index)) for index in range(1 << value.sort().domain().size()))
        return 0, dict(enumerate(elements))

    def formed(self, value: Any) -> Table:
        z3 = self.z3
        if z3.is_store(value):
            below, index, element = value.children()
            default, rows = self.formed(below)
            return default, {**rows, self.number(index): self.number(element)}
        if z3.is_K(value):
            return self.number(value.arg(0)), {}
        if z3.is_as_array(value):
            default, entries = self.table(self.model[z3.get_as_array_func(value)])
            return default, {index: element for (index,), element in reversed(entries)}
        if z3.is_quantifier(value) and value.is_lambda() and value.num_vars() == 1:
            return self.chosen(value.body())
        known = self.model.eval(value, model_completion=True)
        if known.eq(value):
            raise ValueError(f"the model gives {str(value)[:80]} where an array was expected")
        return self.formed(known)

    def chosen(self, body: Any) -> Table:
        """The body of a lambda that tells its argument from numbers, or looks it up."""
        z3 = self.z3
        if z3.is_app_of(body, z3.Z3_OP_ITE):
            test, then, other = body.children()
            while z3.is_not(test):
                test, then, other = test.arg(0), other, then
            default, rows = self.chosen(other)
            return default, rows | {k: self.at(then, k) for k in self.told(test)}
        if z3.is_select(body) and z3.is_var(body.arg(1)) and not _variables(z3, body.arg(0)):
            return self.formed(body.arg(0))
        return self.number(body), {}

    def at(self, body: Any, index: int) -> int:
        """What a body gives for a number."""
        z3 = self.z3
        sorts = [v.sort() for v in _variables(z3, body)][:1]
        return self.number(z3.substitute_vars(body, *(z3.BitVecVal(index, s.size(), ctx=body.ctx) for s in sorts)))

    def told(self, test: Any) -> list[int]:
        """The numbers of which a test is true: it is an equation of the argument with one, or one of several such."""
        z3 = self.z3
        if z3.is_or(test):
            return [k for part in test.children() for k in self.told(part)]
        sides = test.children() if z3.is_eq(test) else []
        number = next((side for side in sides if not z3.is_var(side)), None)
        if number is None or not any(map(z3.is_var, sides)):
            raise ValueError(f"the model gives {str(test)[:80]} where a comparison with a number was expected")
        return [self.number(number)]


def _variables(z3: Any, term: Any) -> list[Any]:
    """The bound variables in a term."""
    found, todo = [], [term]
    while todo:
        top = todo.pop()
        found += [top] if z3.is_var(top) else []
        todo += top.children()
    return found


def interpretation(z3: Any, model: Any) -> Reply:
    """The values of all symbols, (default, table) for arrays and functions; of those that cannot be read, why.

    z3 also lists the names of shared nodes; one that is given by a formula is not read, and nobody asks for it.
    """
    variables, arrays, functions, unread = {}, {}, {}, {}
    reading = _Reading(z3, model)
    for symbol in model.decls():
        value = model[symbol]
        try:
            if symbol.arity():
                functions[symbol.name()] = reading.table(value)
            elif symbol.range().kind() == z3.Z3_ARRAY_SORT:  # a lambda is one too
                default, rows = reading.array(value)
                arrays[symbol.name()] = default, list(rows.items())
            else:
                variables[symbol.name()] = reading.number(value)
        except ValueError as error:
            unread[symbol.name()] = str(error)
    return {"variables": variables, "arrays": arrays, "functions": functions, "unread": unread}


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
