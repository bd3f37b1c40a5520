"""What rows read and write is the same from where it is kept, and of a changed machine it is found out anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pgcheck.isa.kept import store
from pgcheck.language import load
from pgcheck.reports.html import accesses as module
from pgcheck.reports.html.accesses import accesses
from pgcheck.shipped import shipped


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGCHECK_CACHE", str(tmp_path))


def test_what_is_kept_is_what_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    path = shipped("pg74")
    assert path is not None
    read, kept = load(path), load(path)
    rows = [i.id for i in read.instructions]
    found = accesses(read, rows)
    assert list(found) == rows and accesses(kept, rows) == found
    assert accesses(kept, ["lra"]) == accesses(read, ["lra"]) == {"lra": found["lra"]}
    monkeypatch.setattr(module, "access", None)
    again = accesses(load(path), rows)
    assert again == found and list(again) == list(found)
    with pytest.raises(TypeError):
        accesses(replace(kept, instructions=kept.instructions[:1]), rows)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"lra": 1}', b'{"lra": [[], [], []]}', b"\xff"])
def test_what_is_kept_and_is_none_is_found_anew(content: bytes, tmp_path: Path) -> None:
    path = shipped("pg74")
    assert path is not None
    found = accesses(load(path), ["lra"])
    accesses(load(path), ["lra"])
    (file,) = (tmp_path / "kept").glob("accesses-*")
    store.write(tmp_path / "kept", file.stem, content)
    assert accesses(load(path), ["lra"]) == found
