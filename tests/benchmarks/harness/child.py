"""One process of the harness: one number of threads, all simulators in it.

Started as ``python -m harness.child SETTINGS.json RESULT.json``.
"""

from __future__ import annotations

import json
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness import machine, states
from harness.agreement import WrongStateError
from harness.sections import SECTIONS
from harness.settings import Settings
from harness.simulators import QUASIM, usable

WRONG_STATES = 3
"""Exit status after states that disagree."""


def measure(settings: Settings) -> dict[str, Any]:
    """Run the table of families and the sections.

    Raises:
        WrongStateError: If simulators disagree.
    """
    peers, missing = usable(settings.peers)
    for name, reason in missing.items():
        print(f"{name} is left out: {reason}", flush=True)
    settings = replace(settings, peers=[peer.NAME for peer in peers])
    packages = [package for peer in (QUASIM, *peers) for package in peer.PACKAGES]
    megabytes = 128 if settings.quick else 512
    result: dict[str, Any] = {
        "settings": settings.as_dict(),
        "missing": missing,
        "versions": machine.versions(packages),
        "copy_gb_per_s": machine.copy_bandwidth(settings.threads, megabytes=megabytes),
        "gfma_per_s": {
            dtype: machine.multiply_rate(dtype, settings.threads) for dtype in settings.dtypes
        },
    }
    print(f"copy: {result['copy_gb_per_s']:.1f} GB/s on {settings.threads} threads", flush=True)
    result["states"] = states.run(settings, peers)
    result["sections"] = {}
    for name in settings.sections:
        rows = SECTIONS[name].run(settings, peers)
        result["sections"][name] = rows
        for row in rows:
            print(f"{name}: {SECTIONS[name].line(row)}", flush=True)
    return result


def main(settings_file: Path, result_file: Path) -> int:
    """Measure and write the result.

    Returns:
        Exit status: 0, or `WRONG_STATES`.
    """
    # Of other people's packages; ours are errors in the tests.
    warnings.simplefilter("ignore")
    try:
        result = measure(Settings(**json.loads(settings_file.read_text())))
    except WrongStateError as error:
        print(f"\n{error}", file=sys.stderr)
        return WRONG_STATES
    result_file.write_text(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
