"""Terms: the expressions of the intermediate form and of every formula.

`nodes` says what a term is, `names` what a free one stands for, `operators` what it means, `valuation` what its value is, `folding` makes simplified ones
and `walks` reads and rebuilds them.
"""

from pgcheck.isa.terms.folding import (
    conjunction,
    disjunction,
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
from pgcheck.isa.terms.names import Name
from pgcheck.isa.terms.nodes import (
    ARRAY,
    FALSE,
    TRUE,
    Term,
    apply,
    array,
    constant,
    constant_array,
    distinct_offsets,
    local,
    mask,
    operand,
    parameter,
    renamed,
    show,
    signed,
    variable,
)
from pgcheck.isa.terms.operators import OPERATORS, Operator, node
from pgcheck.isa.terms.valuation import Valuation, evaluate
from pgcheck.isa.terms.walks import Rewriter, digest, on_leaves, rebuild, rewrite, substitute, walk

__all__ = [
    "ARRAY",
    "FALSE",
    "OPERATORS",
    "TRUE",
    "Name",
    "Operator",
    "Rewriter",
    "Term",
    "Valuation",
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
    "local",
    "lor",
    "mask",
    "mk",
    "node",
    "on_leaves",
    "operand",
    "parameter",
    "rebuild",
    "renamed",
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
