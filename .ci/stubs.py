"""Write the .pyi files of the native modules; with ``--check``, fail if one is out of date."""

from __future__ import annotations

import difflib
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = (
    "quasim_backend.compile._planner",
    "quasim_backend.kernels._cpu",
    "quasim_backend.kernels._device",
    "quasim_backend.kernels._emulate",
)


def generate(module: str) -> str:
    """Return the stub nanobind generates for an installed native module."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "stub.pyi"
        # Outside the root, so that the installed package is imported and not the bare sources.
        subprocess.run(
            [sys.executable, "-m", "nanobind.stubgen", "-q", "-m", module, "-o", str(target)],
            check=True,
            cwd=folder,
        )
        return target.read_text()


def main() -> int:
    """Check or rewrite every stub; return the number of stale ones when checking."""
    check = "--check" in sys.argv[1:]
    stale = 0
    for module in MODULES:
        path = ROOT / (module.replace(".", "/") + ".pyi")
        fresh = generate(module)
        old = path.read_text() if path.exists() else ""
        if fresh == old:
            continue
        if check:
            stale += 1
            diff = difflib.unified_diff(
                old.splitlines(), fresh.splitlines(), "committed", "generated", lineterm=""
            )
            print(f"{path.relative_to(ROOT)} is out of date; run `make stubs`.", *diff, sep="\n")
        else:
            path.write_text(fresh)
            print(f"wrote {path.relative_to(ROOT)}")
    return stale


if __name__ == "__main__":
    sys.exit(main())
