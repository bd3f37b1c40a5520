"""Which solvers are installed."""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import Final

PACKAGES: Final = ("z3-solver", "bitwuzla", "cvc5")
_MARK: Final = ".dist-info"


def versions() -> dict[str, str]:
    """The versions of the solvers that are installed, by package, without importing them."""
    return {package: version for package in PACKAGES if (version := _version(package, tuple(sys.path)))}


@cache
def _version(package: str, path: tuple[str, ...]) -> str:
    """The version that the name of a package's folder says; "" if it is not installed.

    `importlib.metadata` says the same, for as much time as the rest of a short run takes: it is asked where no folder has the name.
    """
    wanted = package.replace("-", "_") + "-"
    for folder in path:
        try:
            names = os.listdir(folder or ".")
        except OSError:
            continue
        for name in sorted(names):
            if name.lower().startswith(wanted) and name.endswith(_MARK):
                return name[len(wanted) : -len(_MARK)]
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
