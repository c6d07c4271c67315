"""Noise of pytket: error rates of a `BackendInfo`, as rules and from rules.

pytket has no noise model of its own. What its backends know of noise are error rates for placement,
and what its Aer backends take is a noise model of Qiskit Aer. An error rate is read as the
probability of any Pauli error but the identity, all equally likely. Node ``i`` is qubit ``i``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np
from pytket.backends.backendinfo import BackendInfo
from pytket.circuit import Node, OpType

from quasim_backend.errors import UnsupportedError
from quasim_backend.ir import Channel, Circuit, Gate
from quasim_backend.ir.gate_table import ALIASES, RECORDS
from quasim_backend.ir.instructions import ChannelOp, Measure
from quasim_backend.noise import GateNoise, NoiseModel, composed, depolarizing
from quasim_backend.noise.renumber import named_qubits, renumbered
from quasim_backend.noise.rules import gate_key
from quasim_pytket.gates import ANGLED, FIXED

__all__ = ["averages", "named_gates", "noisy", "read_info"]

_REPRESENTATIVE = {1: ("h",), 2: ("cx",)}
"""Gates whose error is that of a model that names no gate of this many qubits."""


def noisy(circuit: Circuit, model: NoiseModel | None) -> Circuit:
    """Return a translated circuit with noise; qubit ``q`` of the model is pytket's ``q``-th."""
    if model is None:
        return circuit
    last = circuit.num_qubits - 1
    return renumbered(model, {q: last - q for q in range(last + 1)}).applied(circuit)


def read_info(info: BackendInfo) -> NoiseModel:
    """Return the error rates of a backend as a noise model.

    Rates by operation count where there are any, else the averages; rates of a pair of nodes also
    for the opposite direction if that has none.

    Raises:
        UnsupportedError: If a node is no number, or an operation with a rate no gate of the table.
        ShapeError: If a rate is no probability.
    """
    model = NoiseModel(name=info.name)
    gates: list[tuple[dict[Any, Any] | None, dict[Any, Any] | None]] = [
        (info.all_node_gate_errors, info.averaged_node_gate_errors),
        (info.all_edge_gate_errors, info.averaged_edge_gate_errors),
    ]
    for width, (by_operation, averaged) in enumerate(gates, 1):
        rates = by_operation or averaged or {}
        for nodes, rate in {**_reversed(rates, width), **rates}.items():
            qubits = tuple(_number(n) for n in (nodes if width > 1 else (nodes,)))
            for names, value in _by_gate(rate, width):
                if value:
                    model = model.on_gates(
                        depolarizing(value, width), names, qubits, num_qubits=width
                    )
    for node, matrix in (info.all_readout_errors or {}).items():
        model = model.readout(np.asarray(matrix, np.float64), _number(node))
    if not info.all_readout_errors:
        for node, value in (info.averaged_readout_errors or {}).items():
            if value:
                model = model.readout(float(value), _number(node))
    return model


def averages(model: NoiseModel) -> dict[str, dict[Any, float]]:
    """Return the error rates that a `BackendInfo` has, of the qubits that the rules name.

    A rate is the mean over the gates that the rules name of ``1 - F``, with ``F`` the fidelity of
    the gate's channels with the identity as processes: for Pauli errors their probability.

    Returns:
        ``averaged_node_gate_errors``, ``averaged_edge_gate_errors``, ``averaged_readout_errors``,
        each if there is any.
    """
    nodes = {q: Node(q) for q in sorted(named_qubits(model))}
    width = max(nodes, default=-1) + 1
    pairs = {
        rule.qubits
        for rule in model.rules
        if isinstance(rule, GateNoise) and rule.qubits is not None and len(rule.qubits) == 2
    }
    single = {nodes[q]: _rate(model, (q,), width) for q in nodes}
    double = {(nodes[a], nodes[b]): _rate(model, (a, b), width) for a, b in sorted(pairs)}
    readout = {nodes[q]: _readout_rate(model, q, width) for q in nodes}
    found: dict[str, dict[Any, float]] = {
        "averaged_node_gate_errors": single,
        "averaged_edge_gate_errors": double,
        "averaged_readout_errors": readout,
    }
    return {name: values for name, values in found.items() if any(values.values())}


