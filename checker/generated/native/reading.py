"""What the lowering writes, read again: functions of blocks of operations, each of a form that is known."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pgcheck.checker.generated.integers import Unknown

_VALUE: Final = r"[%@\w.\-]+"
_TYPE: Final = r"i\d+|ptr"
_FORMS: Final = {
    "binary": rf"(?P<op>add|sub|mul|and|or|xor|shl|lshr|ashr|udiv|urem|sdiv|srem) i(?P<width>\d+) (?P<a>{_VALUE}), (?P<b>{_VALUE})",
    "compare": rf"icmp (?P<op>eq|ult|ule|slt|sle) (?P<type>{_TYPE}) (?P<a>{_VALUE}), (?P<b>{_VALUE})",
    "resize": rf"(?P<op>zext|sext|trunc) i(?P<width>\d+) (?P<a>{_VALUE}) to i(?P<to>\d+)",
    "select": rf"select i1 (?P<guard>{_VALUE}), i(?P<width>\d+) (?P<a>{_VALUE}), i\d+ (?P<b>{_VALUE})",
    "variable": rf"alloca (?P<type>{_TYPE})",
    "load": rf"load (?P<type>{_TYPE}), ptr (?P<at>{_VALUE})(, align \d+)?",
    "store": rf"store (?P<type>{_TYPE}) (?P<a>{_VALUE}), ptr (?P<at>{_VALUE})(, align \d+)?",
    "place": rf"getelementptr (?P<type>i8|\[2 x i64\]), ptr (?P<at>{_VALUE}), i64 (?P<a>{_VALUE})",
    "number": rf"ptrtoint ptr (?P<at>{_VALUE}) to i64",
    "reversed": rf"call i(?P<width>\d+) @llvm\.bswap\.i\d+\(i\d+ (?P<a>{_VALUE})\)",
    "divided": rf"call \{{i\d+, i\d+\}} @divide(?P<width>\d+)\(i\d+ (?P<a>{_VALUE}), i\d+ (?P<b>{_VALUE})\)",
    "host": rf"call i32 (?P<at>{_VALUE})\(i32 (?P<request>\d+), i64 (?P<a>{_VALUE}), i64 (?P<b>{_VALUE})\)",
    "call": r"call fastcc \{(?P<types>[^}]*)\} @(?P<name>\w+)\(ptr %st(?P<args>[^)]*)\)",
    "part": rf"extractvalue \{{[^}}]*\}} (?P<a>{_VALUE}), (?P<k>\d+)",
    "joined": rf"insertvalue \{{[^}}]*\}} (?P<a>\{{[^}}]*\}}|{_VALUE}), i(?P<width>\d+) (?P<b>{_VALUE}), (?P<k>\d+)",
    "tail": rf"musttail call preserve_nonecc void (?P<name>{_VALUE})\(ptr %st, ptr (?P<at>{_VALUE}), i64 (?P<a>{_VALUE}), i64 (?P<b>{_VALUE})\)",
    "go": r"br label %(?P<label>\w+)",
    "branch": rf"br i1 (?P<guard>{_VALUE}), label %(?P<label>\w+), label %(?P<orelse>\w+)(, !prof !\d)?",
    "switch": rf"switch i64 (?P<a>{_VALUE}), label %(?P<label>\w+) \[(?P<cases>[^\]]*)\]",
    "returned": rf"ret (\{{[^}}]*\}}|i32) (?P<a>\{{[^}}]*\}}|{_VALUE})",
    "nothing": r"ret void",
}
_KNOWN: Final = {name: re.compile(rf"  (?:(?P<result>%\w+) = )?{form}") for name, form in _FORMS.items()}
_HEAD: Final = re.compile(
    r"define (?:internal |hidden )?(?:fastcc |preserve_nonecc )?(?P<returns>\{[^}]*\}|void|i32) @(?P<name>\w+)\((?P<given>[^)]*)\) nounwind \{"
)


@dataclass(frozen=True, slots=True)
class Line:
    """An operation: its form, what it names its result, and its parts by name."""

    form: str
    result: str
    parts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Written:
    """A function: the names of its parameters, and its blocks in the order in which they are written."""

    name: str
    parameters: tuple[str, ...]
    blocks: Mapping[str, tuple[Line, ...]]


def line(text: str) -> Line:
    """An operation. Raises Unknown."""
    for form, pattern in _KNOWN.items():
        found = pattern.fullmatch(text)
        if found is not None:
            parts = {name: part for name, part in found.groupdict().items() if part is not None}
            return Line(form, parts.pop("result", ""), parts)
    raise Unknown(f"native code {text.strip()[:60]!r}")


def definition(text: str) -> Written:
    """One function. Raises Unknown."""
    head, *lines = text.strip().splitlines()
    found = _HEAD.match(head)
    if found is None or lines[-1] != "}":
        raise Unknown(f"native code {head[:60]!r}")
    blocks: dict[str, list[Line]] = {"": []}
    label = ""
    for text_ in lines[:-1]:
        if text_.endswith(":"):
            label = text_[:-1]
            if label in blocks:
                raise Unknown(f"two labels {label}")
            blocks[label] = []
        elif text_:
            blocks[label].append(line(text_))
    given = tuple(p.split()[-1] for p in found["given"].split(", "))
    return Written(found["name"], given, {n: tuple(b) for n, b in blocks.items()})


def definitions(text: str) -> Iterator[tuple[str, str]]:
    """The texts of the functions of a module, by name."""
    for part in re.findall(r"^define .*?^}$", text, re.MULTILINE | re.DOTALL):
        found = _HEAD.match(part)
        if found is not None:
            yield found["name"], part
