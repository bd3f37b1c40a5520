"""Where gdb finds a program: a port on this machine alone, one debugger after the other."""

from __future__ import annotations

import socket

import click

from pgcheck import console
from pgcheck.debugging.description import described
from pgcheck.debugging.packets import Closed, Link
from pgcheck.debugging.session import How, Runner, Session
from pgcheck.debugging.target import Target
from pgcheck.models.computer.computer import Computer

HOST = "127.0.0.1"


def debugged(computer: Computer, runner: Runner, port: int) -> How:
    """Let debuggers run a program until it ends or one lets go of it; 0 is any free port. Raises Failure."""
    try:
        description = described(computer.machine)
    except ValueError as error:
        raise console.Failure(f"--gdb cannot be used: {error}") from None
    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((HOST, port))
            door.listen(1)
        except OSError as error:
            raise console.Failure(f"cannot wait for gdb on port {port}: {error.strerror}") from None
        at = door.getsockname()[1]
        order = "-ex 'set endian big' " if computer.machine.state.big_endian else ""
        click.echo(f"waiting for gdb: `gdb-multiarch {order}-ex 'target remote {HOST}:{at}'`", err=True)
        while True:
            with door.accept()[0] as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                session = Session(Link(connection), Target(computer, description.registers), runner, description)
                try:
                    return session.serve()
                except Closed:
                    click.echo("gdb has gone; waiting for another", err=True)
                finally:
                    session.close()
