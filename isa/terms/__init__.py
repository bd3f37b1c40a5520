"""Terms: the expressions of the intermediate form and of every formula.

`nodes` says what a term is, `operators` what it means, `folding` makes simplified ones and `walks` reads and rebuilds
them.
"""

from pgcheck.isa.terms.folding import (
    conjunction,
    disjunction,
    distinct_offsets,
    eq,
    extract,
    ite,
    land,
    lnot,
    lor,
    mk,
    select,
    store,
    zext,
)
from pgcheck.isa.terms.nodes import (
    ARRAY,
    FALSE,
    TRUE,
    Term,
    apply,
    array,
    constant,
    constant_array,
    mask,
    show,
    signed,
    variable,
)
from pgcheck.isa.terms.operators import OPERATORS, Operator, node
from pgcheck.isa.terms.walks import Rewriter, digest, evaluate, rebuild, rewrite, substitute, walk

__all__ = [
    "ARRAY",
    "FALSE",
    "OPERATORS",
    "TRUE",
    "Operator",
    "Rewriter",
    "Term",
    "apply",
    "array",
    "conjunction",
    "constant",
    "constant_array",
    "digest",
    "disjunction",
    "distinct_offsets",
    "eq",
    "evaluate",
    "extract",
    "ite",
    "land",
    "lnot",
    "lor",
    "mask",
    "mk",
    "node",
    "rebuild",
    "rewrite",
    "select",
    "show",
    "signed",
    "store",
    "substitute",
    "variable",
    "walk",
    "zext",
]
