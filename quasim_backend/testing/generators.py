"""Random circuits over every kind of gate, from a seeded generator or from Hypothesis.

Both go through one small interface, `Choices`, so that the circuits Hypothesis shrinks and the ones
a long battery draws are the same circuits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.gate_table import ALIASES, RECORDS
from quasim_backend.ir.gates import Gate
from quasim_backend.ir.parameters import Affine, Parameter
from quasim_backend.testing.oracles import apply_matrix

__all__ = [
    "GATE_KINDS",
    "Choices",
    "QuarterTurns",
    "RandomChoices",
    "dense_clifford",
    "draw_circuit",
    "draw_gate",
    "haar_unitary",
    "is_clifford",
    "random_circuit",
    "random_clifford_circuit",
    "random_state",
    "random_values",
]

T = TypeVar("T")

PARAMETERS = tuple(Parameter(f"t{i}") for i in range(4))
"""The pool that symbolic gates draw from."""


class Choices(Protocol):
    """Where random decisions come from."""

    def integer(self, low: int, high: int) -> int:
        """Return an integer in ``[low, high]``."""
        ...

    def real(self, low: float, high: float) -> float:
        """Return a real number in ``[low, high]``."""
        ...

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options."""
        ...

    def sample(self, population: int, count: int) -> list[int]:
        """Return ``count`` distinct integers below ``population``, in random order."""
        ...


class RandomChoices:
    """`Choices` from a NumPy generator."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Wrap a generator; it is advanced."""
        self._rng = rng

    def integer(self, low: int, high: int) -> int:
        """Return an integer in ``[low, high]``."""
        return int(self._rng.integers(low, high, endpoint=True))

    def real(self, low: float, high: float) -> float:
        """Return a real number in ``[low, high)``."""
        return float(self._rng.uniform(low, high))

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options."""
        return options[int(self._rng.integers(len(options)))]

    def sample(self, population: int, count: int) -> list[int]:
        """Return ``count`` distinct integers below ``population``, in random order."""
        return [int(i) for i in self._rng.permutation(population)[:count]]


class QuarterTurns:
    """`Choices` whose real numbers are multiples of pi/2, as those of Clifford circuits are."""

    def __init__(self, choose: Choices) -> None:
        """Wrap other choices."""
        self._choose = choose
        self.integer = choose.integer
        self.sample = choose.sample

    def real(self, low: float, high: float) -> float:
        """Return a multiple of pi/2 in ``[low, high]``, which must hold one."""
        first, last = math.ceil(low * 2 / math.pi), math.floor(high * 2 / math.pi)
        return self._choose.integer(first, last) * (math.pi / 2)

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options."""
        return self._choose.pick(options)


def haar_unitary(rng: np.random.Generator, num_qubits: int) -> NDArray[np.complex128]:
    """Return a Haar-random unitary ``(2**k, 2**k)`` (Mezzadri 2007, section 5)."""
    size = 1 << num_qubits
    normal = rng.normal(size=(size, size)) + 1j * rng.normal(size=(size, size))
    q, r = np.linalg.qr(normal)
    phases = np.diagonal(r) / np.abs(np.diagonal(r))
    result: NDArray[np.complex128] = q * phases
    return result


def random_state(rng: np.random.Generator, num_qubits: int) -> NDArray[np.complex128]:
    """Return random normalised amplitudes ``(2**n,)``."""
    state = rng.normal(size=1 << num_qubits) + 1j * rng.normal(size=1 << num_qubits)
    result: NDArray[np.complex128] = state / np.linalg.norm(state)
    return result


# --- one gate ---------------------------------------------------------------------------------

_MOST_PARAMETERS = 8.0


def _angle(choose: Choices) -> float:
    """Return an angle; special values are as likely as they are in real circuits."""
    if choose.integer(0, 4) == 0:
        return choose.pick([0.0, math.pi, -math.pi / 2, math.pi / 4, 2 * math.pi, 4 * math.pi])
    return choose.real(-_MOST_PARAMETERS, _MOST_PARAMETERS)


def _seeded(choose: Choices) -> np.random.Generator:
    return np.random.default_rng(choose.integer(0, 2**32 - 1))


def _fitting(width: int) -> list[str]:
    return [name for name, record in RECORDS.items() if record.num_qubits <= width]


def _named(choose: Choices, width: int) -> Gate:
    record = RECORDS[choose.pick(_fitting(width))]
    return Gate.named(record.name, [_angle(choose) for _ in record.parameters])


