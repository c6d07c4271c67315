"""Random dynamic circuits: our adapters against the SDKs' own simulators and the exact oracle.

Even circuits hold measurement, reset, if/else, for, while, switch, break and continue; they go
through ``quasim_qiskit.AerSimulator`` and through Qiskit Aer. Odd ones hold what Cirq can express:
measurement with repeated keys, reset, gates under classical control, repeated subcircuits; they go
through ``quasim_cirq.Simulator`` and ``cirq.Simulator``. Circuit ``i`` is drawn from the seed
``(seed, i)``.

Two chi-square tests a circuit: our counts against the exact distribution from density matrices, and
our counts against the SDK's (two samples). A battery of ``count`` circuits makes ``2 * count``
tests and fails if a p-value lies below ``FALSE_ALARM / (2 * count)``: with Bonferroni's correction
the family-wise false-alarm rate is at most 1e-6 for fresh seeds, and nil for the fixed ones once
they have passed.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter

import cirq
import numpy as np
import qiskit_aer
import sympy
from qiskit import transpile
from to_cirq import cirq_gate
from to_qiskit import to_qiskit

import quasim_backend as quasim
import quasim_cirq
import quasim_qiskit
from quasim_backend.ir.expr import Binary, Bit, Bits, Const, Unary, uint
from quasim_backend.testing import (
    FALSE_ALARM,
    exact_distribution,
    goodness_of_fit,
    random_dynamic_circuit,
    two_sample,
)
from quasim_backend.testing.generators import RandomChoices, draw_gate

SHOTS = 2000
PEER_SHOTS = {"qiskit": 2000, "cirq": 250}  # cirq.Simulator runs shot by shot
GATES = ("named", "alias", "controlled", "unitary", "diagonal")


# --- Qiskit -----------------------------------------------------------------------------------


def qiskit_case(rng):
    """Return an IR circuit and its Qiskit form."""
    qubits, bits = int(rng.integers(1, 5)), int(rng.integers(1, 5))
    circuit = random_dynamic_circuit(rng, qubits, bits, int(rng.integers(3, 12)), gate_kinds=GATES)
    return circuit, to_qiskit(circuit)


def _qiskit_counts(backend, circuit, shots, seed):
    result = backend.run(circuit, shots=shots, seed_simulator=seed).result()
    if not result.success:
        raise RuntimeError(result.status)
    return Counter({int(key, 2): n for key, n in result.get_counts().items()})


def qiskit_samples(circuit, theirs, seed):
    """Return counts of ours and of Aer's; None for Aer's where it cannot read the circuit.

    Aer 0.18 gives two loops of one circuit the same jump label ("Duplicated mark destination") and
    loses loops inside a switch ("unordered_map::at"). It also turns break, continue and control
    flow inside a block without qubits into jumps without qubits, which no barrier holds: it sorts
    them to other places of the circuit and returns wrong counts. So Aer gets the circuit with a
    barrier on all qubits in every block, which means the same; ours gets it as it is.
    """
    ours = _qiskit_counts(quasim_qiskit.AerSimulator(), theirs, SHOTS, seed)
    aer = qiskit_aer.AerSimulator()
    lowered = transpile(to_qiskit(circuit, fenced=True), aer, optimization_level=0)
    try:
        return ours, _qiskit_counts(aer, lowered, PEER_SHOTS["qiskit"], seed + 1)
    except RuntimeError as problem:
        if "Failed to load circuits" not in str(problem):
            raise
        return ours, None


# --- Cirq -------------------------------------------------------------------------------------


class _Pair:
    """An IR circuit and a Cirq circuit that grow together.

    Every record of every key has classical bits of its own, in the order of measurement.
    """

    def __init__(self, rng):
        self.choose = RandomChoices(rng)
        self.width = int(rng.integers(1, 5))
        self.ours = quasim.Circuit(self.width, 64)
        self.theirs = cirq.Circuit()
        self.line = cirq.LineQubit.range(self.width)
        self.used = 0
        self.keys = []  # in the order of measurement; Cirq may move one before another
        self.latest = {}  # key -> bits of its last record, first measured qubit first

    def gate(self):
        while True:
            gate = draw_gate(self.choose, self.width, GATES)
            form = cirq_gate(gate)
            if form is not None and gate.num_qubits:
                qubits = self.choose.sample(self.width, gate.num_qubits)
                return gate, form.on(*(self.line[q] for q in qubits)), qubits

    def plain(self):
        gate, operation, qubits = self.gate()
        self.ours.append(gate, qubits)
        self.theirs.append(operation)

    def measure(self):
        # A key is measured again on as many qubits as before.
        key = self.choose.pick(["a", "b", "c"])
        count = len(self.latest.get(key, ())) or self.choose.integer(1, min(2, self.width))
        qubits = self.choose.sample(self.width, count)
        self.ours.ry(1.0, qubits[0])
        self.theirs.append(cirq.ry(1.0).on(self.line[qubits[0]]))
        bits = list(range(self.used, self.used + count))
        self.used += count
        flips = [bool(self.choose.integer(0, 1)) for _ in qubits]
        self.ours.measure(qubits, bits)
        for bit, flip in zip(bits, flips, strict=True):
            if flip:
                self.ours.assign(Bit(bit), Unary("not", Bit(bit)))
        self.theirs.append(
            cirq.measure(*(self.line[q] for q in qubits), key=key, invert_mask=tuple(flips))
        )
        self.latest[key] = bits
        self.keys.append(key)

    def reset(self):
        qubit = self.choose.integer(0, self.width - 1)
        self.ours.reset(qubit)
        self.theirs.append(cirq.reset(self.line[qubit]))

    def controlled(self):
        if not self.latest:
            return self.measure()
        gate, operation, qubits = self.gate()
        key = self.choose.pick(sorted(self.latest))
        bits = self.latest[key]
        # Cirq's first measured qubit is the highest bit of the key's value.
        value = Bits(tuple(reversed(bits)))
        form = self.choose.integer(0, 2)
        if form == 0:
            condition, theirs = Binary("!=", value, Const(0, uint(len(bits)))), key
        else:
            constant = self.choose.integer(0, (1 << len(bits)) - 1)
            symbol, literal = sympy.Symbol(key), Const(constant, uint(len(bits)))
            if form == 1:
                condition, theirs = Binary("==", value, literal), sympy.Eq(symbol, constant)
            else:
                condition, theirs = Binary(">=", value, literal), symbol >= constant
        body = quasim.Circuit(self.width, 64).append(gate, qubits)
        self.ours.if_(condition, body)
        self.theirs.append(operation.with_classical_controls(theirs))
        return None

    def repeated(self):
        """Append a subcircuit two or three times: a gate and a reset."""
        gate, operation, qubits = self.gate()
        qubit, rounds = self.choose.integer(0, self.width - 1), self.choose.integer(2, 3)
        for _ in range(rounds):
            self.ours.append(gate, qubits).reset(qubit)
        inner = cirq.FrozenCircuit(operation, cirq.reset(self.line[qubit]))
        self.theirs.append(cirq.CircuitOperation(inner, repetitions=rounds))

    def grow(self, length):
        actions = (self.plain,) * 4 + (self.measure,) * 2
        actions += (self.reset, self.controlled, self.controlled, self.repeated)
        for _ in range(length):
            self.choose.pick(actions)()
        self.measure()


def cirq_case(rng):
    """Return an IR circuit and its Cirq form; records are concatenated in order of measurement."""
    pair = _Pair(rng)
    pair.grow(int(rng.integers(3, 12)))
    pair.ours.num_clbits = pair.used
    return pair.ours, (pair.theirs, pair.keys)


def _cirq_counts(simulator, circuit, keys, shots):
    records = simulator.run(circuit, repetitions=shots).records
    seen, columns = Counter(), []
    for key in keys:
        columns.append(np.asarray(records[key])[:, seen[key], :])
        seen[key] += 1
    bits = np.concatenate(columns, axis=1).astype(object)
    values = sum(bits[:, i] * (1 << i) for i in range(bits.shape[1]))
    return Counter(int(v) for v in values)


def cirq_samples(circuit, theirs, seed):
    """Return counts of ours and of Cirq's."""
    ours = _cirq_counts(quasim_cirq.Simulator(seed=seed, dtype=np.complex128), *theirs, SHOTS)
    peer = cirq.Simulator(seed=seed + 1, dtype=np.complex128)
    return ours, _cirq_counts(peer, *theirs, PEER_SHOTS["cirq"])


