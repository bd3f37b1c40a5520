"""The beginning of a specification of one's own."""

from __future__ import annotations

import re
import shlex
from importlib.resources import files
from pathlib import Path
from typing import Final

from pgcheck import console
from pgcheck.shipped import shipped

NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")


def isa(name: str, folder: Path) -> Path:
    """Writes `folder/name.yaml`, a small machine with one hole; the path. Raises Failure, and overwrites nothing."""
    if not NAME.fullmatch(name):
        raise console.Failure(
            f"'{name}' is no name for an instruction set; it is at most 40 small letters, digits, - and _, "
            "and begins with a letter"
        )
    if shipped(name) is not None:
        raise console.Failure(f"a specification named {name} is shipped; choose another name")
    path = folder / f"{name}.yaml"
    if not folder.is_dir():
        raise console.Failure(f"there is no folder {folder}")
    text = files("pgcheck.machines").joinpath("new_isa.yaml").read_text(encoding="utf-8").replace("NAME", name)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise console.Failure(f"{path} exists already; nothing is overwritten") from None
    except OSError as error:
        raise console.Failure(f"cannot write {path}: {error.strerror}") from None
    return path


def word(path: Path) -> str:
    """The path as a word of a command line."""
    return shlex.quote(str(path))
