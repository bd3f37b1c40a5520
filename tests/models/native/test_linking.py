"""Code that would call a library is refused before it is linked; without a back end the reason is told in one line."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

import pytest

from pgcheck.models.native import linking
from pgcheck.models.native.linking import Linked, Unavailable

CALL = "declare i32 @elsewhere()\ndefine i32 @one(ptr %p) {\n  %x = call i32 @elsewhere()\n  ret i32 %x\n}\n"
LIBRARY = "define i128 @one(i128 %a, i128 %b) {\n  %x = udiv i128 %a, %b\n  ret i128 %x\n}\n"


@pytest.mark.parametrize(("text", "missing"), [(CALL, "elsewhere"), (LIBRARY, "__udivti3")])
def test_code_that_would_call_a_library_is_refused(text: str, missing: str) -> None:
    pytest.importorskip("llvmlite", reason="the extra 'native' is not installed")
    with pytest.raises(Unavailable, match=missing):
        linking.complete(linking.compiled(text))


@pytest.mark.parametrize("code", [b"", b"no object file", b"\x7fELF" + bytes(100)])
def test_what_is_no_object_file_is_refused(code: bytes) -> None:
    pytest.importorskip("llvmlite", reason="the extra 'native' is not installed")
    with pytest.raises(Unavailable):
        Linked(code)


def test_without_a_back_end_the_reason_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import_module = importlib.import_module

    def missing(name: str, package: str | None = None) -> Any:
        if name.startswith("llvmlite"):
            raise ImportError(name)
        return import_module(name, package)

    monkeypatch.setattr(importlib, "import_module", missing)
    linking.backend.cache_clear()
    try:
        with pytest.raises(Unavailable) as told:
            linking.backend()
    finally:
        linking.backend.cache_clear()
    assert str(told.value) == linking.MISSING and "\n" not in linking.MISSING


def raising(error: Exception) -> Any:
    def raises(*_: Any, **__: Any) -> Any:
        raise error

    return raises


@pytest.mark.parametrize(
    "other",
    [
        SimpleNamespace(),
        SimpleNamespace(initialize_native_target=raising(OSError("no such library"))),
        SimpleNamespace(
            initialize_native_target=bool,
            initialize_native_asmprinter=bool,
            get_process_triple=lambda: "vax",
            Target=SimpleNamespace(from_triple=raising(RuntimeError("no targets are registered\nfor vax"))),
        ),
        SimpleNamespace(
            initialize_native_target=bool,
            initialize_native_asmprinter=bool,
            get_process_triple=str,
            Target=SimpleNamespace(from_triple=raising(TypeError("takes 2 arguments"))),
        ),
    ],
    ids=["nothing in it", "does not load", "processor", "version"],
)
def test_a_back_end_of_another_version_or_for_another_processor_is_told_in_one_line(
    other: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_module = importlib.import_module
    monkeypatch.setattr(
        importlib, "import_module", lambda name, *given: other if "llvmlite" in name else import_module(name, *given)
    )
    linking.backend.cache_clear()
    try:
        with pytest.raises(Unavailable) as told:
            linking.compiled("")
    finally:
        linking.backend.cache_clear()
    assert str(told.value).endswith("generated Python is used instead") and "\n" not in str(told.value)


def test_a_processor_without_the_convention_of_handlers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("llvmlite", reason="the extra 'native' is not installed")
    linking.backend.cache_clear()
    monkeypatch.setattr(linking, "PROCESSORS", ())
    with pytest.raises(Unavailable, match="is not made for"):
        linking.backend()
