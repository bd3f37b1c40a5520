"""A specification of as many instructions as wanted, made from the rows of a shipped one.

    python bench/many.py COUNT FOLDER

Every copy has a unit more, which no two have alike, a name and a statement of its own; so encodings, texts and bodies are as many as instructions.
"""

from __future__ import annotations

import sys
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
OF = "riscv64"
UNIT = 32
FILE = 1000
"""Instructions in a file: what one file may hold is bounded."""


def many(count: int, folder: Path) -> Path:
    """The file of a specification of `count` instructions, in a folder that may hold others."""
    rows = [row for file in sorted((ROOT / "specs" / OF).glob("*.yaml")) for row in read(file).get("instructions", [])]
    copies = [copied(row, number) for number, row in enumerate(islice(cycle(rows), count))]
    parts = [copies[start : start + FILE] for start in range(0, count, FILE)]
    for number, part in enumerate(parts):
        written(folder / f"part{number}.yaml", {"instructions": part})
    override = {"decode": {"max_length": 2}, "remove_instructions": [identity(row) for row in rows]}
    base = folder / "base.yaml"
    written(base, {"include": [OF], "override": override})
    whole = folder / f"many{count}.yaml"
    names = [base.name, *(f"part{number}.yaml" for number in range(len(parts)))]
    written(whole, {"spec_version": "1", "kind": "machine", "name": f"many{count}", "include": names})
    return whole


def copied(row: dict[str, Any], number: int) -> dict[str, Any]:
    """A row with another name, a unit more, and a statement of its own."""
    encoding = {**row["encoding"], "match": f"{number:0{UNIT}b}{row['encoding']['match']}"}
    operation = f"Bits<{UNIT}> copy = {UNIT}'d{number};\n{row['operation()']}"
    return {**row, "name": f"{row['name']}.{number}", "encoding": encoding, "operation()": operation}


def identity(row: dict[str, Any]) -> str:
    return ".".join(row[key] for key in ("name", "variant") if key in row)


def read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(file.read_text("utf-8"), Loader=yaml.CBaseLoader)  # a file of ours
    return found


class Plain(yaml.CSafeDumper):
    """Writes out what several rows share."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def written(file: Path, content: dict[str, Any]) -> None:
    file.write_text(yaml.dump(content, Dumper=Plain, sort_keys=False, width=10**6), "utf-8")


if __name__ == "__main__":
    print(many(int(sys.argv[1]), Path(sys.argv[2])))
