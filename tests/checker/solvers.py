"""The solvers that may confirm an answer: one comes with the package, the other is optional."""

from importlib.util import find_spec
from typing import Final, Literal

import pytest

Other = Literal["bitwuzla", "cvc5"]
MISSING: Final = pytest.mark.skipif(find_spec("cvc5") is None, reason="cvc5 is not installed (extra `solvers`)")
OTHERS: Final = ("bitwuzla", pytest.param("cvc5", marks=MISSING))
