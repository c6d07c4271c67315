"""Our results as Qiskit's own `Result`."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from qiskit.circuit import QuantumCircuit
from qiskit.result import Result as QiskitResult
from qiskit.result.models import MeasLevel

from quasim_backend import Result, __version__
from quasim_qiskit.translate import Translation

__all__ = ["experiment", "failed_experiment", "header", "qiskit_result"]


def header(circuit: QuantumCircuit) -> dict[str, Any]:
    """Return what Qiskit needs to write bitstrings and to find a circuit's result by name."""
    return {
        "creg_sizes": [[register.name, register.size] for register in circuit.cregs],
        "qreg_sizes": [[register.name, register.size] for register in circuit.qregs],
        "n_qubits": circuit.num_qubits,
        "memory_slots": circuit.num_clbits,
        "global_phase": _float_or_text(circuit.global_phase),
        "name": circuit.name,
        "metadata": circuit.metadata or {},
    }


def _float_or_text(phase: Any) -> float | str:
    return float(phase) if isinstance(phase, float | int) else str(phase)


def experiment(
    head: dict[str, Any],
    translation: Translation,
    result: Result,
    seed: int,
    shots: int,
    seconds: float,
    *,
    memory: bool,
    bindings: int,
    noise: str,
) -> dict[str, Any]:
    """Return one experiment's entry of Qiskit's result dictionary."""
    data: dict[str, Any] = {}
    if translation.measured and result.packed is not None:
        data["counts"] = {hex(k): n for k, n in result.int_counts().items()}
        if memory:
            data["memory"] = _memory(result)
    for item in translation.saves:
        data[item.label] = item.value(result.saved, shots)
    return {
        "shots": shots,
        "success": True,
        "status": "DONE",
        "seed_simulator": seed,
        "meas_level": MeasLevel.CLASSIFIED,
        "time_taken": seconds,
        "header": head,
        "data": data,
        "metadata": {**_metadata(translation, result, seconds, bindings), "noise": noise},
    }


def _memory(result: Result) -> list[str]:
    """Return every shot's classical memory as hexadecimal text, in shot order."""
    words = result.packed
    if words is None or words.shape[1] == 0:
        return ["0x0"] * result.shots
    if words.shape[1] == 1:
        return list(map(hex, words[:, 0].tolist()))
    rows = words.astype("<u8")
    return [hex(int.from_bytes(row.tobytes(), "little")) for row in rows]


def _metadata(
    translation: Translation, result: Result, seconds: float, bindings: int
) -> dict[str, Any]:
    """Return Aer's entries as far as they have a meaning here, and all of ours."""
    ours = dict(result.metadata)
    errors = {
        item.label: item.error(result.standard_errors, result.shots) for item in translation.saves
    }
    if any(error is not None for error in errors.values()):
        ours["standard_errors"] = {k: error for k, error in errors.items() if error is not None}
    circuit = translation.circuit
    active = list(ours.pop("qubits", range(circuit.num_qubits)))
    width = ours.get("num_qubits", circuit.num_qubits)
    itemsize = 8 if ours.get("dtype") == "complex64" else 16
    match ours.get("engine"):
        case "stabilizer":
            needed = width * width // 2
        case "matrix_product_state":
            needed = ours.get("state_bytes", 0)
        case _:
            needed = itemsize << width
    return {
        "method": ours.get("engine", "statevector"),
        "device": str(ours.get("device", "cpu")).upper(),
        "num_qubits": width,
        "num_clbits": circuit.num_clbits,
        "active_input_qubits": active,
        "input_qubit_map": [[q, i] for i, q in enumerate(active)],
        "remapped_qubits": len(active) != circuit.num_qubits,
        "required_memory_mb": max(1, needed >> 20),
        "parallel_shots": 1,
        "measure_sampling": ours.get("nodes", 1) == 1,
        "batched_shots_optimization": False,
        "fusion": {"enabled": True},
        "time_taken": seconds,
        "result_types": {item.label: item.name for item in translation.saves},
        "result_subtypes": {item.label: item.subtype for item in translation.saves},
        "num_bind_params": bindings,
        "runtime_parameter_bind": bindings > 1,
        "quasim": ours,
    }


def failed_experiment(head: dict[str, Any], seed: int, shots: int, message: str) -> dict[str, Any]:
    """Return the entry of an experiment that could not be run."""
    return {
        "shots": shots,
        "success": False,
        "status": f"ERROR: {message}",
        "seed_simulator": seed,
        "meas_level": MeasLevel.CLASSIFIED,
        "time_taken": 0.0,
        "header": head,
        "data": {},
        "metadata": {},
    }


def qiskit_result(
    backend_name: str,
    job_id: str,
    experiments: Sequence[dict[str, Any]],
    seconds: float,
    metadata: dict[str, Any],
) -> QiskitResult:
    """Put experiments together."""
    failures = [
        f" [Experiment {i}] {entry['status'].removeprefix('ERROR: ')}"
        for i, entry in enumerate(experiments)
        if not entry["success"]
    ]
    status = "COMPLETED"
    if failures:
        partial = len(failures) < len(experiments)
        status = ("PARTIAL COMPLETED: " if partial else "ERROR: ") + " ,".join(failures)
    return QiskitResult.from_dict(
        {
            "backend_name": backend_name,
            "backend_version": __version__,
            "date": datetime.datetime.now().astimezone().isoformat(),
            "job_id": job_id,
            "qobj_id": "",
            "success": not failures,
            "status": status,
            "header": None,
            "time_taken": seconds,
            "metadata": metadata,
            "results": list(experiments),
        }
    )
