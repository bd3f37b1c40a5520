"""Small machines that were once answered wrongly: the first line of each says how the command must end, the second why."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pgcheck import cli
from tests.specifications import SMALL

CASES = sorted(path for folder in ("soundness", "language") for path in (SMALL / folder).glob("*.yaml"))
RIGHT = re.compile(r"# .*`pgcheck (?P<command>[a-z-]* ?)FILE(?P<words>[^`]*)` must exit with (?P<codes>\d( or \d)*)\.")


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_case_is_answered_rightly(path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGCHECK_CACHE", str(kept))
    right = RIGHT.match(path.read_text("utf-8"))
    assert right is not None, "the first line says how the command must end"
    codes = [int(code) for code in right["codes"].split(" or ")]
    assert cli.run([*right["command"].split(), str(path), *right["words"].split()]) in codes