def named_gates(model: NoiseModel) -> frozenset[OpType]:
    """Return pytket's gates that a model's rules name."""
    keys = {
        gate_key(name) for rule in model.rules if isinstance(rule, GateNoise) for name in rule.gates
    }
    return frozenset(kind for kind, name in _gate_names().items() if gate_key(name) in keys)


def _rate(model: NoiseModel, qubits: tuple[int, ...], width: int) -> float:
    """Return the mean error of the gates on some qubits."""
    named = {
        name
        for rule in model.rules
        if isinstance(rule, GateNoise)
        for name in rule.gates
        if _width(name) == len(qubits)
    }
    errors = []
    for name in sorted(named) or _REPRESENTATIVE[len(qubits)]:
        key = gate_key(name)
        assert key is not None
        record, controls = key
        gate = Gate.named(record, [0.1] * len(RECORDS[record].parameters), controls=controls)
        circuit = Circuit(width).append(gate, qubits)
        errors.append(_error(model.applied(circuit), qubits))
    return float(np.mean(errors))


def _error(circuit: Circuit, qubits: tuple[int, ...]) -> float:
    """Return ``1 - sum |tr K|**2 / 4**k`` of the channels on some qubits, one after another."""
    size = 1 << len(qubits)
    total: Channel | None = None
    for instruction in circuit.instructions:
        if isinstance(instruction, ChannelOp) and set(instruction.qubits) <= set(qubits):
            wide = _widened(instruction, qubits)
            total = wide if total is None else composed(total, wide)
    if total is None:
        return 0.0
    fidelity = sum(abs(np.trace(k)) ** 2 for k in total.kraus_operators()) / size**2
    return max(0.0, 1 - float(fidelity))


def _widened(op: ChannelOp, qubits: tuple[int, ...]) -> Channel:
    """Return a channel on all of one or two qubits, the first the lowest bit."""
    operators: list[Any] = [np.asarray(k) for k in op.channel.kraus_operators()]
    if len(op.qubits) < len(qubits):
        one = np.eye(2)
        low = op.qubits[0] == qubits[0]
        operators = [np.kron(one, k) if low else np.kron(k, one) for k in operators]
    elif op.qubits != qubits:
        swap = [0, 2, 1, 3]
        operators = [k[np.ix_(swap, swap)] for k in operators]
    return Channel.kraus(operators, op.channel.name)


def _readout_rate(model: NoiseModel, qubit: int, width: int) -> float:
    """Return the mean probability to read a qubit wrong."""
    circuit = Circuit(width, 1).measure(qubit, 0)
    for instruction in model.applied(circuit).instructions:
        if isinstance(instruction, Measure) and instruction.readout is not None:
            return float(1 - np.mean(np.diag(instruction.readout.matrix)))
    return 0.0


def _by_gate(rate: Any, width: int) -> Iterable[tuple[list[str], float]]:
    if not isinstance(rate, Mapping):
        yield [], float(rate)
        return
    for kind, value in rate.items():
        name = _gate_names().get(kind)
        if name is None or _width(name) != width:
            known = ", ".join(sorted(k.name for k in _gate_names()))
            raise UnsupportedError(
                f"The error rate of {kind.name} belongs to no {width}-qubit gate of the table. "
                f"Possible are {known}."
            )
        yield [name], float(value)


def _reversed(rates: Mapping[Any, Any], width: int) -> dict[Any, Any]:
    return {nodes[::-1]: rate for nodes, rate in rates.items()} if width == 2 else {}


def _number(node: Any) -> int:
    if len(node.index) != 1:
        raise UnsupportedError(
            f"Node {node} has {len(node.index)} indices; qubits of a noise model have one. Number "
            f"the nodes, as in Node(0), Node(1)."
        )
    return int(node.index[0])


def _width(name: str) -> int | None:
    key = gate_key(name)
    return None if key is None or key[0] not in RECORDS else RECORDS[key[0]].num_qubits + key[1]


@cache
def _gate_names() -> dict[OpType, str]:
    """Return the names that rules know of pytket's operations."""
    names = {key: name for name, key in reversed(ALIASES.items())} | {(n, 0): n for n in RECORDS}
    keys = {kind: (gate.name, gate.num_controls) for kind, gate in FIXED.items()}
    keys |= {kind: (name, controls) for kind, (name, controls, _) in ANGLED.items()}
    return {kind: names[key] for kind, key in keys.items() if key in names}
