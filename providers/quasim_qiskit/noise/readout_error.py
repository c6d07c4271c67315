"""`ReadoutError`: with which probability which outcome is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qiskit.circuit import Instruction

from quasim_qiskit.noise.errors import NoiseError

__all__ = ["ReadoutError"]


class ReadoutError:
    """A confusion matrix: ``probabilities[m, n]`` is the probability to record ``n`` for ``m``."""

    def __init__(self, probabilities: ArrayLike, atol: float = 1e-8) -> None:
        """Check and keep a matrix ``(2**k, 2**k)``; the first qubit is the lowest index bit.

        Raises:
            NoiseError: If the shape is wrong or a row is no probability distribution.
        """
        matrix = np.array(probabilities, float)
        size = len(matrix) if matrix.ndim else 0
        if matrix.shape != (size, size) or size < 2 or size & (size - 1):
            raise NoiseError(
                f"A readout error needs a matrix of the shape (2**k, 2**k); got {matrix.shape}."
            )
        if (matrix < -atol).any() or not np.allclose(matrix.sum(axis=1), 1, rtol=0, atol=atol):
            raise NoiseError(
                f"Each row of a readout error must be a probability distribution; got "
                f"{matrix.tolist()}."
            )
        self._probabilities: NDArray[np.float64] = matrix

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """The matrix."""
        return self._probabilities

    @property
    def number_of_qubits(self) -> int:
        """Number of qubits that are measured together."""
        return len(self._probabilities).bit_length() - 1

    num_qubits = number_of_qubits

    def ideal(self) -> bool:
        """Return whether every outcome is recorded as it is."""
        return bool(np.allclose(self._probabilities, np.eye(len(self._probabilities))))

    def copy(self) -> ReadoutError:
        """Return a copy."""
        return ReadoutError(self._probabilities)

    def __eq__(self, other: object) -> bool:
        """Compare within tolerance."""
        if not hasattr(other, "probabilities"):
            return False
        theirs = np.asarray(other.probabilities)
        mine = self._probabilities
        return mine.shape == theirs.shape and bool(np.allclose(mine, theirs))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """Show the matrix."""
        return f"ReadoutError({self._probabilities.tolist()})"

    # --- algebra ------------------------------------------------------------------------------

    def compose(self, other: Any, front: bool = False) -> ReadoutError:
        """Return the matrix product ``other * self``, or ``self * other`` if ``front``.

        As in Qiskit Aer. Rows being distributions, the left factor confuses first.

        Raises:
            NoiseError: If their widths differ.
        """
        other = other if isinstance(other, ReadoutError) else ReadoutError(other)
        if other.number_of_qubits != self.number_of_qubits:
            raise NoiseError(
                f"Readout errors on {self.number_of_qubits} and {other.number_of_qubits} qubits "
                f"do not compose."
            )
        first, second = (self, other) if front else (other, self)
        return ReadoutError(first._probabilities @ second._probabilities)

    def dot(self, other: Any) -> ReadoutError:
        """Return the matrix product ``self * other``."""
        return self.compose(other, front=True)

    def power(self, n: int) -> ReadoutError:
        """Return the error ``n`` times in a row.

        Raises:
            NoiseError: If ``n`` is no integer of at least 1.
        """
        if not isinstance(n, int | np.integer) or n < 1:
            raise NoiseError(f"A readout error has integer powers of at least 1; got {n!r}.")
        return ReadoutError(np.linalg.matrix_power(self._probabilities, int(n)))

    def tensor(self, other: Any) -> ReadoutError:
        """Return both side by side, ``other`` on the first qubits."""
        other = other if isinstance(other, ReadoutError) else ReadoutError(other)
        return ReadoutError(np.kron(self._probabilities, other._probabilities))

    def expand(self, other: Any) -> ReadoutError:
        """Return both side by side, this one on the first qubits."""
        first = other if isinstance(other, ReadoutError) else ReadoutError(other)
        return first.tensor(self)

    __matmul__ = compose
    __mul__ = dot
    __pow__ = power
    __xor__ = tensor

    # --- as data ------------------------------------------------------------------------------

    def to_instruction(self) -> Instruction:
        """Return an instruction on classical bits that names the error."""
        return Instruction("roerror", 0, self.number_of_qubits, list(self._probabilities))

    def to_dict(self) -> dict[str, Any]:
        """Return the error as a dictionary."""
        matrix = self._probabilities.tolist()
        return {"type": "roerror", "operations": ["measure"], "probabilities": matrix}

    @staticmethod
    def from_dict(error: Mapping[str, Any]) -> ReadoutError:
        """Return the error that `to_dict` wrote."""
        return ReadoutError(error["probabilities"])
