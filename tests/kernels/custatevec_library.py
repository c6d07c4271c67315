"""cuStateVec's interface in NumPy: what the library documents, done on host addresses.

It takes the place of ``cuquantum.bindings.custatevec``: the same names and parameters, arrays as
addresses or sequences. It is written from the library's manual, with tensors instead of index
arithmetic, and knows nothing of QuASIM; it refuses what the library refuses.
"""

from __future__ import annotations

import ctypes
from enum import IntEnum

import numpy as np

_DTYPES = {4: np.complex64, 5: np.complex128}


class CuStateVecError(Exception):
    """An argument that the library refuses."""


class MatrixLayout(IntEnum):
    COL = 0
    ROW = 1


class ComputeType(IntEnum):
    COMPUTE_DEFAULT = 0


class SamplerOutput(IntEnum):
    RANDNUM_ORDER = 0
    ASCENDING_ORDER = 1


_PAULIS = [
    np.eye(2),
    np.array([[0, 1], [1, 0]]),
    np.array([[0, -1j], [1j, 0]]),
    np.diag([1, -1]),
]
_FACTORS = [np.ones(2), np.ones(2), np.array([-1j, 1j]), np.array([1, -1])]
"""The entry in each row of those matrices."""


class NumPyLibrary:
    """The library.

    ``tables_name_sources`` says what entry ``i`` of a permutation's table is: where amplitude ``i``
    comes from, or where it goes to.
    """

    cuStateVecError = CuStateVecError
    MatrixLayout = MatrixLayout
    ComputeType = ComputeType
    SamplerOutput = SamplerOutput

    def __init__(self, tables_name_sources=True):
        self.tables_name_sources = tables_name_sources
        self.log = []
        self.handles = set()
        self.samplers = {}

    def create(self):
        self.handles.add(1000 + len(self.handles))
        return max(self.handles)

    def destroy(self, handle):
        self.handles.remove(handle)

    # --- gates --------------------------------------------------------------------------------

    def apply_matrix(
        self,
        handle,
        sv,
        sv_data_type,
        n_index_bits,
        matrix,
        matrix_data_type,
        layout,
        adjoint,
        targets,
        n_targets,
        controls,
        control_bit_values,
        n_controls,
        compute_type,
        extra_workspace,
        extra_workspace_size_in_bytes,
    ):
        state = self._state("apply_matrix", handle, sv, sv_data_type, n_index_bits)
        _require(layout == MatrixLayout.ROW and matrix_data_type == 5, "layout or type")
        _require(adjoint == extra_workspace == extra_workspace_size_in_bytes == 0, "not used here")
        size = 1 << n_targets
        rows = _memory(matrix, np.complex128, size * size).reshape(size, size)
        targets = _list(targets, n_targets)
        controls, values = _list(controls, n_controls), _list(control_bit_values, n_controls)
        _act(state, n_index_bits, rows, targets, controls, values)

    def apply_generalized_permutation_matrix(
        self,
        handle,
        sv,
        sv_data_type,
        n_index_bits,
        permutation,
        diagonals,
        diagonals_data_type,
        adjoint,
        targets,
        n_targets,
        controls,
        control_bit_values,
        n_controls,
        extra_workspace,
        extra_workspace_size_in_bytes,
    ):
        name = "apply_generalized_permutation_matrix"
        state = self._state(name, handle, sv, sv_data_type, n_index_bits)
        _require(permutation or diagonals, "neither permutation nor diagonal")
        _require(adjoint == extra_workspace == extra_workspace_size_in_bytes == 0, "not used here")
        size = 1 << n_targets
        moved, factors = np.eye(size), np.ones(size)
        if permutation:
            table = _memory(permutation, np.int64, size)
            _require(sorted(table.tolist()) == list(range(size)), "no permutation")
            moved = moved[table] if self.tables_name_sources else moved[:, table]
        if diagonals:
            _require(diagonals_data_type == 5, "type of the diagonal")
            factors = _memory(diagonals, np.complex128, size)
        targets = _list(targets, n_targets)
        controls, values = _list(controls, n_controls), _list(control_bit_values, n_controls)
        _act(state, n_index_bits, factors[:, None] * moved, targets, controls, values)

    def apply_pauli_rotation(
        self,
        handle,
        sv,
        sv_data_type,
        n_index_bits,
        theta,
        paulis,
        targets,
        n_targets,
        controls,
        control_bit_values,
        n_controls,
    ):
        state = self._state("apply_pauli_rotation", handle, sv, sv_data_type, n_index_bits)
        targets, paulis = _list(targets, n_targets), _list(paulis, n_targets)
        controls, values = _list(controls, n_controls), _list(control_bit_values, n_controls)
        _check_bits(n_index_bits, targets, controls)
        _require(targets, "no target")
        # One letter at a time: exp(i theta P) = cos(theta) + i sin(theta) P.
        product = state.copy()
        for letter, target in zip(paulis, targets, strict=True):
            _act(product, n_index_bits, _PAULIS[letter], [target], [], [])
        tensors = [a.reshape((2,) * n_index_bits) for a in (state, product)]
        part = _where(n_index_bits, controls, values)
        tensors[0][part] = np.cos(theta) * tensors[0][part] + 1j * np.sin(theta) * tensors[1][part]

    # --- sums ---------------------------------------------------------------------------------

    def abs2sum_array(
        self,
        handle,
        sv,
        sv_data_type,
        n_index_bits,
        abs2sum,
        bit_ordering,
        bit_ordering_len,
        mask_bit_string,
        mask_ordering,
        mask_len,
    ):
        state = self._state("abs2sum_array", handle, sv, sv_data_type, n_index_bits)
        _require(mask_len == mask_bit_string == mask_ordering == 0, "not used here")
        bits = _list(bit_ordering, bit_ordering_len)
        _check_bits(n_index_bits, bits, [])
        weights = np.abs(state.astype(np.complex128).reshape((2,) * n_index_bits)) ** 2
        axes = [n_index_bits - 1 - bit for bit in reversed(bits)]
        sums = np.moveaxis(weights, axes, range(len(bits))).reshape(1 << len(bits), -1).sum(axis=1)
        _memory(abs2sum, np.float64, len(sums))[:] = sums

    def collapse_by_bit_string(
        self, handle, sv, sv_data_type, n_index_bits, bit_string, bit_ordering, bit_string_len, norm
    ):
        state = self._state("collapse_by_bit_string", handle, sv, sv_data_type, n_index_bits)
        bits, values = _list(bit_ordering, bit_string_len), _list(bit_string, bit_string_len)
        _check_bits(n_index_bits, bits, [])
        _require(bits, "no basis bit")
        kept = np.zeros((2,) * n_index_bits)
        kept[_where(n_index_bits, bits, values)] = 1 / np.sqrt(norm)
        state *= kept.reshape(-1).astype(state.real.dtype)

    def compute_expectations_on_pauli_basis(
        self,
        handle,
        sv,
        sv_data_type,
        n_index_bits,
        expectation_values,
        pauli_operators_array,
        n_pauli_operator_arrays,
        basis_bits_array,
        n_basis_bits_array,
    ):
        name = "compute_expectations_on_pauli_basis"
        state = self._state(name, handle, sv, sv_data_type, n_index_bits).astype(np.complex128)
        values = _memory(expectation_values, np.float64, n_pauli_operator_arrays)
        lengths = _list(n_basis_bits_array, n_pauli_operator_arrays)
        for term, length in enumerate(lengths):
            letters = _list(pauli_operators_array[term], length)
            bits = _list(basis_bits_array[term], length)
            _check_bits(n_index_bits, bits, [])
            # Every letter is a factor for each value of its bit, and X and Y turn the bit round.
            by_bit = dict(zip(bits, letters, strict=True))
            factors = np.ones(1)
            for bit in range(n_index_bits):
                factors = np.multiply.outer(_FACTORS[by_bit.get(bit, 0)], factors).reshape(-1)
            axes = [n_index_bits - 1 - bit for bit in bits if by_bit[bit] in (1, 2)]
            turned = np.flip(state.reshape((2,) * n_index_bits), axes).reshape(-1)
            values[term] = np.vdot(state, factors * turned).real

    # --- samples ------------------------------------------------------------------------------

    def sampler_create(self, handle, sv, sv_data_type, n_index_bits, n_max_shots):
        state = self._state("sampler_create", handle, sv, sv_data_type, n_index_bits)
        number = 1 + len(self.samplers)
        self.samplers[number] = [state, n_max_shots, None]
        return number, 64

    def sampler_preprocess(self, handle, sampler, extra_workspace, extra_workspace_size_in_bytes):
        entry = self.samplers[sampler]
        entry[2] = np.cumsum(np.abs(entry[0].astype(np.complex128)) ** 2)

    def sampler_sample(
        self,
        handle,
        sampler,
        bit_strings,
        bit_ordering,
        bit_string_len,
        randnums,
        n_shots,
        output,
    ):
        _, most, cdf = self.samplers[sampler]
        _require(cdf is not None and n_shots <= most, "not preprocessed, or too many shots")
        bits = _list(bit_ordering, bit_string_len)
        _require(bits == list(range(bit_string_len)), "not used here")
        _require(output == SamplerOutput.RANDNUM_ORDER, "not used here")
        drawn = np.searchsorted(cdf, _memory(randnums, np.float64, n_shots) * cdf[-1], side="right")
        last = np.searchsorted(cdf, cdf[-1], side="left")
        _memory(bit_strings, np.int64, n_shots)[:] = np.minimum(drawn, last)

    def sampler_destroy(self, sampler):
        del self.samplers[sampler]

    def _state(self, name, handle, sv, sv_data_type, n_index_bits):
        self.log.append(name)
        _require(handle in self.handles, "handle")
        _require(n_index_bits >= 1, "number of index bits")
        return _memory(sv, _DTYPES[sv_data_type], 1 << n_index_bits)


