"""Object files that were made before, in the tool's cache of results: by digest of the text that they are made of, and of who made them.

The text is the whole lowering of a specification, so nothing that it hangs on can be forgotten in the key. An object file is code that runs in
this process: it is taken only from a folder and a file that nobody else can write to.
"""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from pgcheck.isa.files.cache import Cache, default_folder
from pgcheck.models.native import linking

FILE: Final = "results.sqlite"


def key(text: str, level: int) -> str:
    """What the object file of a text is kept under."""
    made_of = f"{linking.version()}\n{level}\n{text}".encode()
    return f"native {hashlib.blake2b(made_of, digest_size=20).hexdigest()}"


def own(path: Path) -> bool:
    """Whether a folder or plain file is the user's, and nobody else can write to it."""
    try:
        found = path.lstat()
    except OSError:
        return False
    plain = stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)
    return plain and hasattr(os, "getuid") and found.st_uid == os.getuid() and not found.st_mode & 0o022


def compiled(text: str, level: int, folder: Path | None = None) -> bytes:
    """The object file of a text, made or found. Raises Unavailable."""
    try:
        folder = default_folder() if folder is None else folder
    except RuntimeError:
        return linking.compiled(text, level)
    cache, name = Cache(folder), key(text, level)
    try:
        kept = cache.get(name) if own(folder) and own(folder / FILE) else None
        if kept is not None:
            with suppress(ValueError, linking.Unavailable):
                found = base64.b85decode(kept)
                linking.symbols(found)
                return found
        made = linking.compiled(text, level)
        cache.put(name, base64.b85encode(made).decode())
        return made
    finally:
        cache.close()
