"""`[tool.pgcheck]` in the nearest pyproject.toml: read strictly, with the place of each value."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pgcheck.isa.files import door
from pgcheck.isa.files.errors import Position, Problems, SpecificationError, did_you_mean
from pgcheck.options import NO_WAIVERS, SETTINGS
from pgcheck.settings.project import nearest
from pgcheck.shipped import shipped

TABLE: Final = "[tool.pgcheck]"
_PLACE: Final = re.compile(r" \(at line (\d+), column (\d+)\)$")


class ConfigurationError(SpecificationError):
    """A pyproject.toml is wrong."""

    subject = "the configuration"


@dataclass(frozen=True, slots=True)
class Value:
    """What a key is set to, and where."""

    value: Any
    position: Position


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings of a project; paths are relative to `folder`."""

    folder: Path = Path()
    values: Mapping[str, Value] = field(default_factory=dict)

    def presets(self, *, everywhere: bool = False) -> dict[str, Any]:
        """What options are without the command line, by the name of their parameter; `everywhere`: those of every command."""
        found: dict[str, Any] = {}
        for key, one in self.values.items():
            option = SETTINGS[key]
            if everywhere and not option.everywhere:
                continue
            match key:
                case "specs":
                    pass
                case "waivers" if one.value is False:
                    found[NO_WAIVERS.parameter] = True
                case "waivers":
                    found[option.parameter] = Path(self._from_here(one.value))
                case "output":
                    found[option.parameter] = [self._output(word) for word in one.value]
                case _:
                    found[option.parameter] = not one.value if option.denies else one.value
        return found

    def specifications(self) -> tuple[str, ...]:
        """The files that `specs` names, as seen from the current folder. Raises ConfigurationError for one that names none."""
        problems = Problems()
        given = self.values.get("specs")
        files: dict[str, None] = {}
        for word in given.value if given is not None else ():
            named = [self._from_here(path) for path in _files(self.folder, word)]
            if not named and given is not None:
                problems.report(
                    given.position,
                    f"'{word}' names no specification",
                    hint="a file that says kind: machine, or includes one",
                )
            files |= dict.fromkeys(named)
        _raise(problems)
        return tuple(files)

    def _output(self, word: str) -> str:
        name, equals, file = word.partition("=")
        return f"{name}={self._from_here(file)}" if file else name + equals

    def _from_here(self, path: str | Path) -> str:
        return os.path.relpath(self.folder / path)


def _files(folder: Path, word: str) -> Iterator[Path]:
    """A file by its name, or those of a folder or pattern that say that they specify a machine."""
    named = folder / word
    if named.is_file():
        yield named
        return
    from pgcheck.isa.files.kind import says_machine

    if named.is_dir():
        yield from sorted(path for path in named.rglob("*") if says_machine(path, shipped))
    elif "*" in word and not Path(word).is_absolute():
        yield from sorted(path for path in folder.glob(word) if says_machine(path, shipped))


def current() -> Configuration:
    """The configuration of the current folder's project: of the nearest pyproject.toml up to the root of the repository.

    Raises ConfigurationError.
    """
    file = nearest()
    return load(file) if file is not None else Configuration()


def load(path: Path) -> Configuration:
    """What a pyproject.toml says, all errors at once. Raises ConfigurationError."""
    problems = Problems()
    shown = os.path.relpath(path)
    text = _text(path, shown, problems)
    table = _table(text, shown, problems)
    values = {}
    for key, value in table.items():
        position = _position(text, shown, key)
        option = SETTINGS.get(key)
        if option is None:
            hint = did_you_mean(key, SETTINGS)
            problems.report(position, f"unknown key '{key}' in {TABLE}", expected=", ".join(SETTINGS), hint=hint)
        elif not option.values.fits(value):
            hint = (
                did_you_mean(value, option.values.expected.replace(",", "").split()) if isinstance(value, str) else ""
            )
            hint = "write it without quotes" if value in ("true", "false") else hint
            problems.report(
                position, f"{key} cannot be this", found=repr(value), expected=option.values.expected, hint=hint
            )
        else:
            values[key] = Value(value, position)
    _raise(problems)
    return Configuration(path.parent, values)


def _text(path: Path, shown: str, problems: Problems) -> str:
    try:
        return door.content(path).decode("utf-8-sig")
    except OSError as error:
        problems.report(Position(shown, 1, 1), f"cannot read it: {error.strerror}")
    except UnicodeDecodeError:
        problems.report(Position(shown, 1, 1), "the file is not UTF-8 text")
    return ""


def _table(text: str, shown: str, problems: Problems) -> Mapping[str, Any]:
    if "pgcheck" not in text:
        return {}
    import tomllib

    try:
        tool = tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError as error:
        said = _PLACE.search(str(error))
        end = Position(shown, text.count("\n") + 1, 1)
        position = Position(shown, int(said[1]), int(said[2])) if said else end
        problems.report(position, f"this is not TOML: {_PLACE.sub('', str(error))}")
        return {}
    table = tool.get("pgcheck", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        problems.report(_position(text, shown, "pgcheck"), f"{TABLE} is a table")
        return {}
    return table


def _position(text: str, shown: str, key: str) -> Position:
    """Where a key of the table stands; where it is written in another way than below the head, its first mention."""
    head = re.search(r"^[ \t]*\[[ \t]*tool[ \t]*\.[ \t]*pgcheck[ \t]*\]", text, re.MULTILINE)
    written = rf"""["']?{re.escape(key)}["']?"""
    start = head.end() if head else 0
    after = re.search(rf"^[ \t]*({written})[ \t]*[=.]", text[start:], re.MULTILINE)
    offset = start + after.start(1) if after else max(text.find(key), 0)
    return Position(shown, text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))


def _raise(problems: Problems) -> None:
    try:
        problems.raise_if_any()
    except SpecificationError as error:
        raise ConfigurationError(error.problems) from None