def _act(state, width, matrix, targets, controls, values):
    """Apply a matrix to axes of the state seen as a tensor, where the controls hold."""
    _check_bits(width, targets, controls)
    _require(targets, "no target")
    tensor = state.reshape((2,) * width)
    part = tensor[_where(width, controls, values)]
    # Axes of what the controls leave, the highest bit first.
    left = [bit for bit in reversed(range(width)) if bit not in controls]
    axes = [left.index(target) for target in reversed(targets)]
    front = np.moveaxis(part, axes, range(len(axes)))
    product = matrix @ front.reshape(len(matrix), -1)
    front[...] = product.reshape(front.shape).astype(state.dtype)


def _where(width, bits, values):
    index = [slice(None)] * width
    for bit, value in zip(bits, values, strict=True):
        index[width - 1 - bit] = value
    return (*index, ...)  # a view, also where every axis is fixed


def _check_bits(width, targets, controls):
    bits = [*targets, *controls]
    _require(len(set(bits)) == len(bits), "repeated bits")
    _require(all(0 <= bit < width for bit in bits), "bit out of range")


def _require(condition, what):
    if not condition:
        raise CuStateVecError(f"INVALID_VALUE (7): {what}")


def _list(value, length):
    found = [int(v) for v in value]
    _require(len(found) == length, "length")
    return found


def _memory(address, dtype, count):
    size = np.dtype(dtype).itemsize * count
    return np.frombuffer((ctypes.c_byte * size).from_address(address), dtype)
