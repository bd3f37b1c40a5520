"""Packets of gdb's remote serial protocol over a connection (GDB manual, appendix E)."""

from __future__ import annotations

import select
import socket
from typing import Final

LARGEST: Final = 1 << 14
"""Characters of a packet that is accepted or sent."""
BREAK: Final = b"\x03"
ESCAPE: Final = 0x7D
ESCAPED: Final = frozenset(b"#$}*")


class Closed(Exception):
    """The debugger has gone."""


class Link:
    """A connection to a debugger: packets come whole and with their checksum right, and are acknowledged until both sides do without.

    Every method raises Closed when the connection is gone.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.acknowledges = True
        self._held = bytearray()
        self._sent = b""

    def receive(self) -> bytes:
        """The next packet, without its frame and unescaped; BREAK where the debugger asks to stop."""
        while True:
            start = self._byte()
            if start == BREAK:
                return BREAK
            if start == b"-" and self._sent:
                self._put(self._sent)
            if start != b"$":
                continue
            body = bytearray()
            while (byte := self._byte()) != b"#":
                if len(body) <= LARGEST:
                    body += byte
            told = self._byte() + self._byte()
            right = len(body) <= LARGEST and told.lower() == b"%02x" % (sum(body) & 0xFF)
            if self.acknowledges:
                self._put(b"+" if right else b"-")
            if right:
                return unescaped(bytes(body))

    def send(self, body: bytes) -> None:
        """Send a packet."""
        framed = escaped(body)
        self._sent = b"$%s#%02x" % (framed, sum(framed) & 0xFF)
        self._put(self._sent)

    def asks_to_stop(self) -> bool:
        """Whether the debugger has asked to stop, without waiting for it."""
        while select.select([self.connection], [], [], 0)[0]:
            self._fill()
        if BREAK not in self._held:
            return False
        del self._held[: self._held.index(BREAK) + 1]
        return True

    def _byte(self) -> bytes:
        while not self._held:
            self._fill()
        byte = bytes(self._held[:1])
        del self._held[:1]
        return byte

    def _fill(self) -> None:
        try:
            data = self.connection.recv(1 << 12)
        except OSError as error:
            raise Closed(error.strerror) from None
        if not data or len(self._held) > 4 * LARGEST:
            raise Closed("the connection is closed")
        self._held += data

    def _put(self, data: bytes) -> None:
        try:
            self.connection.sendall(data)
        except OSError as error:
            raise Closed(error.strerror) from None


def escaped(data: bytes) -> bytes:
    """Data with the characters that mean something to the protocol escaped."""
    return b"".join(bytes((ESCAPE, b ^ 0x20)) if b in ESCAPED else bytes((b,)) for b in data)


def unescaped(data: bytes) -> bytes:
    """What was escaped so; an escape at the end stands for nothing."""
    found, escape = bytearray(), False
    for byte in data:
        if not escape and byte == ESCAPE:
            escape = True
            continue
        found.append(byte ^ 0x20 if escape else byte)
        escape = False
    return bytes(found)
