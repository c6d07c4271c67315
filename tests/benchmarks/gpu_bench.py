"""Time QuASIM's GPU kernels against cuStateVec and against gates one by one; or predict the times.

    python tests/benchmarks/gpu_bench.py
    python tests/benchmarks/gpu_bench.py --predict --gpu H100
    python tests/benchmarks/gpu_bench.py --kernels native --qubits 4-10

The first form needs a GPU, CuPy and this package, no network, and less than ten minutes; cuQuantum
and PyTorch are left out where they are not installed. The last form tests the benchmark itself on
the host. States are compared before their times count. ``gpu.json`` and ``gpu.md`` are written
after every row, so that a run that is cut off leaves what it has.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import itertools
import json
import shlex
import sys
import time
from pathlib import Path
from typing import Any

from gpu import engines, predictions
from gpu.budget import Budget
from gpu.circuits import FAMILIES
from gpu.place import CudaGpu, Host, copy_bandwidth
from gpu.report import report
from gpu.roofline import GPUS
from gpu.sections import SECTIONS
from gpu.setting import Setting

from quasim_backend.compile import planner
from quasim_backend.errors import QuasimError
from quasim_backend.kernels.custatevec.calls import Calls
from quasim_backend.plugins import default_manager

WRONG = 3
"""Exit status if engines disagree."""


def qubit_numbers(word: str) -> list[int]:
    """Read ``20`` or ``20-24``."""
    first, _, last = word.partition("-")
    try:
        numbers = list(range(int(first), int(last or first) + 1))
    except ValueError:
        numbers = []
    if not numbers or numbers[0] < 2:
        raise argparse.ArgumentTypeError(f"{word!r}: give 20 or 20-24; 2 qubits or more")
    return numbers


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--kernels", default="cuda", help="the kernel set that is measured")
    add("--qubits", type=qubit_numbers, nargs="+", default=[], metavar="N", help="20 or 20-24")
    add("--families", nargs="+", choices=list(FAMILIES), default=list(FAMILIES))
    add("--dtypes", nargs="+", choices=["complex64", "complex128"])
    add("--sections", nargs="*", choices=list(SECTIONS), default=list(SECTIONS))
    add("--seconds", type=float, default=560.0, help="time limit of the whole run")
    add("--repeats", type=int, default=5, help="timed runs, of which the median counts")
    add("--members", type=int, default=1000, help="circuits of a batch")
    add("--shots", type=int, default=1_000_000)
    add("--tile", type=int, help="tile qubits of our plans")
    add("--low", type=int, help="low qubits of our plans")
    add("--device", type=int, default=0, help="number of the GPU")
    add("--predict", action="store_true", help="print predictions and stop; needs no GPU")
    add("--gpu", choices=list(GPUS), default="H100", help="the GPU to predict for")
    add("--output", type=Path, default=Path("bench-out"), help="folder to write to")
    parser.set_defaults(dtypes=["complex64", "complex128"])
    found = parser.parse_args(words)
    found.qubits = sorted(set(itertools.chain(*found.qubits)))
    return found


def setting_of(options: argparse.Namespace) -> Setting:
    """Open the device, our kernel set and, where it can be, cuStateVec.

    Raises:
        QuasimError: If the kernel set does not exist.
        RuntimeError: If it cannot be used.
    """
    kernels = engines.kernel_set(options.kernels, options.device)
    on_gpu = default_manager().kernels[options.kernels].device == "gpu"
    place = CudaGpu(options.device) if on_gpu else Host()
    skipped: dict[str, str] = {}
    calls = open_custatevec(options.device, skipped) if on_gpu else None
    if calls is None:
        skipped.setdefault(engines.CUSTATEVEC, "our kernels run on the host")
        skipped[engines.UPDATER] = skipped[engines.CUSTATEVEC]
    elif importlib.util.find_spec("cuquantum.bindings.custatevecEx") is None:
        skipped[engines.UPDATER] = "this cuQuantum has no bindings of it"
    if reason := planner.is_available():
        skipped["our planner"] = f"{reason}; every gate is a pass"
    return Setting(
        place=place,
        name=options.kernels,
        kernels=kernels,
        calls=calls,
        bandwidth=copy_bandwidth(place),
        dtypes=options.dtypes,
        families=options.families,
        qubits=options.qubits,
        members=options.members,
        shots=options.shots,
        repeats=options.repeats,
        tile=options.tile,
        low=options.low,
        skipped=skipped,
    )


def open_custatevec(device_id: int, skipped: dict[str, str]) -> Calls | None:
    """Open cuStateVec, or say in ``skipped`` why it is left out."""
    try:
        from quasim_backend.kernels.custatevec.gpu import GpuCalls

        return GpuCalls(device_id)
    except QuasimError as cause:
        skipped[engines.CUSTATEVEC] = str(cause)
        return None


def measure(setting: Setting, options: argparse.Namespace, words: list[str]) -> dict[str, Any]:
    """Run the sections one after the other, writing the result after every row."""
    started = time.monotonic()
    budget = Budget(options.seconds)
    result: dict[str, Any] = {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["python", "tests/benchmarks/gpu_bench.py", *words]),
        "kernels": setting.name,
        "machine": setting.place.describe(),
        "bandwidth": setting.bandwidth,
        "skipped": setting.skipped,
        "unfinished": {},
        "seconds": 0.0,
        "sections": {},
    }
    print(report(result), flush=True)
    for name in options.sections:
        section = SECTIONS[name]
        rows = result["sections"][name] = []
        share = budget.share(section.SECONDS)
        print(f"== {section.TITLE}", flush=True)
        try:
            for row in section.run(setting, share):
                rows.append(row)
                print(f"{time.monotonic() - started:6.1f} s  {line(row)}", flush=True)
                result["seconds"] = time.monotonic() - started
                write(result, options.output)
        except Exception as cause:  # the other sections shall still be measured
            result["unfinished"][name] = f"stopped by {type(cause).__name__}: {cause}"
            print(result["unfinished"][name], flush=True)
            write(result, options.output)
        setting.place.release()
    result["seconds"] = time.monotonic() - started
    write(result, options.output)
    return result


def line(row: dict[str, Any]) -> str:
    """Return a row in short, for people who wait."""
    what = " ".join(str(row[key]) for key in ("family", "qubits", "dtype") if key in row)
    if "error" in row:
        return f"{what}: {row['error']}"
    seconds = {n: found["seconds"] for n, found in row.get("engines", {}).items()}
    return f"{what}: {json.dumps(seconds or row['seconds'])}"


def write(result: dict[str, Any], folder: Path) -> None:
    """Write the result and its report; a file is complete or the one before it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("gpu.json", json.dumps(result, indent=1)), ("gpu.md", report(result))):
        fresh = folder / f"{name}.new"
        fresh.write_text(text)
        fresh.replace(folder / name)


def main(words: list[str] | None = None) -> int:
    """Run the benchmark.

    Returns:
        Exit status: 0; `WRONG` if engines disagree; 1 if the kernel set cannot be used or a section
        stopped.
    """
    words = sys.argv[1:] if words is None else words
    options = arguments(words)
    if options.predict:
        n = max(options.qubits, default=30)
        known = options.output / "gpu.json"
        for dtype in options.dtypes:
            print(predictions.table(options.gpu, n, dtype, options.tile, options.low, known), "\n")
        return 0
    try:
        setting = setting_of(options)
    except (QuasimError, RuntimeError) as cause:
        print(cause)
        return 1
    result = measure(setting, options, words)
    print(f"\n{report(result)}\nIn {options.output}: gpu.json, gpu.md")
    if any("error" in row for rows in result["sections"].values() for row in rows):
        return WRONG
    return 1 if result["unfinished"] else 0


if __name__ == "__main__":
    sys.exit(main())
