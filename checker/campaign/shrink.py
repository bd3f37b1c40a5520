"""Smaller tapes of the same failure, found without chance."""

from __future__ import annotations

from collections.abc import Callable


def shrink(tape: bytes, fails: Callable[[bytes], bool], tries: int) -> bytes:
    """A tape for which `fails` still holds: shorter, then with more zeros, after at most `tries` trials."""
    left = tries

    def holds(candidate: bytes) -> bool:
        nonlocal left
        if left <= 0:
            return False
        left -= 1
        return fails(candidate)

    best = tape.rstrip(b"\0")
    low, high = 0, len(best)
    while low < high and left > 0:
        middle = (low + high) // 2
        if holds(best[:middle]):
            best = best[:middle].rstrip(b"\0")
            high = len(best)
        else:
            low = middle + 1
    size = max(1, len(best) // 2)
    while size and left > 0:
        for at in range(0, len(best), size):
            piece = best[at : at + size]
            if any(piece):
                candidate = (best[:at] + bytes(len(piece)) + best[at + size :]).rstrip(b"\0")
                if holds(candidate):
                    best = candidate
        size //= 2
    for at, byte in enumerate(best):
        if byte > 1 and left > 0:
            candidate = best[:at] + bytes([byte >> 1]) + best[at + 1 :]
            if holds(candidate):
                best = candidate
    return best
