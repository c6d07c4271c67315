// Sums over a state vector, and collapse. Results do not depend on the number of threads: the
// state is cut into blocks of fixed size, and block sums are added in order.
#pragma once

#include <complex>
#include <cstdint>
#include <span>
#include <vector>

#include "quasim/bits.hpp"
#include "quasim/control.hpp"

namespace quasim {

// Amplitudes of 2^num_qubits, borrowed, interleaved.
template <typename T>
struct StateView {
  T* amplitudes;
  int num_qubits;

  std::uint64_t size() const { return std::uint64_t{1} << num_qubits; }
};

// How a reduction runs.
struct RunContext {
  Control& control;
  int threads = 0;  // 0: the limit of the process
};

// sum |a|^2.
template <typename T>
double norm_squared(StateView<const T> state, RunContext context);

// <left|right>.
template <typename T>
std::complex<double> inner(StateView<const T> left, const T* right, RunContext context);

// sum |a|^2 by the value of `qubits`, lowest bit first; `result` has 2^k entries, overwritten.
template <typename T>
void probabilities(StateView<const T> state, std::span<const std::int32_t> qubits,
                   std::span<double> result, RunContext context);

// The density matrix of `qubits`, the others traced out; qubits[0] is the lowest bit. `result` is
// row-major, 2^k by 2^k, overwritten.
template <typename T>
void reduced_density_matrix(StateView<const T> state, std::span<const std::int32_t> qubits,
                            std::span<std::complex<double>> result, RunContext context);

// A square matrix by compressed rows, borrowed.
struct SparseMatrix {
  std::span<const std::complex<double>> values;
  std::span<const std::int64_t> columns;    // of each value
  std::span<const std::int64_t> row_start;  // one entry a row, and the end
};

struct SparseMoments {
  std::complex<double> mean;  // <state|M|state>
  double squared = 0.0;       // <state|M^dagger M|state>
};

// Throws std::invalid_argument when the matrix refers to what is not there.
template <typename T>
SparseMoments sparse_moments(StateView<const T> state, const SparseMatrix& matrix,
                             RunContext context);

// Zeroes amplitudes whose bits in `mask` differ from `value`, scales the rest. In place.
template <typename T>
void collapse(StateView<T> state, Mask mask, Mask value, double scale, RunContext context);

// <state|P|state> for each Hermitian Pauli string.
template <typename T>
void pauli_expectations(StateView<const T> state, std::span<const std::uint64_t> x_masks,
                        std::span<const std::uint64_t> z_masks, std::span<double> result,
                        RunContext context);

// result = sum weights[t] P_t state; `result` must not overlap the state.
template <typename T>
void pauli_sum_product(StateView<const T> state, std::span<const std::uint64_t> x_masks,
                       std::span<const std::uint64_t> z_masks,
                       std::span<const std::complex<double>> weights, T* result,
                       RunContext context);

// Amplitudes of a block, as log2, whose sums `sample` takes.
int sample_block_bits(int num_qubits);

// sum |a|^2 of each block, in order: 2^(num_qubits - block bits) entries, overwritten.
template <typename T>
void block_norms(StateView<const T> state, std::span<double> sums, RunContext context);

// Inverse transform sampling: result[s] is drawn for uniforms[s], given the state's block norms.
// Throws std::invalid_argument when the state is zero or not finite, or a uniform is not in [0, 1).
template <typename T>
void sample(StateView<const T> state, std::span<const double> block_sums,
            std::span<const double> uniforms, std::span<std::uint64_t> result, RunContext context);

// result[s] = uniform number `draw` of shot shots[s]; see quasim/philox.hpp.
void shot_uniforms(std::uint64_t seed, std::span<const std::uint64_t> shots, std::uint64_t draw,
                   std::span<double> result, RunContext context);

}  // namespace quasim
