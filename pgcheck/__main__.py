"""Where the program starts, as `pgcheck` and as `python -m pgcheck`: Ctrl-C is no traceback while the rest is still imported."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> None:
    """The program: ends the process with its exit code."""
    try:
        import signal

        usual = signal.getsignal(signal.SIGINT)
        if usual is signal.default_int_handler:
            signal.signal(signal.SIGINT, _leave)
        from pgcheck import cli

        signal.signal(signal.SIGINT, usual)
    except KeyboardInterrupt:
        _leave()
    cli.main()


def _leave(*_: object) -> "NoReturn":
    os.write(2, b"Interrupted.\n")
    os._exit(130)


if __name__ == "__main__":
    main()
