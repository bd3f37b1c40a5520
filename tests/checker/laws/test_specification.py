"""What loading refuses, as a law: the mode."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.isa.files.errors import SpecificationError
from tests.checker.variants import edited


@pytest.mark.parametrize(("role", "width"), [("mode", 1), ("configuration", 1), ("general", 1), ("mode", 9)])
def test_the_mode_is_a_narrow_leaf_of_role_mode(role: str, width: int, tmp_path: Path) -> None:
    """Mode sensitivity is asked of the role: a mode of another role would escape it."""
    old = "  M: {type: Bits<1>, role: mode}\n"
    if (role, width) == ("mode", 1):
        assert edited(tmp_path, (old, old)).modes.leaf == "M"
        return
    with pytest.raises(SpecificationError) as refused:
        edited(tmp_path, (old, f"  M: {{type: Bits<{width}>, role: {role}}}\n"))
    (problem,) = [p for p in refused.value.problems if p.message.startswith("the mode is")]
    text = (tmp_path / "edited.yaml").read_text().splitlines()
    assert text[problem.position.line - 1] == "  state: M"
    found, hint = (
        ("9 bits", "")
        if width > 1
        else (f"role {role}", "give M the role mode under `state`, or name the leaf that has it")
    )
    assert (problem.found, problem.hint) == (found, hint)
