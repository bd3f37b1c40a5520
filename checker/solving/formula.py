"""Terms over state written as IDL, for reports."""

from __future__ import annotations

from typing import Final

from pgcheck.isa.terms import Term

_INFIX: Final = {
    "eq": "==", "ult": "<", "ule": "<=", "land": "&&", "lor": "||", "add": "+", "sub": "-", "and": "&", "or": "|", "xor": "^",
}  # fmt: skip


def idl(term: Term) -> str:
    """The term as an IDL expression; an operator that IDL writes otherwise appears as a call."""
    match term.op:
        case "const":
            return str(term.value) if term.width else str(bool(term.value)).lower()
        case "var" | "array":
            return term.leaf or str(term.name)
        case "extract":
            high, low = term.bounds
            return f"{_inner(term.args[0])}[{high}:{low}]"
        case "lnot" if term.args[0].op == "eq":
            left, right = map(_inner, term.args[0].args)
            return f"{left} != {right}"
        case "lnot":
            return f"!{_inner(term.args[0])}"
        case op if op in _INFIX:
            return f" {_INFIX[op]} ".join(_inner(a) for a in term.args)
        case op:
            return f"{op}({', '.join(map(idl, term.args))})"


def _inner(term: Term) -> str:
    """An operand, in parentheses where the reader might wonder."""
    text = idl(term)
    plain = term.op in ("const", "var", "array", "extract") or term.op not in (*_INFIX, "lnot")
    compared = term.op in ("eq", "ult", "ule") or (term.op == "lnot" and term.args[0].op == "eq")
    return text if plain or compared else f"({text})"
