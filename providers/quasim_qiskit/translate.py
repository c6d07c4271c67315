"""Qiskit circuits as circuits of the IR. The only place of the adapter that knows bit order.

Qiskit is little-endian as the IR is: qubit ``i`` of the circuit is qubit ``i`` of the IR, classical
bit ``i`` is bit ``i`` of classical memory. Registers are only names for bits. Blocks and
definitions have bits of their own, which are mapped to the circuit's while they are read.
"""

from __future__ import annotations

from dataclasses import dataclass

from qiskit.circuit import QuantumCircuit

from quasim_backend.ir import Circuit
from quasim_backend.noise import Relaxation
from quasim_qiskit.blocks import BlockReader, Place
from quasim_qiskit.errors import QuasimQiskitError
from quasim_qiskit.noise.active import ActiveNoise
from quasim_qiskit.parameters import ParameterTable, Scope
from quasim_qiskit.saves import MAPS, SavedItem

__all__ = ["Translation", "translate", "translate_circuit"]

_NO_SCOPE: Scope = {}


@dataclass(frozen=True)
class Translation:
    """A translated circuit, and how to read what Qiskit wants to know of it.

    Attributes:
        circuit: The IR circuit.
        parameters: What the IR circuit's parameters stand for.
        saves: The saved items, in circuit order.
        maps: For each ``save_unitary`` and ``save_superop``: the item and what was before it.
        measured: Whether a classical bit is written anywhere in the circuit.
    """

    circuit: Circuit
    parameters: ParameterTable
    saves: tuple[SavedItem, ...]
    maps: tuple[tuple[SavedItem, Circuit], ...]
    measured: bool


def translate_circuit(circuit: QuantumCircuit) -> Circuit:
    """Translate a circuit that may have unbound parameters to the IR.

    Raises:
        QuasimQiskitError: If an instruction is not supported; it is named.
    """
    return translate(circuit).circuit


def translate(
    circuit: QuantumCircuit,
    method: str = "automatic",
    *,
    starts_at_zero: bool = False,
    noise: ActiveNoise | None = None,
) -> Translation:
    """Translate a circuit and keep how to read its results.

    Args:
        circuit: The circuit; parameters may be unbound.
        method: Simulation method, which decides what ``save_state`` saves.
        starts_at_zero: Whether the circuit will be run from ``|0...0>`` only; state preparations on
            fresh qubits then become initialisations, which need no synthesis.
        noise: Put into the circuit.

    Raises:
        QuasimQiskitError: If an instruction is not supported; it is named.
    """
    if circuit.num_input_vars or circuit.num_captured_vars:
        names = [v.name for v in (*circuit.iter_input_vars(), *circuit.iter_captured_vars())]
        raise QuasimQiskitError(
            f"Circuit '{circuit.name}' has input variables without a value: {', '.join(names)}. "
            f"Declare them with add_var and an initial value."
        )
    placed = None if noise is None else noise.part(circuit)
    if noise is not None:
        circuit = noise.passed(circuit)
        starts_at_zero = False  # noise needs the gates that prepare a state
    target = Circuit(circuit.num_qubits, circuit.num_clbits, circuit.name)
    reader = BlockReader(target, method, starts_at_zero and method not in MAPS.values())
    if noise is not None and placed is not None:
        reader.naming = noise.naming(placed)
        reader.dt = noise.dt
        reader.timed = any(isinstance(rule, Relaxation) for rule in placed.rules)
    top = Place(
        tuple(range(circuit.num_qubits)),
        {bit: i for i, bit in enumerate(circuit.clbits)},
        _NO_SCOPE,
    )
    reader.read(circuit, top, target.instructions)
    maps = tuple((item, _start(target, length)) for item, length in reader.maps)
    if placed is not None:
        if any(item.name == "save_unitary" for item, _ in maps):
            raise QuasimQiskitError(
                "save_unitary cannot be used with noise: a noisy circuit has no unitary. Pass "
                "noise_model=None, or use save_superop."
            )
        target = placed.applied(target)
        maps = tuple((item, placed.applied(part)) for item, part in maps)
    return Translation(target, reader.parameters, tuple(reader.saves), maps, reader.measured)


def _start(circuit: Circuit, length: int) -> Circuit:
    """Return the first instructions of a circuit, on all of its bits."""
    result = Circuit(circuit.num_qubits, circuit.num_clbits, circuit.name)
    result.instructions = circuit.instructions[:length]
    return result
