"""Packets of the remote serial protocol: whole, with the right checksum, unescaped."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgcheck.debugging.packets import BREAK, LARGEST, Closed, Link, escaped, unescaped


@pytest.fixture
def ends() -> Iterator[tuple[Link, socket.socket]]:
    here, there = socket.socketpair()
    with here, there:
        yield Link(here), there


def test_a_packet_comes_whole_and_is_acknowledged(ends: tuple[Link, socket.socket]) -> None:
    link, other = ends
    other.sendall(b"+$m0,4#fd")
    assert link.receive() == b"m0,4"
    assert other.recv(9) == b"+"


def test_a_wrong_checksum_is_told_and_the_packet_asked_for_again(ends: tuple[Link, socket.socket]) -> None:
    link, other = ends
    other.sendall(b"$m0,4#00$m0,4#FD")
    assert link.receive() == b"m0,4"
    assert other.recv(9) == b"-+"


def test_what_is_not_acknowledged_is_sent_again(ends: tuple[Link, socket.socket]) -> None:
    link, other = ends
    link.send(b"OK")
    other.sendall(b"-$?#3f")
    assert link.receive() == b"?"
    assert other.recv(99) == b"$OK#9a$OK#9a+"


def test_without_acknowledgements_none_are_sent(ends: tuple[Link, socket.socket]) -> None:
    link, other = ends
    link.acknowledges = False
    other.sendall(b"$?#3f")
    assert link.receive() == b"?"
    link.send(b"x")
    assert other.recv(99) == b"$x#78"


def test_a_break_between_packets_and_while_the_program_runs(ends: tuple[Link, socket.socket]) -> None:
    link, other = ends
    assert not link.asks_to_stop()
    other.sendall(BREAK)
    assert link.asks_to_stop() and not link.asks_to_stop()
    other.sendall(BREAK + b"$?#3f")
    assert link.receive() == BREAK and link.receive() == b"?"


def test_a_packet_that_is_too_long_is_refused(ends: tuple[Link, socket.socket]) -> None:
    link, other = ends
    body = b"a" * (LARGEST + 1)
    other.sendall(b"$" + body + b"#%02x$?#3f" % (sum(body) & 0xFF))
    assert link.receive() == b"?"
    assert other.recv(9) == b"-+"


def test_a_connection_that_closes_is_told(ends: tuple[Link, socket.socket]) -> None:
    link, other = ends
    other.sendall(b"$m0")
    other.close()
    with pytest.raises(Closed):
        link.receive()


@given(st.binary(max_size=80))
def test_what_is_escaped_is_unescaped(data: bytes) -> None:
    assert unescaped(escaped(data)) == data
    assert not set(escaped(data)) & set(b"#$*")
