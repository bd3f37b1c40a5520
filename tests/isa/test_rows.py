"""A folder is a table: what its modules define is found, in order, and what one imports of another is no second row."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from pgcheck.isa.rows import modules, rows

FILES = {
    "__init__.py": "",
    "b.py": "from fractions import Fraction\nSECOND, ANOTHER, THIRD = Fraction(2), 'no row', Fraction(3)\n",
    "a.py": "from fractions import Fraction\nfrom table_of_rows.b import THIRD\nFIRST = Fraction(1)\n",
    "notes.txt": "no module",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "table_of_rows"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder.name


def test_a_folder_is_the_table_of_its_modules_rows(package: str) -> None:
    assert modules(package) == ("a", "b")
    assert rows(package, Fraction) == (Fraction(3), Fraction(1), Fraction(2))
    assert rows(package, Path) == ()
