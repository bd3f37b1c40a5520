"""A folder is a table: what its modules define is found, in order, and what one imports of another is no second row."""

from __future__ import annotations

import sys
from fractions import Fraction
from importlib import import_module
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
    for name in [n for n in sys.modules if n.partition(".")[0] == folder.name]:  # of the test before
        monkeypatch.delitem(sys.modules, name)
    return folder.name


def test_a_module_that_cannot_be_imported_is_named(package: str, tmp_path: Path) -> None:
    (tmp_path / package / "c.py").write_text("raise RuntimeError('no')\n")
    with pytest.raises(ImportError, match=f"{package}.c cannot be imported: RuntimeError: no"):
        rows(package, Fraction)
    assert modules(package) == ("a", "b", "c")


# Folders in which every module is an entry: one without a row would be left out without a word.
TABLES = {
    "pgcheck.checker.laws": "pgcheck.checker.rule:Rule",
    "pgcheck.checker.campaign.properties": "pgcheck.checker.campaign.pairs.property:Property",
    "pgcheck.reports.formats": "pgcheck.reports.writing:Format",
    "pgcheck.vmm.kinds": "pgcheck.vmm.kind:Kind",
    "pgcheck.vmm.schemes": "pgcheck.vmm.mmu:Mechanism",
}


@pytest.mark.parametrize("package, kind", TABLES.items(), ids=TABLES)
def test_every_module_of_a_table_carries_a_row(package: str, kind: str) -> None:
    module, _, name = kind.partition(":")
    row = getattr(import_module(module), name)
    names = modules(package)
    assert names
    assert [
        n for n in names if not any(isinstance(v, row) for v in vars(import_module(f"{package}.{n}")).values())
    ] == []


def test_a_folder_is_the_table_of_its_modules_rows(package: str) -> None:
    assert modules(package) == ("a", "b")
    assert rows(package, Fraction) == (Fraction(3), Fraction(1), Fraction(2))
    assert rows(package, Path) == ()
