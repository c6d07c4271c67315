"""The CPU kernels; use quasim_backend.kernels.native."""

from typing import Annotated, overload

import numpy
from numpy.typing import NDArray


class Plan:
    """An ExecutionPlan made ready for the CPU kernels."""

    def __init__(self, plan: object) -> None:
        """Copy the arrays of an ExecutionPlan."""

    @overload
    def run(self, state: Annotated[NDArray[numpy.complex64], dict(shape=(None,), order='C', device='cpu')], parameters: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], cancel: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, threads: int, mask: int = 0, value: int = 0, scale: float = 1.0, qubits: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None = None, optional: bool = False) -> Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C')] | None: ...

    @overload
    def run(self, state: Annotated[NDArray[numpy.complex128], dict(shape=(None,), order='C', device='cpu')], parameters: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], cancel: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, threads: int, mask: int = 0, value: int = 0, scale: float = 1.0, qubits: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None = None, optional: bool = False) -> Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C')] | None:
        """
        Collapse a state as `collapse` does, run on it, in place, and return sum |a|^2 by the value of the qubits, if given; optional: only if a pass of the plan can take it along. Raises Cancelled when the flag is set.
        """

    @overload
    def run_batch(self, states: Annotated[NDArray[numpy.complex64], dict(shape=(None, None), order='C', device='cpu')], parameters: Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C', device='cpu', writable=False)], cancel: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, threads: int) -> None: ...

    @overload
    def run_batch(self, states: Annotated[NDArray[numpy.complex128], dict(shape=(None, None), order='C', device='cpu')], parameters: Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C', device='cpu', writable=False)], cancel: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, threads: int) -> None:
        """
        Run on each row of states with its row of parameters, in place; raises Cancelled when the flag is set.
        """

    def start_c64(self, parameters: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], cancel: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, threads: int, qubits: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None = None, optional: bool = False) -> tuple[Annotated[NDArray[numpy.complex64], dict(shape=(None,), order='C')], Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C')] | None]:
        """Return the state the plan makes of |0...0>, and sums as from run."""

    def sweeps_c64(self) -> list[list[str]]:
        """Describe the sweeps over a tile of each stage, a line each."""

    def start_c128(self, parameters: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], cancel: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, threads: int, qubits: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None = None, optional: bool = False) -> tuple[Annotated[NDArray[numpy.complex128], dict(shape=(None,), order='C')], Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C')] | None]:
        """Return the state the plan makes of |0...0>, and sums as from run."""

    def sweeps_c128(self) -> list[list[str]]:
        """Describe the sweeps over a tile of each stage, a line each."""

@overload
def copy_c64(state: Annotated[NDArray[numpy.complex64], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> Annotated[NDArray[numpy.complex64], dict(shape=(None,), order='C')]:
    """Copy amplitudes into a new state of this precision."""

@overload
def copy_c64(state: Annotated[NDArray[numpy.complex128], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> Annotated[NDArray[numpy.complex64], dict(shape=(None,), order='C')]: ...

def zero_state_c64(num_qubits: int) -> Annotated[NDArray[numpy.complex64], dict(shape=(None,), order='C')]:
    """Allocate |0...0>."""

@overload
def norm_squared(state: Annotated[NDArray[numpy.complex64], dict(shape=(None,), order='C', device='cpu', writable=False)], threads: int) -> float: ...

@overload
def norm_squared(state: Annotated[NDArray[numpy.complex128], dict(shape=(None,), order='C', device='cpu', writable=False)], threads: int) -> float:
    """Return sum |a|^2."""

@overload
def probabilities(state: Annotated[NDArray[numpy.complex64], dict(shape=(None,), order='C', device='cpu', writable=False)], qubits: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], threads: int) -> Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C')]: ...

@overload
def probabilities(state: Annotated[NDArray[numpy.complex128], dict(shape=(None,), order='C', device='cpu', writable=False)], qubits: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], threads: int) -> Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C')]:
    """Return sum |a|^2 by the value of the qubits, lowest bit first."""

@overload
def reduced_density_matrix(state: Annotated[NDArray[numpy.complex64], dict(shape=(None,), order='C', device='cpu', writable=False)], qubits: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], cancel: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, threads: int) -> Annotated[NDArray[numpy.complex128], dict(shape=(None,), order='C')]: ...

@overload
def reduced_density_matrix(state: Annotated[NDArray[numpy.complex128], dict(shape=(None,), order='C', device='cpu', writable=False)], qubits: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], cancel: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, threads: int) -> Annotated[NDArray[numpy.complex128], dict(shape=(None,), order='C')]:
    """Return the density matrix of the qubits, flat, lowest bit first."""

@overload
def sparse_moments(state: Annotated[NDArray[numpy.complex64], dict(shape=(None,), order='C', device='cpu', writable=False)], values: Annotated[NDArray[numpy.complex128], dict(shape=(None,), order='C', device='cpu', writable=False)], columns: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], row_start: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], cancel: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, threads: int) -> tuple[complex, float]: ...

