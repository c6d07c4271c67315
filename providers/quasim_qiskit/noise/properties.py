"""The properties of a device in IBM's older form, as a `Target`.

A gate has the parameters ``gate_error`` and ``gate_length``; a qubit ``T1``, ``T2``, ``frequency``,
``readout_error``, ``prob_meas1_prep0`` and ``prob_meas0_prep1``, each with a value and a unit.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from qiskit.circuit import Gate, Measure
from qiskit.transpiler import InstructionProperties, QubitProperties, Target

from quasim_qiskit.noise.errors import NoiseError

__all__ = ["target_of"]

_UNITS = {
    **{"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9},
    **{"Hz": 1.0, "KHz": 1e3, "MHz": 1e6, "GHz": 1e9, "THz": 1e12},
}
_SECONDS, _HERTZ = 1e-9, 1e9
"""What values without a unit are in, as in Qiskit Aer: nanoseconds and gigahertz."""


class _Readout(InstructionProperties):
    """A measurement with the probabilities to read 1 for 0 and 0 for 1."""

    prob_meas1_prep0: float | None = None
    prob_meas0_prep1: float | None = None


def target_of(properties: Any) -> Target:
    """Return properties as a target in seconds and hertz; every operation is a gate in it.

    Raises:
        NoiseError: If they do not list gates and qubits.
    """
    if not (hasattr(properties, "gates") and hasattr(properties, "qubits")):
        raise NoiseError(
            f"The properties of a device list its 'gates' and its 'qubits'; got "
            f"{type(properties)}. A BackendV2 goes into NoiseModel.from_backend."
        )
    qubits = [_values(listed) for listed in properties.qubits]
    target = Target(num_qubits=len(qubits), qubit_properties=[_qubit(known) for known in qubits])
    places: dict[str, dict[tuple[int, ...], InstructionProperties]] = {}
    for gate in properties.gates:
        known = _values(gate.parameters)
        places.setdefault(gate.gate, {})[tuple(gate.qubits)] = InstructionProperties(
            _number(known, "gate_length", _SECONDS), _number(known, "gate_error")
        )
    for name, table in places.items():
        target.add_instruction(Gate(name, len(next(iter(table))), []), table)
    target.add_instruction(Measure(), {(q,): _readout(known) for q, known in enumerate(qubits)})
    return target


def _qubit(known: dict[str, Any]) -> QubitProperties:
    times = (_number(known, name, _SECONDS) for name in ("T1", "T2"))
    return QubitProperties(*times, _number(known, "frequency", _HERTZ))


def _readout(known: dict[str, Any]) -> InstructionProperties:
    result = _Readout(error=_number(known, "readout_error"))
    up, down = _number(known, "prob_meas1_prep0"), _number(known, "prob_meas0_prep1")
    if up is not None and down is not None:
        result.prob_meas1_prep0, result.prob_meas0_prep1 = up, down
    else:
        result.prob_meas1_prep0 = result.prob_meas0_prep1 = result.error
    return result


def _values(listed: Iterable[Any]) -> dict[str, Any]:
    """Return parameters by name, the first of each."""
    found: dict[str, Any] = {}
    for entry in listed:
        found.setdefault(entry.name, entry)
    return found


def _number(known: dict[str, Any], name: str, unit: float = 1.0) -> float | None:
    """Return a value in seconds or hertz, ``unit`` being what it is in if it does not say."""
    entry = known.get(name, SimpleNamespace(value=None))
    if getattr(entry, "value", None) is None:
        return None
    return float(entry.value) * _UNITS.get(getattr(entry, "unit", None) or "", unit)