# --- the battery ------------------------------------------------------------------------------

FAMILIES = {"qiskit": (qiskit_case, qiskit_samples), "cirq": (cirq_case, cirq_samples)}


def p_values(family, seed, index):
    """Return the p-values of one circuit by test; the peer's are missing where it cannot run."""
    make, sample = FAMILIES[family]
    circuit, theirs = make(np.random.default_rng((seed, index)))
    exact = {m: p for m, p in exact_distribution(circuit).items() if p > 1e-12}
    ours, peer = sample(circuit, theirs, 2 * index)
    fits = goodness_of_fit(ours, exact)
    if peer is None:
        return {"exact": fits}
    return {
        "exact": fits,
        "peer": two_sample(ours, peer),
        "peer against exact": goodness_of_fit(peer, exact),
    }


def battery(count, seed=0, first=0, families=tuple(FAMILIES)):
    """Run circuits ``first`` to ``first + count``; return p-values and failures."""
    smallest = {(f, test): 1.0 for f in families for test in ("exact", "peer")}
    compared, failures = Counter(), []
    threshold = FALSE_ALARM / (2 * count)
    for index in range(first, first + count):
        family = families[index % len(families)]
        try:
            found = p_values(family, seed, index)
        except Exception as problem:
            failures.append(f"circuit {index} ({family}): {type(problem).__name__}: {problem}")
            continue
        judged = {test: p for test, p in found.items() if test != "peer against exact"}
        for test, p_value in judged.items():
            smallest[family, test] = min(smallest[family, test], p_value)
            compared[family, test] += 1
        if min(judged.values()) < threshold:
            values = ", ".join(f"{name} {p:.3g}" for name, p in found.items())
            failures.append(f"circuit {index} ({family}): p-values {values}")
    return smallest, compared, failures


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--family", choices=FAMILIES, action="append")
    options = parser.parse_args()
    started = time.perf_counter()
    families = tuple(options.family or FAMILIES)
    smallest, compared, failures = battery(options.count, options.seed, options.first, families)
    for (family, test), p_value in smallest.items():
        print(
            f"{family:7} against {test:5}  {compared[family, test]} circuits, "
            f"smallest p-value {p_value:.3g}"
        )
    print("\n".join(failures))
    print(
        f"{options.count} circuits, {len(failures)} failures, {time.perf_counter() - started:.0f} s"
    )
    raise SystemExit(bool(failures))


if __name__ == "__main__":
    main()