@overload
def sparse_moments(state: Annotated[NDArray[numpy.complex128], dict(shape=(None,), order='C', device='cpu', writable=False)], values: Annotated[NDArray[numpy.complex128], dict(shape=(None,), order='C', device='cpu', writable=False)], columns: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], row_start: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], cancel: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, threads: int) -> tuple[complex, float]:
    """
    Return <state|M|state> and <state|M^dagger M|state> of a matrix by compressed rows.
    """

@overload
def collapse(state: Annotated[NDArray[numpy.complex64], dict(shape=(None,), order='C', device='cpu')], mask: int, value: int, scale: float, threads: int) -> None: ...

@overload
def collapse(state: Annotated[NDArray[numpy.complex128], dict(shape=(None,), order='C', device='cpu')], mask: int, value: int, scale: float, threads: int) -> None:
    """Zero amplitudes whose masked bits differ from value; scale the rest."""

@overload
def block_norms(state: Annotated[NDArray[numpy.complex64], dict(shape=(None,), order='C', device='cpu', writable=False)], threads: int) -> Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C')]: ...

@overload
def block_norms(state: Annotated[NDArray[numpy.complex128], dict(shape=(None,), order='C', device='cpu', writable=False)], threads: int) -> Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C')]:
    """Return sum |a|^2 of each block of the size that sample takes."""

@overload
def sample(state: Annotated[NDArray[numpy.complex64], dict(shape=(None,), order='C', device='cpu', writable=False)], uniforms: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], cancel: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, threads: int, block_norms: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)] | None = None) -> Annotated[NDArray[numpy.uint64], dict(shape=(None,), order='C')]: ...

@overload
def sample(state: Annotated[NDArray[numpy.complex128], dict(shape=(None,), order='C', device='cpu', writable=False)], uniforms: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], cancel: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, threads: int, block_norms: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)] | None = None) -> Annotated[NDArray[numpy.uint64], dict(shape=(None,), order='C')]:
    """Draw one basis state for each uniform, in its order."""

@overload
def pauli_expectations(state: Annotated[NDArray[numpy.complex64], dict(shape=(None,), order='C', device='cpu', writable=False)], x_masks: Annotated[NDArray[numpy.uint64], dict(shape=(None,), order='C', device='cpu', writable=False)], z_masks: Annotated[NDArray[numpy.uint64], dict(shape=(None,), order='C', device='cpu', writable=False)], cancel: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, threads: int) -> Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C')]: ...

@overload
def pauli_expectations(state: Annotated[NDArray[numpy.complex128], dict(shape=(None,), order='C', device='cpu', writable=False)], x_masks: Annotated[NDArray[numpy.uint64], dict(shape=(None,), order='C', device='cpu', writable=False)], z_masks: Annotated[NDArray[numpy.uint64], dict(shape=(None,), order='C', device='cpu', writable=False)], cancel: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, threads: int) -> Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C')]:
    """Return <state|P|state> for each string."""

@overload
def apply_pauli_sum(state: Annotated[NDArray[numpy.complex64], dict(shape=(None,), order='C', device='cpu', writable=False)], x_masks: Annotated[NDArray[numpy.uint64], dict(shape=(None,), order='C', device='cpu', writable=False)], z_masks: Annotated[NDArray[numpy.uint64], dict(shape=(None,), order='C', device='cpu', writable=False)], weights: Annotated[NDArray[numpy.complex128], dict(shape=(None,), order='C', device='cpu', writable=False)], threads: int) -> Annotated[NDArray[numpy.complex64], dict(shape=(None,), order='C')]: ...

@overload
def apply_pauli_sum(state: Annotated[NDArray[numpy.complex128], dict(shape=(None,), order='C', device='cpu', writable=False)], x_masks: Annotated[NDArray[numpy.uint64], dict(shape=(None,), order='C', device='cpu', writable=False)], z_masks: Annotated[NDArray[numpy.uint64], dict(shape=(None,), order='C', device='cpu', writable=False)], weights: Annotated[NDArray[numpy.complex128], dict(shape=(None,), order='C', device='cpu', writable=False)], threads: int) -> Annotated[NDArray[numpy.complex128], dict(shape=(None,), order='C')]:
    """Return a weighted sum of Pauli strings times the state."""

def zero_states_c64(batch: int, num_qubits: int) -> Annotated[NDArray[numpy.complex64], dict(shape=(None, None), order='C')]:
    """Allocate rows of |0...0>."""

