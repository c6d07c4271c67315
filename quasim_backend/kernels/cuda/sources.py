"""The CUDA sources, installed as data, as the one text that is compiled."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from quasim_backend.errors import DeviceError

__all__ = ["are_installed", "module_source"]

_ROOT = "kernels.cu"
_INCLUDE = re.compile(r'\s*#\s*include\s*"([^"]+)"')
_ONCE = "#pragma once"


def are_installed() -> bool:
    """Return whether the sources are there; a build without compiled code has none."""
    return (_folder() / _ROOT).is_file()


@cache
def module_source() -> str:
    """Return ``kernels.cu`` with every header in the place of its first ``#include``.

    One text, because CuPy names its cached binaries by the text it is given: a header that changed
    behind an ``#include`` would go unnoticed. ``#line`` keeps the files' names for the compiler.

    Raises:
        DeviceError: If a file is missing.
    """
    return "\n".join(_lines(_ROOT, set())) + "\n"


def _lines(name: str, seen: set[str]) -> list[str]:
    """Return the lines of a file, headers put in; ``seen`` gets those that count once."""
    file = _folder() / name
    if not file.is_file():
        raise DeviceError(
            f"The CUDA source '{name}' is not installed; install QuASIM again, with compiled code."
        )
    found = [f'#line 1 "{name}"']
    for number, line in enumerate(file.read_text("utf-8").splitlines(), start=1):
        include = _INCLUDE.match(line)
        if include is None:
            if line.strip() == _ONCE:
                seen.add(name)
                line = ""
            found.append(line)
        elif include[1] in seen:
            found.append("")
        else:
            found += [*_lines(include[1], seen), f'#line {number + 1} "{name}"']
    return found


def _folder() -> Traversable:
    return resources.files("quasim_backend.kernels.cuda") / "source"