def _alias(choose: Choices, width: int) -> Gate:
    fitting = [a for a, (name, n) in ALIASES.items() if RECORDS[name].num_qubits + n <= width]
    alias = choose.pick(fitting or ["gphase"])
    record = RECORDS[ALIASES[alias][0] if alias in ALIASES else alias]
    return Gate.named(alias, [_angle(choose) for _ in record.parameters])


def _controlled(choose: Choices, width: int) -> Gate:
    gate = draw_gate(choose, max(width - 1, 0), _CONTROLLABLE)
    spare = width - gate.num_qubits
    count = choose.integer(1, min(spare, 3)) if spare else 0
    return gate.controlled(count, choose.integer(0, (1 << count) - 1)) if count else gate


def _multi_controlled(choose: Choices, width: int) -> Gate:
    gate = _named(choose, min(width, 1))
    count = width - gate.num_qubits
    return gate.controlled(count, choose.integer(0, (1 << count) - 1)) if count > 0 else gate


def _power(choose: Choices, width: int) -> Gate:
    # A fractional power is computed from the dense matrix.
    gate = draw_gate(choose, min(width, 5), _POWERABLE)
    exponent = float(choose.integer(-3, 3)) if choose.integer(0, 1) else choose.real(-2.5, 2.5)
    gate = gate.to_power(exponent)
    spare = width - gate.num_qubits
    if spare and choose.integer(0, 2) == 0:
        gate = gate.controlled(1, choose.integer(0, 1))
    return gate


def _unitary(choose: Choices, width: int) -> Gate:
    k = choose.integer(1, min(width, 4)) if width else 0
    return Gate.unitary(haar_unitary(_seeded(choose), k))


def _diagonal(choose: Choices, width: int) -> Gate:
    k = choose.integer(1, min(width, 5)) if width else 0
    return Gate.diagonal(np.exp(1j * _seeded(choose).uniform(-4, 4, 1 << k)))


def _permutation(choose: Choices, width: int) -> Gate:
    k = choose.integer(1, min(width, 4)) if width else 0
    return Gate.permutation(_seeded(choose).permutation(1 << k))


def _pauli_rotation(choose: Choices, width: int) -> Gate:
    letters = [choose.pick("IXYZ") for _ in range(choose.integer(1, width))] if width else []
    return Gate.pauli_rotation("".join(letters), _angle(choose))


def _global_phase(choose: Choices, width: int) -> Gate:
    return Gate.named("gphase", [_angle(choose)])


def _symbolic(choose: Choices, width: int) -> Gate:
    """Return a gate with affine angles, sometimes controlled, inverted or to a whole power."""
    names = [n for n in _fitting(width) if RECORDS[n].parameters]
    record = RECORDS[choose.pick(names)]
    gate = Gate.named(record.name, [_affine(choose) for _ in record.parameters])
    form = choose.integer(0, 4)
    if form == 0:
        gate = gate.to_power(choose.integer(-2, 3))
    elif form == 1:
        gate = Gate.pauli_rotation(
            "".join(choose.pick("IXYZ") for _ in range(max(width, 1))) if width else "",
            _affine(choose),
        )
    spare = width - gate.num_qubits
    if spare and choose.integer(0, 2) == 0:
        gate = gate.controlled(1, choose.integer(0, 1))
    return gate


def _affine(choose: Choices) -> float | Affine:
    total: float | Affine = _angle(choose)
    for index in choose.sample(len(PARAMETERS), choose.integer(1, 2)):
        total = PARAMETERS[index] * choose.pick([1.0, -1.0, 0.5, 2.0, 0.37]) + total
    return total


_HALF_TURNS = ("t", "x", "z", "a", "b", "c")
"""Names of parameters that count half turns; ``p`` does so beside ``t``."""


def _clifford(choose: Choices, width: int) -> Gate:
    """Return a Clifford gate in any form: by name, controlled, powered or as an array."""
    quarter = QuarterTurns(choose)
    while True:
        form = quarter.integer(0, 6)
        if form == 0 and width:
            k = quarter.integer(1, min(width, 3))
            gate = Gate.unitary(dense_clifford(_seeded(choose), k))
        elif form == 1 and width:
            gate = Gate.diagonal(1j ** _seeded(choose).integers(0, 4, 1 << min(width, 2)))
        elif form == 2:
            gate = _permutation(quarter, min(width, 2))
        elif form == 3:
            gate = _pauli_rotation(quarter, width)
        else:
            record = RECORDS[quarter.pick([n for n in _fitting(width) if "ccc" not in n])]
            turns = [quarter.real(-8, 8) for _ in record.parameters]
            halved = "t" in record.parameters or set(record.parameters) <= set(_HALF_TURNS)
            gate = Gate.named(record.name, [v / math.pi if halved else v for v in turns])
            gate = gate.to_power(quarter.pick([1, 1, -1, 2, 0.5]))
        if gate.num_qubits < min(width, 3) and quarter.integer(0, 2) == 0:
            gate = gate.controlled(1, quarter.integer(0, 1))
        if is_clifford(gate.matrix()):
            return gate