@overload
def sample_batch(states: Annotated[NDArray[numpy.complex64], dict(shape=(None, None), order='C', device='cpu', writable=False)], uniforms: Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C', device='cpu', writable=False)], cancel: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, threads: int) -> Annotated[NDArray[numpy.uint64], dict(shape=(None, None), order='C')]: ...

@overload
def sample_batch(states: Annotated[NDArray[numpy.complex128], dict(shape=(None, None), order='C', device='cpu', writable=False)], uniforms: Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C', device='cpu', writable=False)], cancel: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, threads: int) -> Annotated[NDArray[numpy.uint64], dict(shape=(None, None), order='C')]:
    """Draw one basis state of each row for each uniform of its row."""

@overload
def pauli_expectations_batch(states: Annotated[NDArray[numpy.complex64], dict(shape=(None, None), order='C', device='cpu', writable=False)], x_masks: Annotated[NDArray[numpy.uint64], dict(shape=(None,), order='C', device='cpu', writable=False)], z_masks: Annotated[NDArray[numpy.uint64], dict(shape=(None,), order='C', device='cpu', writable=False)], cancel: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, threads: int) -> Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C')]: ...

@overload
def pauli_expectations_batch(states: Annotated[NDArray[numpy.complex128], dict(shape=(None, None), order='C', device='cpu', writable=False)], x_masks: Annotated[NDArray[numpy.uint64], dict(shape=(None,), order='C', device='cpu', writable=False)], z_masks: Annotated[NDArray[numpy.uint64], dict(shape=(None,), order='C', device='cpu', writable=False)], cancel: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, threads: int) -> Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C')]:
    """Return <row|P|row> for each row and string."""

@overload
def inner(left: Annotated[NDArray[numpy.complex64], dict(shape=(None,), order='C', device='cpu', writable=False)], right: Annotated[NDArray[numpy.complex64], dict(shape=(None,), order='C', device='cpu', writable=False)], threads: int) -> complex: ...

@overload
def inner(left: Annotated[NDArray[numpy.complex128], dict(shape=(None,), order='C', device='cpu', writable=False)], right: Annotated[NDArray[numpy.complex128], dict(shape=(None,), order='C', device='cpu', writable=False)], threads: int) -> complex:
    """Return <left|right>."""

@overload
def copy_c128(state: Annotated[NDArray[numpy.complex64], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> Annotated[NDArray[numpy.complex128], dict(shape=(None,), order='C')]:
    """Copy amplitudes into a new state of this precision."""

@overload
def copy_c128(state: Annotated[NDArray[numpy.complex128], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> Annotated[NDArray[numpy.complex128], dict(shape=(None,), order='C')]: ...

def zero_state_c128(num_qubits: int) -> Annotated[NDArray[numpy.complex128], dict(shape=(None,), order='C')]:
    """Allocate |0...0>."""

def zero_states_c128(batch: int, num_qubits: int) -> Annotated[NDArray[numpy.complex128], dict(shape=(None, None), order='C')]:
    """Allocate rows of |0...0>."""

class PairPlan:
    """A schedule of sweeps over two states."""

    def __init__(self, plan: object, tile_qubits: int, inner_qubits: int, low_qubits: int, prune: bool) -> None:
        """
        Schedule the primitives of an ExecutionPlan; prune: leave out what no derivative needs.
        """

    @overload
    def adjoint(self, state: Annotated[NDArray[numpy.complex64], dict(shape=(None,), order='C', device='cpu')], bra: Annotated[NDArray[numpy.complex64], dict(shape=(None,), order='C', device='cpu')], parameters: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], cancel: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, threads: int) -> Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C')]: ...

    @overload
    def adjoint(self, state: Annotated[NDArray[numpy.complex128], dict(shape=(None,), order='C', device='cpu')], bra: Annotated[NDArray[numpy.complex128], dict(shape=(None,), order='C', device='cpu')], parameters: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], cancel: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, threads: int) -> Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C')]:
        """
        Run this plan, the inverse of a circuit's, on the circuit's final state and on the bra, in place; return the derivative of 2 Re<bra|state> by each angle of the circuit.
        """

    @overload
    def tangent(self, state: Annotated[NDArray[numpy.complex64], dict(shape=(None,), order='C', device='cpu')], derivative: Annotated[NDArray[numpy.complex64], dict(shape=(None,), order='C', device='cpu')], parameters: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], direction: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], cancel: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, threads: int) -> None: ...

    @overload
    def tangent(self, state: Annotated[NDArray[numpy.complex128], dict(shape=(None,), order='C', device='cpu')], derivative: Annotated[NDArray[numpy.complex128], dict(shape=(None,), order='C', device='cpu')], parameters: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], direction: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], cancel: Annotated[NDArray[numpy.uint8], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, threads: int) -> None:
        """
        Run on a state and on its derivative along a direction of the parameters, in place.
        """

def philox_uniforms(seed: int, shots: Annotated[NDArray[numpy.uint64], dict(shape=(None,), order='C', device='cpu', writable=False)], draw: int) -> Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C')]:
    """Return the uniform of one draw for each shot."""

def philox_words(counter: Annotated[NDArray[numpy.uint32], dict(shape=(None,), order='C', device='cpu', writable=False)], key: Annotated[NDArray[numpy.uint32], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> Annotated[NDArray[numpy.uint32], dict(shape=(None,), order='C')]:
    """Return the four output words of Philox4x32-10."""

def isa() -> str:
    """Return the instruction set in use."""

def sample_block_bits(num_qubits: int) -> int:
    """Return log2 of the amplitudes in a block whose sums sample takes."""

def available_isas() -> list[str]:
    """Return the names this CPU can run, slowest first."""

def select_isa(name: str) -> None:
    """Use the kernels of one instruction set."""

def thread_limit() -> int:
    """Return the number of threads a call may use."""

def set_thread_limit(threads: int) -> None:
    """Set the number of threads a call may use."""
