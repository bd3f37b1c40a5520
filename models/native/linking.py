"""The back end: LLVM through llvmlite, the only module that knows it."""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable
from functools import cache
from io import BytesIO
from typing import Any, Final

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

MISSING: Final = "native code needs llvmlite: install pgcheck[native]; generated Python is used instead"

PROCESSORS: Final = ("x86_64", "aarch64", "arm64")
"""Those for which LLVM has the convention of handlers; on others it would end the process."""
_PASSES: Final = ("sroa", "simplify_cfg", "instruction_combine", "jump_threading", "simplify_cfg")
"""As fast as LLVM's own first level within what can be measured, in three fifths of its time."""
_FUNCTION: Final = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)

_FAILURES: Final = RuntimeError, OSError, AttributeError, TypeError, ValueError
"""What a back end of another version, or on a processor that it does not know, raises."""


class Unavailable(Exception):
    """There is no back end, or it does not serve this processor; the text says so."""


@cache
def backend() -> Any:
    """LLVM, made ready for this processor. Raises Unavailable."""
    try:
        llvm = importlib.import_module("llvmlite.binding")
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        processor = llvm.get_process_triple().partition("-")[0]
    except ImportError as error:
        raise Unavailable(MISSING) from error
    except _FAILURES as error:
        raise _unavailable(error) from error
    if processor not in PROCESSORS:
        raise Unavailable(f"native code is not made for {processor}; generated Python is used instead")
    return llvm


def _unavailable(error: Exception) -> Unavailable:
    said = (str(error).splitlines() or [type(error).__name__])[0]
    return Unavailable(f"native code cannot be made here: {said}; generated Python is used instead")


def version() -> str:
    """Back end and processor, for what is kept between runs. Raises Unavailable."""
    llvm = backend()
    try:
        features = llvm.get_host_cpu_features().flatten()
        return f"LLVM {llvm.llvm_version_info} {llvm.get_process_triple()} {llvm.get_host_cpu_name()} {features}"
    except _FAILURES as error:
        raise _unavailable(error) from error


def _target(level: int) -> Any:
    llvm = backend()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=level, jit=True
    )


def compiled(text: str, level: int = 1) -> bytes:
    """The object file of a text; `level` 0 is made in half the time. Raises Unavailable where it needs a library that is not here."""
    llvm = backend()
    try:
        machine, module = _target(level), llvm.parse_assembly(text)
        builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=1))
        passes = llvm.create_new_module_pass_manager()
        for name in _PASSES[:2] if level == 0 else _PASSES:
            getattr(passes, f"add_{name}_pass")()
        passes.run(module, builder)
        made: bytes = machine.emit_object(module)
    except _FAILURES as error:
        raise _unavailable(error) from error
    return made


def symbols(made: bytes) -> list[tuple[str, bool]]:
    """The names in an object file, and whether it defines each. Raises Unavailable where it is none."""
    try:
        sections = [s for s in ELFFile(BytesIO(made)).iter_sections() if isinstance(s, SymbolTableSection)]
        return [
            (s.name, s["st_shndx"] != "SHN_UNDEF") for section in sections for s in section.iter_symbols() if s.name
        ]
    except (ELFError, ValueError) as error:
        raise _unavailable(error) from error


def complete(*made: bytes) -> None:
    """Hold object files to need nothing but each other: linking others would end the process. Raises Unavailable."""
    found = [symbol for one in made for symbol in symbols(one)]
    missing = {name for name, _ in found} - {name for name, defined in found if defined}
    if missing:
        raise Unavailable(f"native code would call {', '.join(sorted(missing))}; generated Python is used instead")


class Linked:
    """Object files in memory: the addresses of their functions."""

    def __init__(self, *made: bytes) -> None:
        llvm = backend()
        complete(*made)
        try:
            self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target(1))
            self._objects = [llvm.ObjectFileRef.from_data(m) for m in made]
            for one in self._objects:
                self._engine.add_object_file(one)
            self._engine.finalize_object()
        except _FAILURES as error:
            raise _unavailable(error) from error

    def function(self, name: str) -> Callable[[int], int]:
        """A function of the address of native memory; the code lives as long as it does. Raises KeyError."""
        found: Any = _FUNCTION(self.address(name))
        found.linked = self
        made: Callable[[int], int] = found
        return made

    def address(self, name: str) -> int:
        """Where a function or a table is. Raises KeyError."""
        found = int(self._engine.get_function_address(name) or self._engine.get_global_value_address(name))
        if not found:
            raise KeyError(name)
        return found
