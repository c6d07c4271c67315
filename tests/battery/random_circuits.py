"""Random circuits against the SDKs' own matrices.

Circuit ``i`` of a battery is drawn from the seed ``(seed, i)``, so a failure can be run again on
its own: ``python tests/battery/random_circuits.py --first 1234 --count 1``.

Three families take turns. *qiskit*: gates that Qiskit has, built from its library classes; truth is
`qiskit.quantum_info`. *cirq*: gates that Cirq has; truth is Cirq's unitary. *mixed*: every kind of
gate there is, symbolic parameters included; truth is the dense oracle. Up to `WHOLE` qubits the
whole unitary is compared, above that the action on a random state. The first two also pass through
our adapters' translation.

Goals: largest error below 1e-12 in complex128, below 1e-5 in complex64 without promotion.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
import warnings

import cirq
import numpy as np
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator, Statevector
from scipy.sparse import SparseEfficiencyWarning
from to_cirq import cirq_gate, reversed_bits
from to_qiskit import qiskit_gate

import quasim_backend as quasim
from quasim_backend.testing import dense_state, dense_unitary, goals_of, random_state, random_values
from quasim_backend.testing.generators import GATE_KINDS, RandomChoices, draw_gate

FAMILIES = ("qiskit", "cirq", "mixed")
WHOLE = 5
MOST_QUBITS = 10
CONCRETE = tuple(kind for kind in GATE_KINDS if kind != "symbolic")
PLANS = (
    quasim.PlanOptions(),
    quasim.PlanOptions(tile_qubits=4, low_qubits=1),
    quasim.PlanOptions(tile_qubits=5, low_qubits=0, max_fused=2),
    quasim.PlanOptions(tile_qubits=3, low_qubits=2, max_diagonal=3),
)
DTYPES = {"fp64": np.dtype(np.complex128), "fp32": np.dtype(np.complex64)}


@dataclasses.dataclass
class Case:
    """A circuit, its values and what an SDK says it does."""

    circuit: quasim.Circuit
    values: dict
    start: np.ndarray | None  # None: the whole unitary is compared
    truth: np.ndarray
    sdk: object = None


def runtimes(kernels=None):
    """Return one runtime for each precision and plan; promotion is off."""
    return {
        (precision, i): quasim.runtime(
            quasim.Config(
                simulation_precision=precision, promote_small=False, plan=plan, kernels=kernels
            )
        )
        for precision in DTYPES
        for i, plan in enumerate(PLANS)
    }


def make_case(family, seed, index):
    rng = np.random.default_rng((seed, index))
    width = int(rng.integers(1, MOST_QUBITS + 1))
    length = int(rng.integers(1, 25))
    start = random_state(rng, width) if width > WHOLE else None
    return {"qiskit": _qiskit_case, "cirq": _cirq_case, "mixed": _mixed_case}[family](
        rng, width, length, start
    )


def _draw(rng, width, convert):
    """Draw gates until one has a form in the SDK."""
    choose = RandomChoices(rng)
    while True:
        gate = draw_gate(choose, width, CONCRETE)
        form = convert(gate)
        if form is not None:
            return gate, form, choose.sample(width, gate.num_qubits)


def _qiskit_case(rng, width, length, start):
    circuit, theirs = quasim.Circuit(width), QuantumCircuit(width)
    for _ in range(length):
        gate, form, qubits = _draw(rng, width, qiskit_gate)
        circuit.append(gate, qubits)
        theirs.append(form, qubits)
    with warnings.catch_warnings():
        # Qiskit exponentiates Pauli evolutions with SciPy's sparse matrices.
        warnings.simplefilter("ignore", SparseEfficiencyWarning)
        whole = start is None
        truth = Operator(theirs).data if whole else Statevector(start).evolve(theirs).data
    return Case(circuit, {}, start, truth, theirs)


def _cirq_case(rng, width, length, start):
    circuit, theirs = quasim.Circuit(width), cirq.Circuit()
    line = cirq.LineQubit.range(width)
    theirs.append(cirq.I.on_each(*line))
    for _ in range(length):
        gate, form, qubits = _draw(rng, width, cirq_gate)
        circuit.append(gate, qubits)
        theirs.append(form.on(*(line[q] for q in qubits)))
    # Last qubit first: little-endian matrices.
    if start is None:
        truth = theirs.unitary(qubit_order=line[::-1], dtype=np.complex128)
    else:
        truth = theirs.final_state_vector(
            initial_state=start, qubit_order=line[::-1], dtype=np.complex128
        )
    return Case(circuit, {}, start, truth, theirs)


def _mixed_case(rng, width, length, start):
    choose, circuit = RandomChoices(rng), quasim.Circuit(width)
    for _ in range(length):
        gate = draw_gate(choose, width)
        circuit.append(gate, choose.sample(width, gate.num_qubits))
    values = random_values(rng, circuit)
    if start is None:
        return Case(circuit, values, start, dense_unitary(circuit, values))
    return Case(circuit, values, start, dense_state(circuit, values, start))


def translated(case):
    """Return the SDK's circuit as our adapter translates it, or None."""
    if isinstance(case.sdk, QuantumCircuit):
        from quasim_qiskit import translate_circuit

        return translate_circuit(case.sdk)
    return None


