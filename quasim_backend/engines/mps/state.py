"""A matrix product state in mixed canonical form, and operators applied to it.

Tensor ``i`` belongs to qubit ``i`` and has the axes (left bond, qubit, right bond). Tensors left of
the centre are isometries from the left, those right of it from the right: the centre alone holds
the norm, and the singular values of a cut there are the Schmidt values of the state. Nothing is
ever divided by a Schmidt value, as Vidal's form would: small ones do no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.mps.chains import Chain, chain_of_vector
from quasim_backend.engines.mps.seconds import cut_seconds
from quasim_backend.engines.mps.splitting import Truncation, split_left, split_right

__all__ = ["MatrixProductState", "Tensor"]

Tensor: TypeAlias = NDArray[Any]


class MatrixProductState:
    """A state of norm 1, in complex128: NumPy decomposes in double precision whatever it is given.

    Attributes:
        tensors: ``(left, 2, right)`` for each qubit; not to be written to.
        centre: The qubit whose tensor is the centre.
        truncation: What cuts may discard, and what they did.
    """

    def __init__(self, num_qubits: int, truncation: Truncation) -> None:
        """Start in ``|0...0>``."""
        zero = np.zeros((1, 2, 1), complex)
        zero[0, 0, 0] = 1
        self.tensors: list[Tensor] = [zero] * num_qubits
        self.centre = 0
        self.truncation = truncation

    def __len__(self) -> int:
        """Return the number of qubits."""
        return len(self.tensors)

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors."""
        return sum(tensor.nbytes for tensor in self.tensors)

    @property
    def bonds(self) -> tuple[int, ...]:
        """Dimensions of the bonds between neighbours."""
        return tuple(tensor.shape[2] for tensor in self.tensors[:-1])

    def copy(self) -> MatrixProductState:
        """Return an independent copy; tensors are shared, since nobody writes to them."""
        result = MatrixProductState(0, self.truncation.copy())
        result.tensors, result.centre = list(self.tensors), self.centre
        return result

    # --- the centre ---------------------------------------------------------------------------

    def move_centre(self, site: int) -> None:
        """Move the centre to a qubit: the state stays the same."""
        while self.centre < site:
            here = self.centre
            left, _, right = self.tensors[here].shape
            q, r = np.linalg.qr(self.tensors[here].reshape(2 * left, right))
            self.tensors[here] = q.reshape(left, 2, -1)
            self.tensors[here + 1] = _from_left(r, self.tensors[here + 1])
            self.centre += 1
        while self.centre > site:
            here = self.centre
            left, _, right = self.tensors[here].shape
            q, r = np.linalg.qr(self.tensors[here].reshape(left, 2 * right).T)
            self.tensors[here] = q.T.reshape(-1, 2, right)
            self.tensors[here - 1] = self.tensors[here - 1] @ r.T
            self.centre -= 1

    def move_into(self, first: int, last: int) -> None:
        """Move the centre to the nearest of the qubits ``first`` to ``last``."""
        self.move_centre(min(max(self.centre, first), last))

    # --- operators ----------------------------------------------------------------------------

    def apply_one(self, matrix: Tensor, site: int) -> None:
        """Apply a unitary to one qubit: every tensor stays canonical."""
        self.tensors[site] = np.matmul(matrix, self.tensors[site])

    def apply_pair(self, matrix: Tensor, site: int, *, to_right: bool) -> None:
        """Apply an operator to the neighbours ``site`` and ``site + 1``, and cut their bond.

        Args:
            matrix: ``(4, 4)``; ``site`` is the *high* bit of its indices. The state is normalised.
            site: The left one.
            to_right: Whether the centre is to be the right one afterwards.
        """
        self.move_into(site, site + 1)
        a, b = self.tensors[site], self.tensors[site + 1]
        left, right = a.shape[0], b.shape[2]
        theta = a.reshape(2 * left, -1) @ b.reshape(len(b), 2 * right)
        theta = np.matmul(matrix, theta.reshape(left, 4, right))
        theta = theta.reshape(2 * left, 2 * right)
        # What the bond keeps lies near what it had, if that is the isometry on the far side.
        if to_right:
            guess = b.reshape(len(b), -1).conj().T if self.centre == site else None
            u, rest = split_right(theta, self.truncation, guess)
        else:
            guess = a.reshape(2 * left, -1).conj() if self.centre > site else None
            u, rest = split_left(theta, self.truncation, guess)
        self.tensors[site] = u.reshape(left, 2, -1)
        self.tensors[site + 1] = np.ascontiguousarray(rest).reshape(-1, 2, right)
        self.centre = site + 1 if to_right else site

    def apply_chain(self, chain: Chain) -> None:
        """Apply a matrix product operator and normalise the state.

        From left to right the operator is multiplied in and orthogonalised, from right to left the
        bonds are cut; qubits in between pass the operator's bond on. The centre ends at the
        chain's first qubit.
        """
        first, last = chain.sites[0], chain.sites[-1]
        self.move_centre(first)
        operators = dict(zip(chain.sites, chain.tensors, strict=True))
        # carry: (rows of the last isometry, operator's bond, state's bond)
        # Products as matrices: for narrow states most time goes into calls.
        carry = np.eye(len(self.tensors[first]), dtype=complex)[:, None, :]
        for site in range(first, last + 1):
            tensor, operator = self.tensors[site], operators.get(site)
            rows, bond, left = carry.shape
            right = tensor.shape[2]
            grown = carry.reshape(-1, left) @ tensor.reshape(left, 2 * right)
            if operator is None:
                grown = grown.reshape(rows, bond, 2, right).transpose(0, 2, 1, 3)
            else:
                grown = grown.reshape(rows, 2 * bond, right).transpose(0, 2, 1)
                # over the operator's left bond and input
                flat = operator.transpose(0, 2, 1, 3).reshape(2 * bond, -1)
                bond = operator.shape[3]
                grown = grown.reshape(rows * right, -1) @ flat
                grown = grown.reshape(rows, right, 2, bond).transpose(0, 2, 3, 1)
            if site == last:
                self.tensors[site] = grown.reshape(rows, 2, right)
                break
            shape = (2 * rows, bond * right)
            self.truncation.spend(cut_seconds(shape))
            q, r = np.linalg.qr(grown.reshape(shape))
            self.tensors[site] = q.reshape(rows, 2, -1)
            carry = r.reshape(-1, bond, right)
        self.centre = last
        if last == first:
            self._normalise()
        while self.centre > first:
            self._cut_left()

    def apply_local(self, operator: Tensor, site: int) -> None:
        """Apply any operator to one qubit, normalise, and narrow the bonds that it loosened."""
        self.move_centre(site)
        self.tensors[site] = np.matmul(operator, self.tensors[site])
        self._normalise()
        self._narrow(site)

    def replace(self, tensors: Sequence[Tensor]) -> None:
        """Become the state of the given tensors, of any form, and normalise."""
        self.tensors = [np.asarray(t, complex) for t in tensors]
        self.centre = 0
        # From no form at all: one way makes isometries, the way back cuts.
        self.move_centre(len(self) - 1)
        self._normalise()
        while self.centre:
            self._cut_left()

    def set_vector(self, amplitudes: NDArray[Any]) -> None:
        """Become a state of ``2**n`` amplitudes, qubit 0 the lowest bit; normalised."""
        _, tensors = chain_of_vector(amplitudes, range(len(self)))
        self.replace(tensors)

    # --- pieces -------------------------------------------------------------------------------

    def _cut_left(self) -> None:
        """Cut the bond left of the centre, which moves there."""
        here = self.centre
        left, _, right = self.tensors[here].shape
        b, v = split_left(self.tensors[here].reshape(left, 2 * right), self.truncation)
        self.tensors[here] = np.ascontiguousarray(v).reshape(-1, 2, right)
        self.tensors[here - 1] = self.tensors[here - 1] @ b
        self.centre -= 1

    def _cut_right(self) -> None:
        """Cut the bond right of the centre, which moves there."""
        here = self.centre
        left, _, right = self.tensors[here].shape
        u, b = split_right(self.tensors[here].reshape(2 * left, right), self.truncation)
        self.tensors[here] = u.reshape(left, 2, -1)
        self.tensors[here + 1] = _from_left(b, self.tensors[here + 1])
        self.centre += 1

    def _narrow(self, site: int) -> None:
        """Cut bonds outwards from the centre for as long as they become narrower."""
        while self.centre < len(self) - 1:
            before = self.tensors[self.centre].shape[2]
            self._cut_right()
            if self.tensors[self.centre].shape[0] == before:
                break
        self.move_centre(site)
        while self.centre > 0:
            before = self.tensors[self.centre].shape[0]
            self._cut_left()
            if self.tensors[self.centre].shape[2] == before:
                break
        self.move_centre(site)

    def _normalise(self) -> None:
        tensor = self.tensors[self.centre]
        self.tensors[self.centre] = tensor / np.linalg.norm(tensor)


def _from_left(matrix: Tensor, tensor: Tensor) -> Tensor:
    """Multiply a tensor's left bond by a matrix."""
    left, _, right = tensor.shape
    return (matrix @ tensor.reshape(left, 2 * right)).reshape(-1, 2, right)
