"""Where things stand, as other tools want to know it: paths from the root of the repository, hashes of lines."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote

from pgcheck.isa.files import door

_WINDOW: Final = 100
_FACTOR: Final = 37
_MASK: Final = (1 << 64) - 1
_END: Final = 0xFFFF


def line_hashes(text: str) -> tuple[str, ...]:
    """GitHub's `primaryLocationLineHash` of every line of a text.

    The text without spaces and tabs, every line end one newline, is followed by 0xffff and zeros; a line has the hash
    of the 100 UTF-16 units from its start on (a polynomial in 37 modulo 2**64, in hexadecimal), and how many lines so
    far have that hash.
    Source: github/codeql-action, src/fingerprints.ts.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace(" ", "").replace("\t", "")
    content = text.encode("utf-16-le", "surrogatepass")
    units = (*struct.unpack(f"<{len(content) // 2}H", content), _END, *(0,) * _WINDOW)
    starts = [0, *(place + 1 for place, unit in enumerate(units) if unit == 10)]
    seen: dict[str, int] = {}
    hashes = []
    for start in starts:
        value = 0
        for unit in units[start : start + _WINDOW]:
            value = value * _FACTOR + unit & _MASK
        name = f"{value:x}"
        seen[name] = seen.get(name, 0) + 1
        hashes.append(f"{name}:{seen[name]}")
    return tuple(hashes)


@dataclass(frozen=True, slots=True)
class Places:
    """Files as seen from the folder `root`; what has been read of them is kept."""

    root: Path
    _lines: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _hashes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def relative(self, path: str) -> str | None:
        """The path from the root with slashes; None for one outside."""
        absolute = whole(path)
        return absolute.relative_to(self.root).as_posix() if absolute.is_relative_to(self.root) else None

    def uri(self, path: str) -> dict[str, str]:
        """A SARIF artifact location: from the root where the file is inside, else an absolute URI."""
        inside = self.relative(path)
        if inside is None:
            return {"uri": "file://" + quote(whole(path).as_posix(), errors="surrogateescape")}
        return {"uri": quote(inside, errors="surrogateescape"), "uriBaseId": "SRCROOT"}

    def lines(self, path: str) -> tuple[str, ...]:
        """The lines of a file, as positions count them; none where it cannot be read."""
        if path not in self._lines:
            text = _text(path)
            shown = () if text is None else text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
            self._lines[path] = tuple(shown)
        return self._lines[path]

    def line_hash(self, path: str, line: int) -> str:
        """The hash of a line, counted from 1; "" where the file has no such line or cannot be read."""
        if path not in self._hashes:
            text = _text(path)
            self._hashes[path] = () if text is None else line_hashes(text)
        hashes = self._hashes[path]
        return hashes[line - 1] if 0 < line <= len(hashes) else ""


def whole(path: str) -> Path:
    """The absolute path, as it stands for a name that no file can have."""
    try:
        return Path(path).resolve()
    except (OSError, ValueError, RuntimeError):
        return Path(path).absolute()


def _text(path: str) -> str | None:
    try:
        return door.content(path).decode("utf-8", "replace")
    except OSError:
        return None
