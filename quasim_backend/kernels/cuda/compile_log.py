"""What a failed compilation leaves behind for a report: a file with everything."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

__all__ = ["write_log"]

_SHOWN = 5


def write_log(log: str, source: str, options: Sequence[str]) -> str:
    """Write the compiler's log, its options and the source to a file; return what to tell.

    Args:
        log: What the compiler said.
        source: What it was given.
        options: Its options.

    Returns:
        A message with the first lines of the log and the path of the file: in CuPy's cache folder,
        or where temporary files go if that cannot be written.
    """
    text = "\n".join([log, "options: " + " ".join(options), "", source])
    lines = [line.rstrip() for line in log.splitlines() if line.strip()]
    shown = "\n".join(lines[:_SHOWN]) or "The compiler said nothing."
    where = _written(text)
    kept = f"Log and source: {where}" if where else "The log could not be written to a file."
    return (
        f"The CUDA kernels cannot be compiled.\n{shown}\n{kept}\n"
        f"Please report it with that file; device='cpu' runs without a GPU."
    )


def _written(text: str) -> Path | None:
    cache = os.environ.get("CUPY_CACHE_DIR", "~/.cupy/kernel_cache")
    for folder in (Path(cache).expanduser(), Path(tempfile.gettempdir())):
        try:
            number, name = tempfile.mkstemp(".log", "quasim-compile-", folder)
            with open(number, "w", encoding="utf-8") as file:
                file.write(text)
        except OSError:
            continue
        return Path(name)
    return None
