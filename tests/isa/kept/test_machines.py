"""A machine that is kept is the machine that was read; it is found only while nothing has changed, and whatever lies in the folder costs time alone."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest

from pgcheck.isa.kept import form, machines, store
from pgcheck.isa.kept.machines import Kept, Machines
from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.contents import Contents
from pgcheck.isa.machine.machine import Decoding, Machine
from pgcheck.isa.terms import constant, mk, variable
from pgcheck.shipped import names, shipped
from tests.isa.machine.complete import COMPLETE
from tests.specifications import ROOT

_APART = {"kept", "later", "decoding"}


@pytest.fixture
def at(tmp_path: Path) -> Path:
    """A specification of two files."""
    folder = tmp_path / "spec"
    folder.mkdir()
    (folder / "base.yaml").write_text(COMPLETE)
    (folder / "machine.yaml").write_text('spec_version: "1"\nkind: machine\ninclude: [base.yaml]\nname: other\n')
    return folder / "machine.yaml"


@pytest.fixture
def there(tmp_path: Path) -> Machines:
    return Machines(shipped, tmp_path / "kept")


def read(kept: Kept | None) -> Machine:
    assert kept is not None
    machine = kept.machine()
    assert machine is not None
    return machine


def same(one: Machine, other: Machine) -> None:
    """Equal in everything, places in files included, with the same objects for terms."""
    for f in fields(Machine):
        if f.name not in _APART:
            assert getattr(one, f.name) == getattr(other, f.name), f.name
    for f in fields(Decoding):
        if f.name != "decoder":
            assert getattr(one.decoding, f.name) == getattr(other.decoding, f.name), f.name
    for a, b in zip(one.instructions, other.instructions, strict=True):
        assert a.position == b.position and a.canonical is b.canonical and a.length is b.length
    assert Contents(one).around() == Contents(other).around()


@pytest.mark.parametrize("name", names())
def test_a_kept_machine_is_the_machine(name: str, there: Machines) -> None:
    path = shipped(name)
    assert path is not None
    machine = load(path, shipped=shipped)
    assert there.find(path) is None
    there.keep(path, machine)
    kept = there.find(path)
    assert there.warning == "" and kept is not None
    assert (kept.instructions, kept.leaves) == (len(machine.instructions), len(machine.state.leaves))
    assert (kept.path, kept.digest, kept.files) == (
        str(path),
        machine.identity.digest,
        machine.identity.files,
    )
    again = read(kept)
    same(again, machine)
    for instruction in machine.instructions[::40]:
        units = machine.decoding.decoder.undefined()
        assert again.decoding.decoder.undefined() == units and again.instruction(instruction.id) == instruction


def test_what_is_not_asked_for_is_not_read(at: Path, there: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    there.keep(at, load(at))
    machine = read(there.find(at))
    monkeypatch.setattr(pickle, "Unpickler", None)
    assert machine.identity.name == "other" and machine.state.leaves
    with pytest.raises(AttributeError, match="a machine has no wheels"):
        machine.wheels  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(AttributeError):
        replace(load(at), deployments=()).wheels  # type: ignore[attr-defined]  # noqa: B018


def test_a_changed_machine_keeps_what_was_not_read_yet(at: Path, there: Machines) -> None:
    there.keep(at, load(at))
    changed = replace(read(there.find(at)), deployments=())
    assert changed.instructions == load(at).instructions and changed.code.functions == load(at).code.functions


@pytest.mark.parametrize("file", ["machine.yaml", "base.yaml"])
def test_another_byte_of_any_file_is_another_machine(file: str, at: Path, there: Machines) -> None:
    there.keep(at, load(at))
    assert there.find(at) is not None
    before = (at.parent / file).stat()
    text = (at.parent / file).read_text()
    (at.parent / file).write_text(text.replace("name: ", "name:  ", 1)[: len(text)])
    os.utime(at.parent / file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert there.find(at) is None
    (at.parent / file).unlink()
    assert there.find(at) is None


def test_a_name_that_leads_elsewhere_is_another_machine(at: Path, there: Machines, tmp_path: Path) -> None:
    there.keep(at, load(at))
    outside = tmp_path / "outside.yaml"
    (at.parent / "base.yaml").rename(outside)
    (at.parent / "base.yaml").symlink_to(outside)  # the same bytes, but loading refuses what lies outside
    assert there.find(at) is None


def test_a_shipped_name_that_leads_elsewhere_is_another_machine(tmp_path: Path) -> None:
    at, other = tmp_path / "mine.yaml", tmp_path / "pg74.yaml"
    at.write_text('spec_version: "1"\nkind: machine\ninclude: [pg74]\nname: mine\n')
    there = Machines(shipped, tmp_path / "kept")
    there.keep(at, load(at, shipped=shipped))
    assert there.find(at) is not None
    assert Machines(lambda name: other, tmp_path / "kept").find(at) is None


@pytest.mark.parametrize(
    "changed", [("digest", lambda *rooms: "another tool"), ("VERSION", 0)], ids=["another tool", "another form"]
)
def test_another_tool_reads_anew(
    changed: tuple[str, object], at: Path, there: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.keep(at, load(at))
    monkeypatch.setattr(machines, *changed)
    assert there.find(at) is None


def test_another_python_reads_anew(at: Path, there: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    there.keep(at, load(at))
    monkeypatch.setattr(sys, "version", "4.0")
    assert there.find(at) is None


def test_an_entry_of_another_file_is_not_taken(at: Path, there: Machines, tmp_path: Path) -> None:
    """Entries say themselves what they were made of: a name alone is not believed."""
    there.keep(at, load(at))
    (file,) = (tmp_path / "kept").iterdir()
    copy = at.with_name("copy.yaml")
    copy.write_text(at.read_text())
    there.keep(copy, load(copy))
    (other,) = {*(tmp_path / "kept").iterdir()} - {file}
    file.replace(other)
    assert there.find(copy) is None


class Runs:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.system, ("touch ran",)


@pytest.mark.parametrize(
    "part", [b"", b"\x80", pickle.dumps(Runs()), pickle.dumps(((), 1)), pickle.dumps(os.getcwd), pickle.dumps(((), {}))]
)
@pytest.mark.parametrize("name", ["", "instructions"])
def test_bytes_of_somebody_else_run_nothing(
    part: bytes, name: str, at: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = form.written(load(at))
    with pytest.raises(Exception):  # noqa: B017
        machine = form.read({**whole, name: part})
        assert len(machine.instructions[0].id) and machine.state.leaves
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"\0\0", b"\0\0\0\2{}", b"\0\0\0\2[]", b"\xff\xff\xff\xff", b"\0\0\0\4null"])
def test_an_entry_that_is_none_is_not_there(content: bytes, at: Path, there: Machines, tmp_path: Path) -> None:
    there.keep(at, load(at))
    (file,) = (tmp_path / "kept").iterdir()
    store.write(tmp_path / "kept", file.stem, content)
    assert there.find(at) is None and there.warning == ""


def test_a_folder_that_cannot_be_used_is_said_once_and_costs_nothing_else(at: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place, reason in ((tmp_path / "file", "is no folder"), (Path("/proc/pgcheck"), "No such file")):
        there = Machines(shipped, place)
        assert there.find(at) is None
        there.keep(at, load(at))
        assert reason in there.warning


def test_what_is_not_known_is_not_written(at: Path, there: Machines, tmp_path: Path) -> None:
    machine = load(at)
    there.keep(at, replace(machine, guests_start={"A": Runs()}))  # type: ignore[dict-item]
    assert there.find(at) is None and there.warning == ""


def test_terms_may_be_deep(at: Path) -> None:
    deep = variable(8, "deep")
    for _ in range(20_000):
        deep = mk("add", 8, mk("mul", 8, deep, deep), constant(8, 1))
    machine = replace(load(at), legal=(mk("eq", 0, deep, constant(8, 1)),))
    assert form.read(form.written(machine)).legal[0] is machine.legal[0]


def test_two_processes_share_a_folder(at: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pgcheck.isa.kept.machines import Machines\n"
        "from pgcheck.isa.machine.build import load\n"
        f"there, at = Machines(lambda name: None, Path({str(tmp_path / 'kept')!r})), Path({str(at)!r})\n"
        "machine = load(at)\n"
        "for _ in range(30):\n    there.keep(at, machine)\n    assert there.find(at).machine().instructions\n"
        "assert there.warning == ''\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) for _ in range(2)]
    assert [process.wait(60) for process in running] == [0, 0]
    same(read(Machines(shipped, tmp_path / "kept").find(at)), load(at))
