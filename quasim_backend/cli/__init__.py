"""The command ``quasim``. One module a subcommand; a module is imported when it is asked for.

A subcommand's module has ``add_arguments(parser)`` and ``run(arguments) -> int``, the exit status.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

from quasim_backend import __version__
from quasim_backend.errors import QuasimError

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "run": "run an OpenQASM file",
    "info": "show what this installation can do",
    "demo": "show the engine on a few circuits",
    "bench": "time the engine against other simulators",
}
"""Subcommands and what they do; those whose module is not installed are left out."""

_USAGE_ERROR = 2
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: Words after ``quasim``; default: the process's own.

    Returns:
        Exit status: 0, or 2 after an error that was printed.

    Raises:
        SystemExit: From the argument parser, for ``--help``, ``--version`` and usage errors.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser(words).parse_args(words)
    if options.command is None:
        _parser([]).print_help()
        return 0
    try:
        with warnings.catch_warnings():
            # For people: one line, without the place in our code that warned.
            warnings.simplefilter("default", RuntimeWarning)
            warnings.showwarning = _print_warning  # type: ignore[assignment]
            status = import_module(f"{__name__}.{options.command}").run(options)
            sys.stdout.flush()
            return int(status or 0)
    except BrokenPipeError:
        # The reader of our output (head, less) has had enough; keep Python quiet at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("quasim: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except (QuasimError, OSError) as error:
        text = str(error)
        if isinstance(error, OSError) and error.strerror and error.filename:
            text = f"{error.filename}: {error.strerror}"
        print(f"quasim: {text}", file=sys.stderr)
        return _USAGE_ERROR


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="quasim", description="QuASIM, a quantum circuit simulator."
    )
    parser.add_argument("--version", action="version", version=f"quasim-backend {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    # Only the module of the command at hand is imported, for its arguments.
    wanted = next((word for word in words if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        module = f"{__name__}.{name}"
        if find_spec(module) is None:
            continue
        command = commands.add_parser(name, help=summary, description=summary.capitalize() + ".")
        if name == wanted:
            import_module(module).add_arguments(command)
    return parser


def _print_warning(message: Warning | str, category: type[Warning], *_: object) -> None:
    print(f"quasim: warning: {message}", file=sys.stderr)
