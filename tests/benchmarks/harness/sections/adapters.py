"""What an SDK's adapter costs more than QuASIM's own API, for the same circuit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harness.agreement import TOLERANCE, WrongStateError, difference
from harness.families import FAMILIES
from harness.markdown import milliseconds, number
from harness.markdown import table as markdown_table
from harness.operations import ComplexArray, Operations
from harness.settings import Settings
from harness.simulators import Simulator, aer, qsim, quasim
from harness.timing import Start, interleaved, medians

TITLE = "Adapters"
EVERY_THREAD_COUNT = False
_FAMILIES = ("GHZ", "ansatz", "QFT")
_DTYPE = "complex64"


def run(settings: Settings, peers: list[Simulator]) -> list[dict[str, Any]]:
    """Time each family."""
    n = 16 if settings.quick else 22
    return [_measure(family, n, settings) for family in _FAMILIES]


def _measure(family: str, n: int, settings: Settings) -> dict[str, Any]:
    ops = FAMILIES[family](n)
    own = quasim.runners(ops, n, _DTYPE, settings.threads)[0]
    starts: dict[str, Start] = {"QuASIM": own.start}
    for name, make in (("Qiskit adapter", _qiskit), ("Cirq adapter", _cirq)):
        try:
            starts[name] = make(ops, n)
        except ImportError as cause:
            print(f"{name} is left out: {cause}", flush=True)
    expected = own()
    for name, start in starts.items():
        error = difference(start()(), expected)
        if not error <= TOLERANCE[_DTYPE]:
            raise WrongStateError(f"{name}, {family}, {n} qubits: off by {error:.3g}.")
    seconds = medians(interleaved(starts, max(settings.repeats, 5), settings.budget))
    return {
        "family": family,
        "qubits": n,
        "threads": settings.threads,
        "seconds": seconds,
        "extra": {k: s - seconds["QuASIM"] for k, s in seconds.items() if k != "QuASIM"},
    }


def _qiskit(ops: Operations, n: int) -> Start:
    """Run as with Aer; a new simulator each time, so that no plan is known."""
    from quasim_qiskit import AerSimulator

    circuit = aer.circuit(ops, n)
    circuit.save_statevector()

    def start() -> Callable[[], ComplexArray]:
        backend = AerSimulator(method="statevector", precision="single")
        return lambda: np.asarray(backend.run(circuit, shots=1).result().get_statevector())

    return start


def _cirq(ops: Operations, n: int) -> Start:
    """Run as with Cirq; a new simulator each time, so that no plan is known."""
    import quasim_cirq

    circuit, order = qsim.circuit(ops, n)

    def start() -> Callable[[], ComplexArray]:
        simulator = quasim_cirq.Simulator(dtype=np.complex64)
        return lambda: simulator.simulate(circuit, qubit_order=order).final_state_vector

    return start


def line(row: dict[str, Any]) -> str:
    """Return a row as one line."""
    cells = "  ".join(f"{name} {milliseconds(s)} ms" for name, s in row["seconds"].items())
    return f"{row['family']}, {row['qubits']} qubits: {cells}"


def table(rows: list[dict[str, Any]]) -> str:
    """Return the section of a report."""
    names = list(rows[0]["extra"])
    cells = []
    for row in rows:
        own = row["seconds"]["QuASIM"]
        more = (
            f"{milliseconds(row['extra'][name])} ({number(100 * row['extra'][name] / own)} %)"
            for name in names
        )
        cells.append([row["family"], str(row["qubits"]), milliseconds(own), *more])
    header = ["family", "qubits", "`Runtime.simulate`, ms", *(f"{n}, ms more" for n in names)]
    return (
        "From the SDK's circuit to amplitudes in complex64, in simulators that have not seen the "
        f"circuit before.\n\n{markdown_table(header, cells)}"
    )
