#!/usr/bin/env bash
# bincopy 20.1.1 (its newest release on PyPI), seen with Python 3.11 on 2026-11-30.
#
# Guess: data over data that is there already raises AddDataError, unless `overwrite=True` is given; so an S-record or HEX file
# whose records overlap is an error in whatever order they stand.
# What happens: it is refused where the new data begin inside a segment or join none. Where they go on from the end of the segment
# that was written last and run over the next one, that one loses its first bytes, and nothing is raised.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q bincopy==20.1.1
"$folder/venv/bin/python" - <<'PYTHON'
import itertools

import bincopy


def record(address, data):
    body = bytes([len(data) + 3]) + address.to_bytes(2, "big") + data
    return "S1" + (body + bytes([~sum(body) & 0xFF])).hex().upper()


def read(*records):
    image = bincopy.BinFile()
    try:
        image.add_srec("\n".join(record(a, d) for a, d in records) + "\n")
    except bincopy.Error as error:
        return type(error).__name__
    return [(segment.address, bytes(segment.data)) for segment in image.segments]


low, over, high = (0, b"AAAA"), (4, b"CCCC"), (6, b"BBBB")
seen = {" ".join(d.decode() for _, d in order): read(*order) for order in itertools.permutations((low, over, high))}
for order, found in seen.items():
    print(f"{order}  {found}")
assert seen["AAAA BBBB CCCC"] == seen["BBBB AAAA CCCC"] == [(0, b"AAAACCCCBB")]
assert seen["BBBB CCCC AAAA"] == seen["CCCC BBBB AAAA"] == "AddDataError"
PYTHON
