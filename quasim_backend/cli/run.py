"""``quasim run``: run a circuit in a file and print counts, amplitudes or probabilities."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from quasim_backend.errors import CircuitError, OptionError, UnsupportedError
from quasim_backend.ir import openqasm
from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.instructions import Measure
from quasim_backend.options import DEFAULT_SHOTS, DEVICES, PRECISIONS, Config
from quasim_backend.plugins.manager import default_manager
from quasim_backend.result import Result
from quasim_backend.session.runtime import Runtime

__all__ = ["add_arguments", "run"]

_FILE = (
    "OpenQASM 2 or 3 file, pytket's .json or Qiskit's .qpy; - reads OpenQASM from standard input"
)
_NEEDS = {".json": "pytket", ".qpy": "qiskit"}
"""Files that only an SDK can read, through its plug-in."""

_NEGLIGIBLE = 1e-12
"""Probabilities below this are not printed in tables."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("file", metavar="FILE", help=_FILE)
    parser.add_argument("--shots", type=int, help=f"number of shots (default {DEFAULT_SHOTS})")
    parser.add_argument("--seed", type=int, help="same seed, same samples (default: a fresh one)")
    parser.add_argument("--device", default="auto", choices=DEVICES, help="default: auto")
    parser.add_argument("--method", default="auto", help="engine (default: auto)")
    parser.add_argument("--kernels", help="kernel set (default: the fastest usable one)")
    parser.add_argument(
        "--precision", default="fp64", choices=PRECISIONS, help="default: fp64 (complex128)"
    )
    parser.add_argument(
        "--save",
        default="counts",
        choices=("counts", "statevector", "probabilities"),
        help="what to print (default: counts)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--plot", metavar="OUT.png", help="draw what is printed (needs Matplotlib)")


def run(arguments: argparse.Namespace) -> int:
    """Run the file and print what it gives."""
    if arguments.plot:
        _pyplot()  # before the work, not after it
    circuit = _read(arguments.file)
    config = Config(
        simulation_precision=arguments.precision,
        device=arguments.device,
        method=arguments.method,
        kernels=arguments.kernels,
    )
    shots = arguments.shots
    with Runtime(config) as rt:
        if arguments.save == "counts":
            if not any(isinstance(i, Measure) for i in circuit.walk()):
                circuit.measure_all()
            result = rt.run(circuit, shots if shots is not None else DEFAULT_SHOTS, arguments.seed)
        else:
            result = rt.run(circuit, shots, arguments.seed, save=arguments.save)
    if arguments.json:
        json.dump(_json(circuit, result, arguments.save), sys.stdout, indent=2)
        print()
    else:
        for line in _table(circuit, result, arguments.save):
            print(line)
    if arguments.plot:
        _plot(circuit, result, arguments.save, arguments.plot)
    return 0


def _read(file: str) -> Circuit:
    if file == "-":
        return openqasm.loads(sys.stdin.read(), "<stdin>")
    path = Path(file)
    needed = _NEEDS.get(path.suffix.lower())
    if needed is None or not path.is_file():
        return openqasm.load(path)
    plugins = default_manager()
    circuit = plugins.translate_circuit(path)
    if circuit is None:
        known = [p.name for p in plugins.plugins if "quasim_translate_circuit" in p.hooks]
        raise CircuitError(
            f"No plug-in finds a circuit in '{path}'; installed are: {', '.join(known) or 'none'}. "
            f"Such files come from {needed}; pip install 'quasim-backend[{needed}]' reads them."
        )
    return circuit


def _grouped(bits: str, circuit: Circuit) -> str:
    """Separate registers by spaces, the highest first, as Qiskit writes them."""
    registers: Iterable[tuple[str, int]] = getattr(circuit, "registers", None) or ()
    sizes = [size for _, size in registers]
    if len(sizes) < 2 or sum(sizes) != len(bits):
        return bits
    parts, end = [], len(bits)
    for size in sizes:
        parts.append(bits[end - size : end])
        end -= size
    return " ".join(reversed(parts))


def _counts(circuit: Circuit, result: Result) -> dict[str, int]:
    return {_grouped(bits, circuit): number for bits, number in result.counts().items()}


def _bits(index: int, circuit: Circuit) -> str:
    return format(index, f"0{circuit.num_qubits}b") if circuit.num_qubits else ""


def _table(circuit: Circuit, result: Result, save: str) -> Iterable[str]:
    facts = result.metadata
    where = f"{facts['engine']} on {facts['device']} ({facts['kernels']}, {facts['dtype']})"
    if save == "counts":
        rows = sorted(_counts(circuit, result).items(), key=lambda row: (-row[1], row[0]))
        width = len(str(rows[0][1])) if rows else 1
        for bits, number in rows:
            yield f"{bits}  {number:>{width}}  {number / result.shots:.4f}"
        yield f"# {result.shots} shots, seed {facts['seed']}, {where}"
        return
    values = result.saved[save]
    weights = np.abs(values) ** 2 if save == "statevector" else values
    for index in np.flatnonzero(weights > _NEGLIGIBLE).tolist():
        value = values[index]
        if save == "statevector":
            yield f"{_bits(index, circuit)}  {value.real:+.8f}{value.imag:+.8f}j"
        else:
            yield f"{_bits(index, circuit)}  {value:.8f}"
    after = f" after the last of {result.shots} shots, seed {facts['seed']}" if result.shots else ""
    yield f"# {save} of {circuit.num_qubits} qubits{after}, {where}"


def _json(circuit: Circuit, result: Result, save: str) -> dict[str, Any]:
    if save == "counts":
        values: Any = _counts(circuit, result)
    elif save == "statevector":
        state = result.saved[save]
        values = [[float(a.real), float(a.imag)] for a in state]
    else:
        values = result.saved[save].tolist()
    return {
        "circuit": circuit.name,
        "num_qubits": circuit.num_qubits,
        "num_clbits": circuit.num_clbits,
        "shots": result.shots,
        save: values,
        "metadata": result.metadata,
    }


def _pyplot() -> Any:
    try:
        import matplotlib as mpl
    except ImportError:
        raise UnsupportedError(
            "--plot needs Matplotlib: pip install 'quasim-backend[plot]'."
        ) from None
    mpl.use("Agg")  # draws files, needs no display
    import matplotlib.pyplot as plt

    return plt


def _plot(circuit: Circuit, result: Result, save: str, path: str) -> None:
    heights: list[float]
    if save == "counts":
        rows = sorted(_counts(circuit, result).items())
        labels, heights, title = [r[0] for r in rows], [float(r[1]) for r in rows], "counts"
    else:
        values = result.saved[save]
        weights = np.abs(values) ** 2 if save == "statevector" else values
        shown = np.flatnonzero(weights > _NEGLIGIBLE).tolist()
        labels = [_bits(i, circuit) for i in shown]
        heights, title = [float(weights[i]) for i in shown], "probability"
    most = 256
    if len(labels) > most:
        raise OptionError(
            f"--plot draws at most {most} bars; this result has {len(labels)}. Use --json and draw "
            f"it your way."
        )
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(max(4.0, 0.25 * len(labels) + 2), 3.5))
    axes.bar(labels, heights, color="#2a6f97")
    axes.set_ylabel(title)
    axes.tick_params(axis="x", rotation=90 if len(labels) > 4 else 0)
    figure.tight_layout()
    try:
        figure.savefig(path, dpi=150)
    except ValueError as cause:  # the suffix names no format
        raise OptionError(f"--plot cannot write '{path}': {cause}.") from cause
    finally:
        plt.close(figure)
