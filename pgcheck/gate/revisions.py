"""Where the two sides of a comparison come from: files, folders, or revisions of a git repository."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from pgcheck.console import Failure
from pgcheck.isa.files.kind import says_machine
from pgcheck.shipped import shipped

_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Both:
    """A specification, called `name`, that is on both sides."""

    name: str
    old: Path
    new: Path


@dataclass(frozen=True, slots=True)
class Added:
    """A specification that is on the new side alone."""

    name: str
    new: Path


@dataclass(frozen=True, slots=True)
class Removed:
    """A specification that is on the old side alone."""

    name: str
    old: Path


Pair = Both | Added | Removed


def is_machine(path: Path) -> bool:
    """Whether a file says that it is a specification."""
    return says_machine(path, shipped)


@contextmanager
def sides(words: Sequence[str], paths: Sequence[str] = ()) -> Iterator[list[Pair]]:
    """The specifications to compare: `OLD NEW`, or `REVISION..[REVISION]` with the files and folders `paths`. Raises Failure."""
    if len(words) == 1 and ".." in words[0]:
        old, _, new = words[0].partition("..")
        with TemporaryDirectory(prefix="pgcheck-") as folder:
            root = _root()
            places = [_place(path, root) for path in paths]
            first = _checked_out(_tree(old or "HEAD", root), old, places, root, Path(folder) / "old")
            second = _checked_out(_tree(new, root), new, places, root, Path(folder) / "new") if new else root
            yield _pairs(first, second, places)
        return
    if len(words) != 2 or paths:
        raise Failure("compare two files or folders, `OLD NEW`, or revisions, `REVISION..[REVISION] -- [PATHS]`")
    one, other = (_existing(word) for word in words)
    if one.is_dir() != other.is_dir():
        raise Failure(f"{words[0]} and {words[1]} are a file and a folder")
    yield _pairs(one, other, ()) if one.is_dir() else [Both(words[1], one, other)]


def _existing(word: str) -> Path:
    path = shipped(word) or Path(word)
    if not path.exists():
        raise Failure(f"no specification, file or folder '{word}'")
    return path


def _pairs(old: Path, new: Path, paths: Sequence[str]) -> list[Pair]:
    """The machines under both folders, matched by where they are."""
    names = sorted({*_machines(old, paths), *_machines(new, paths)})
    if not names:
        raise Failure(
            "no specification on either side: a file is one if it says `kind: machine`, or includes one that does"
        )
    return [_pair(name, old / name, new / name) for name in names]


def _pair(name: str, old: Path, new: Path) -> Pair:
    """A specification by the sides that it is on, which is one at least."""
    if not is_machine(old):
        return Added(name, new)
    return Both(name, old, new) if is_machine(new) else Removed(name, old)


def _machines(side: Path, paths: Sequence[str]) -> Iterator[str]:
    for start in [side / p for p in paths] if paths else [side]:
        files = [start] if start.is_file() else sorted(start.rglob("*.yaml"))
        for file in files:
            relative = file.relative_to(side)
            if not any(part.startswith(".") for part in relative.parts) and is_machine(file):
                yield relative.as_posix()


def _place(path: str, root: Path) -> str:
    """Where a path of the command line lies in the repository; as it is written, for a link leads elsewhere on each side."""
    written = Path(os.path.normpath(Path.cwd() / path))
    if not written.is_relative_to(root):
        written = written.parent.resolve() / written.name
    for end in (written, written.resolve()):
        if not end.is_relative_to(root):
            raise Failure(f"{end} lies outside the repository {root}")
    return written.relative_to(root).as_posix()


def _tree(revision: str, root: Path) -> str:
    """The number of a revision's tree: what the user wrote goes to git once, where it can be no option. Raises Failure."""
    if revision.startswith("-"):
        raise Failure(f"'{revision}' is no revision: one does not begin with -")
    try:
        return (
            _git("rev-parse", "--verify", "--end-of-options", f"{revision}^{{tree}}", folder=root).split()[-1].decode()
        )
    except Failure:
        raise Failure(f"git knows no revision '{revision}' here") from None


def _checked_out(tree: str, revision: str, places: Sequence[str], root: Path, folder: Path) -> Path:
    """The files of a tree, in a folder. Includes lie in the folder of the including file, so that is taken whole, and
    behind a link the whole repository."""
    linked = any((root / place).resolve() != root / place for place in places)
    wanted = ["."] if linked or not places else sorted({_folder(root / place, root) for place in places})
    there = [w for w in wanted if w == "." or _git("ls-tree", "-d", tree, "--", w, folder=root).strip()]
    folder.mkdir()
    if there:
        index = {"GIT_INDEX_FILE": str(folder.with_suffix(".index"))}
        _git("read-tree", tree, folder=root, environment=index)
        names = _git("ls-files", "-z", "--", *there, folder=root, environment=index)
        _git("checkout-index", "-z", "--stdin", f"--prefix={folder}/", folder=root, environment=index, given=names)
    for name in _machines(folder, places):
        if not (folder / name).resolve().is_relative_to(folder.resolve()):
            raise Failure(f"{name} is a link that leads out of {revision}")
    return folder


def _folder(path: Path, root: Path) -> str:
    inside = path if path.is_dir() or not path.suffix else path.parent
    return inside.relative_to(root).as_posix()


def _root() -> Path:
    return Path(_git("rev-parse", "--show-toplevel").decode().strip())


def _git(
    command: str,
    *arguments: str,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    given: bytes = b"",
) -> bytes:
    try:
        done = subprocess.run(
            ["git", command, *arguments],
            cwd=folder,
            env={**os.environ, "GIT_LITERAL_PATHSPECS": "1", **(environment or {})},
            input=given,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise Failure("comparing revisions needs git") from None
    except subprocess.TimeoutExpired:
        raise Failure(f"git {command} took longer than {_SECONDS} s") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Failure(f"git {command}: {said[0] if said else 'failed'}")
    return done.stdout
