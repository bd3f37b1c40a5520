"""What was read of specifications, by file: found again while the files, the tool and the Python that read them are the same.

An entry says which files it was made of, and is used only where the same names still lead to them and they hold the same bytes. It begins with what a file is
called and how large its machine is, so that whoever asks for no more reads no more. A cache that cannot be used costs time and never an answer.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pgcheck.isa.files import door
from pgcheck.isa.files.sources import Digest, Shipped, by_name
from pgcheck.isa.kept import store
from pgcheck.isa.kept.tool import digest

if TYPE_CHECKING:
    from pgcheck.isa.machine.machine import Machine

VERSION: Final = 1
READ: Final = ("isa", "models")
"""The rooms whose code decides what a machine is: the language, and the models of devices that it may name."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A machine that was read before: where its file is, its digest, its files, how large it is, how many guests are other machines, and its parts as they were written."""

    path: str
    digest: str
    files: tuple[str, ...]
    instructions: int
    leaves: int
    guests: int
    parts: Mapping[str, bytes]

    def machine(self) -> Machine | None:
        """The machine itself; None if its parts cannot be read."""
        from pgcheck.isa.kept import form

        try:
            return form.read(self.parts)
        except Exception:  # whatever bytes that are not what we wrote do, they are no machine
            return None


class Machines:
    """The machines kept in a folder, by default that of this user's own files.

    No method raises because of the folder: `warning` says why nothing is found or stored, after that it is not tried again.
    """

    def __init__(self, shipped: Shipped, folder: Path | None = None) -> None:
        self.warning = ""
        self._shipped = shipped
        self._folder = folder

    def find(self, path: Path) -> Kept | None:
        """What was read of the file before, if that is still what it says."""
        content = self._try(lambda folder: store.read(folder, _name(path)))
        if content is None:
            return None
        try:
            return self._valid(path, content)
        except (
            ValueError,
            KeyError,
            TypeError,
            OSError,
            RuntimeError,
        ):  # damaged, or files that are not there: it is read anew
            return None

    def keep(self, path: Path, machine: Machine) -> None:
        """Store a machine that was read from the file; one that cannot be written is not stored."""
        from pgcheck.isa.kept import form

        identity = machine.identity
        try:
            parts = form.written(machine)
            real = [os.path.realpath(file) for file in identity.files]
        except (form.Unwritable, OSError):
            return
        said = {
            "made": _made(path),
            "files": list(zip(identity.files, identity.names, real, strict=True)),
            "digest": identity.digest,
            "instructions": len(machine.instructions),
            "leaves": len(machine.state.leaves),
            "guests": len(machine.virtual),
            "parts": {name: len(part) for name, part in parts.items()},
        }
        head = json.dumps(said).encode()
        content = b"".join((len(head).to_bytes(4, "big"), head, *parts.values()))
        self._try(lambda folder: store.write(folder, _name(path), content))

    def _valid(self, path: Path, content: bytes) -> Kept | None:
        """The entry if it was made by this tool of files as they are. Raises ValueError, KeyError, TypeError, OSError and RuntimeError."""
        end = 4 + int.from_bytes(content[:4], "big")
        said: dict[str, Any] = json.loads(content[4:end])
        if said["made"] != _made(path):
            return None
        whole = Digest()
        for file, name, real in said["files"]:
            if os.path.realpath(file) != real or (name and by_name(name) and self._shipped(name) != Path(file)):
                return None
            whole.add(name, door.content(Path(file)))
        if whole.hexdigest() != said["digest"]:
            return None
        parts: dict[str, bytes] = {}
        for name, size in said["parts"].items():
            parts[name], end = content[end : end + size], end + size
        files = tuple(file for file, _, _ in said["files"])
        return Kept(str(path), said["digest"], files, said["instructions"], said["leaves"], said["guests"], parts)

    def _try(self, action: Callable[[Path], bytes | None]) -> bytes | None:
        if self.warning:
            return None
        place = self._folder
        try:
            place = place or store.folder()
            return action(place)
        except (OSError, RuntimeError, store.Unsafe) as error:
            reason = (isinstance(error, OSError) and error.strerror) or str(error)
            self.warning = f"machines are not kept in {place or 'the cache'}: {reason}"
            return None


def _made(path: Path) -> list[str]:
    """What an entry depends on besides the bytes of its files."""
    python = f"{sys.implementation.cache_tag} {sys.version}"
    return [str(VERSION), digest(*READ), python, str(path), os.path.realpath(path)]


def _name(path: Path) -> str:
    return hashlib.blake2b("\0".join(_made(path)).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