def dense_clifford(rng: np.random.Generator, num_qubits: int) -> NDArray[np.complex128]:
    """Return the matrix of a random product of H, S and CX, with a random phase."""
    matrix: NDArray[np.complex128] = np.eye(1 << num_qubits) * np.exp(1j * rng.uniform(-4, 4))
    for _ in range(6 * num_qubits):
        name = ("h", "s", "cx")[int(rng.integers(0, 3 if num_qubits > 1 else 2))]
        gate = Gate.named(name).matrix()
        qubits = rng.permutation(num_qubits)[: 2 if name == "cx" else 1]
        matrix = apply_matrix(matrix, gate, qubits.tolist())
    return matrix


def is_clifford(matrix: NDArray[np.complex128]) -> bool:
    """Return whether a matrix takes every X and Z to a single Pauli, by the overlaps with all."""
    width = len(matrix).bit_length() - 1
    index = np.arange(len(matrix))
    signs = 1.0 - 2.0 * (np.bitwise_count(index[:, None] & index) & 1)
    for bit in range(width):
        flip = np.eye(len(matrix))[index ^ 1 << bit]
        for pauli in (flip, np.diag(signs[1 << bit])):
            image = matrix @ pauli @ matrix.conj().T
            # tr((X**x Z**z)^T image) for all x, z
            entries = np.array([image[index ^ x, index] for x in index])
            overlaps = np.abs(entries @ signs) / len(matrix)
            if abs(overlaps.max() - 1) > 1e-9:
                return False
    return True


_GATES: dict[str, Callable[[Choices, int], Gate]] = {
    "named": _named,
    "alias": _alias,
    "controlled": _controlled,
    "multi_controlled": _multi_controlled,
    "power": _power,
    "unitary": _unitary,
    "diagonal": _diagonal,
    "permutation": _permutation,
    "pauli_rotation": _pauli_rotation,
    "global_phase": _global_phase,
    "symbolic": _symbolic,
}
GATE_KINDS = tuple(_GATES)
"""Kinds of gates that `random_circuit` draws from."""

_GATES["clifford"] = _clifford  # drawn where it is asked for alone

_POWERABLE = ("named", "unitary", "diagonal", "permutation", "pauli_rotation")
_CONTROLLABLE = ("named", "alias", "power", *_POWERABLE)


def draw_gate(choose: Choices, width: int, kinds: Sequence[str] = GATE_KINDS) -> Gate:
    """Draw a gate on at most ``width`` qubits, of one of the kinds."""
    return _GATES[choose.pick(kinds)](choose, width)


# --- whole circuits ---------------------------------------------------------------------------


def draw_circuit(
    choose: Choices, num_qubits: int, num_gates: int, kinds: Sequence[str] = GATE_KINDS
) -> Circuit:
    """Draw a circuit gate by gate, each on random qubits in random order."""
    circuit = Circuit(num_qubits)
    for _ in range(num_gates):
        gate = draw_gate(choose, num_qubits, kinds)
        circuit.append(gate, choose.sample(num_qubits, gate.num_qubits))
    return circuit


def random_circuit(
    rng: np.random.Generator,
    num_qubits: int,
    num_gates: int,
    kinds: Sequence[str] = GATE_KINDS,
) -> Circuit:
    """Return a random circuit of gates.

    Args:
        rng: Source of randomness; advanced.
        num_qubits: Width.
        num_gates: Number of gates.
        kinds: A selection of `GATE_KINDS`. Without ``"symbolic"`` the circuit has no parameters.
    """
    return draw_circuit(RandomChoices(rng), num_qubits, num_gates, kinds)


def random_clifford_circuit(rng: np.random.Generator, num_qubits: int, num_gates: int) -> Circuit:
    """Return a random circuit of Clifford gates, in all the forms that a gate can have.

    Args:
        rng: Source of randomness; advanced.
        num_qubits: Width.
        num_gates: Number of gates.
    """
    return draw_circuit(RandomChoices(rng), num_qubits, num_gates, ("clifford",))


def random_values(rng: np.random.Generator, circuit: Circuit) -> dict[Parameter, float]:
    """Return a random value for every parameter of a circuit."""
    return {p: float(rng.uniform(-4, 4)) for p in circuit.parameters}
