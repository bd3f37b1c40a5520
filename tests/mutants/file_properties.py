"""DV2 for a disk's file: it holds what was written, byte for byte, whatever that looks like, and from one run to the next."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from pgcheck.checker.campaign.cases.tape import Tape
from pgcheck.checker.campaign.manuals.bench import differs
from pgcheck.models.devices.backing import HostFile

SECTOR = 512
# What the headers of other disk formats begin with.
MAGIC = (
    b"QFI\xfb\0\0\0\x03",
    b"conectix",
    b"KDMV\x01\0\0\0",
    b"vhdxfile",
    b"<<< Oracle VM",
    b"COWD",
    b"\x7fELF",
    b"plain",
)


def host_file(data: bytes) -> str | None:
    """Reads, writes and new openings of one file against an array of bytes; what the host refuses is an OSError."""
    tape = Tape(data)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "disk"
        for strange in (path, Path(folder)):
            if _tried(partial(HostFile, strange)) is not OSError:
                return f"{'a folder' if strange.is_dir() else 'nothing'} is opened as a disk"
        truth = bytearray(bytes(k * 5 & 0xFF for k in range(4 * SECTOR)))
        path.write_bytes(truth)
        file = _tried(partial(HostFile, path))
        if not isinstance(file, HostFile):
            return f"a file is refused: {file}"
        for step in range(16):
            at, count = SECTOR * tape.below(4), SECTOR * (1 + tape.below(2))
            count = min(count, len(truth) - at)
            found = None
            match tape.below(4):
                case 0:
                    ours = _tried(partial(file.read, at, count))
                    found = differs(f"step {step}: {count} bytes at {at}", ours, bytes(truth[at : at + count]))
                case 1 | 2:
                    text = (tape.choose(MAGIC) + bytes([tape.byte()])).ljust(count, bytes([tape.byte()]))[:count]
                    found = differs(f"step {step}: a write", _tried(partial(file.write, at, text)), None)
                    truth[at : at + count] = text
                case _:
                    found = differs(f"step {step}: a flush", _tried(file.flush), None)
                    file.close()
                    file = HostFile(path)
                    found = found or differs(f"step {step}: size", file.size, len(truth))
            if found or path.read_bytes() != bytes(truth):
                return found or f"step {step}: the file is another"
        path.write_bytes(truth[:SECTOR])
        outside = [_tried(partial(file.read, SECTOR, SECTOR)), _tried(partial(file.write, SECTOR, bytes(SECTOR)))]
        file.close()
        return differs("behind the end of a file that was cut", outside, [OSError, OSError])


def _tried(act: partial[object] | object) -> object:
    """What an operation gives, or the kind of what it raises."""
    assert callable(act)
    try:
        return act()
    except OSError:
        return OSError
    except Exception as error:
        return type(error)