def adapter_error(case):
    """Return the error of the Cirq adapter's own simulation, at complex128; 0 without Cirq."""
    if not isinstance(case.sdk, cirq.Circuit):
        return 0.0
    from quasim_cirq import Simulator

    width = case.circuit.num_qubits
    line = cirq.LineQubit.range(width)
    order = reversed_bits(width)
    start = np.eye(1 << width)[0] if case.start is None else case.start
    wanted = case.truth[:, 0] if case.start is None else case.truth
    simulator = Simulator(dtype=np.complex128)
    state = simulator.simulate(
        case.sdk, qubit_order=line, initial_state=start[order].astype(complex)
    ).final_state_vector
    return float(np.abs(state[order] - wanted).max())


def errors(case, sessions, index):
    """Return the largest error for each precision; the plan options take turns."""
    found = {}
    for precision in DTYPES:
        session = sessions[precision, index % len(PLANS)]
        worst = 0.0
        for circuit in (case.circuit, translated(case)):
            if circuit is None:
                continue
            values = {p: case.values[p] for p in circuit.parameters}
            if case.start is None:
                got = session.unitary(circuit, parameters=values)
            else:
                got = session.simulate(circuit, parameters=values, initial_state=case.start)
            assert got.dtype == DTYPES[precision], f"asked for {precision}, got {got.dtype}"
            worst = max(worst, float(np.abs(got - case.truth).max()))
        found[precision] = worst
    found["fp64"] = max(found["fp64"], adapter_error(case))
    return found


def battery(count, seed=0, first=0, kernels=None):
    """Run circuits ``first`` to ``first + count``; return worst errors and failures."""
    worst = {(f, p): 0.0 for f in FAMILIES for p in DTYPES}
    failures = []
    sessions = runtimes(kernels)
    for index in range(first, first + count):
        family = FAMILIES[index % len(FAMILIES)]
        try:
            found = errors(make_case(family, seed, index), sessions, index)
        except Exception as problem:
            failures.append(f"circuit {index} ({family}): {type(problem).__name__}: {problem}")
            continue
        for precision, error in found.items():
            worst[family, precision] = max(worst[family, precision], error)
            if not error < goals_of(DTYPES[precision]).amplitude:
                failures.append(f"circuit {index} ({family}, {precision}): off by {error:.3g}")
    return worst, failures


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kernels", help="a kernel set, such as emulate; default: the CPU's")
    options = parser.parse_args()
    started = time.perf_counter()
    worst, failures = battery(options.count, options.seed, options.first, options.kernels)
    for (family, precision), error in worst.items():
        print(f"{family:7} {precision}  largest error {error:.3g}")
    print("\n".join(failures))
    print(
        f"{options.count} circuits, {len(failures)} failures, {time.perf_counter() - started:.0f} s"
    )
    raise SystemExit(bool(failures))


if __name__ == "__main__":
    main()
