#include "cpu/probe.hpp"

#include <algorithm>
#include <stdexcept>

namespace quasim {
namespace {

bool controlled_in(const Member& member, std::size_t index) {
  return (index & member.control_mask) == member.control_value;
}

// Im((-i)^m p), m being the number of Y's: what a signed sum of conj(bra_i) ket_(i ^ x) gives.
double pauli_part(Mask x, Mask z, Complex p) {
  switch (std::popcount(x & z) & 3) {
    case 0:
      return p.imag();
    case 1:
      return -p.real();
    case 2:
      return -p.imag();
    default:
      return p.real();
  }
}

// d 2 Re<bra|ket> / d angle of a rotation is Im<bra|C P|ket>; entry(i, j) = ket_i conj(bra_j).
template <typename Entry>
double rotation_derivative(const Member& member, std::size_t dim, Entry entry) {
  Complex sum = 0.0;
  for (std::size_t r = 0; r < dim; ++r) {
    if (!controlled_in(member, r)) continue;
    const Complex product = entry(r ^ member.x_mask, r);
    sum += parity(r & member.z_mask) ? -product : product;
  }
  return pauli_part(member.x_mask, member.z_mask, sum);
}

// Of a phase: -2 Im<bra|C|ket>.
template <typename Entry>
double phase_derivative(const Member& member, std::size_t dim, Entry entry) {
  double sum = 0.0;
  for (std::size_t r = 0; r < dim; ++r) {
    if (controlled_in(member, r)) sum += entry(r, r).imag();
  }
  return -2.0 * sum;
}

template <typename Entry>
double derivative(const Member& member, std::size_t dim, Entry entry) {
  return member.kind == PrimitiveKind::kPhase ? phase_derivative(member, dim, entry)
                                              : rotation_derivative(member, dim, entry);
}

void conjugate_transpose(std::vector<Complex>& matrix, std::size_t dim) {
  for (std::size_t r = 0; r < dim; ++r) {
    matrix[r * dim + r] = std::conj(matrix[r * dim + r]);
    for (std::size_t c = 0; c < r; ++c) {
      const Complex upper = matrix[c * dim + r];
      matrix[c * dim + r] = std::conj(matrix[r * dim + c]);
      matrix[r * dim + c] = std::conj(upper);
    }
  }
}

}  // namespace

template <typename T>
Probe<T>::Probe(const CompiledOp<T>& op, const CompiledStage<T>& stage,
                const KernelTable<T>& kernels)
    : op_(op), kernels_(kernels), row_bits_(std::min(kRowBits, stage.tile_qubits)) {
  if (op.constant) return;
  for (const int position : op.inner) inner_ |= bit(position);
  const int free_qubits = stage.tile_qubits - static_cast<int>(op.inner.size());
  const std::size_t row = std::size_t{1} << row_bits_;
  units_ = std::uint64_t{1} << (stage.tile_qubits - row_bits_);
  switch (op.recipe) {
    case Recipe::kDense:
      units_ = std::uint64_t{1} << free_qubits;
      offsets_.resize(std::size_t{1} << op.inner.size());
      for (std::size_t r = 0; r < offsets_.size(); ++r) offsets_[r] = deposit(r, inner_);
      size_ = 2 * offsets_.size() << op.width;
      return;
    case Recipe::kDiagonal:
      size_ = std::size_t{1} << op.width;
      break;
    case Recipe::kParityPhase:
    case Recipe::kRotation:
      size_ = 1;
      break;
    case Recipe::kPermute:
    case Recipe::kWide:
      throw std::invalid_argument("Malformed plan: a wide fused operation has parameters.");
  }
  for (std::size_t j = 0; j < row; ++j) {
    const bool active = ((j ^ op.tile_control_value) & op.tile_control_mask & (row - 1)) == 0;
    weights_[j] = !active ? 0.0 : parity(j & op.tile_parity) ? -1.0 : 1.0;
    places_[j] = static_cast<std::uint32_t>(extract(j, inner_));
  }
}

template <typename T>
void Probe<T>::add(const T* ket, const T* bra, Mask outside, std::uint64_t begin, std::uint64_t end,
                   double* sums) const {
  switch (op_.recipe) {
    case Recipe::kDense:
      add_cross(ket, bra, outside, begin, end, sums);
      return;
    case Recipe::kDiagonal:
      add_diagonal(ket, bra, outside, begin, end, sums);
      return;
    default:
      add_pauli(ket, bra, outside, begin, end, sums);
  }
}

template <typename T>
void Probe<T>::add_cross(const T* ket, const T* bra, Mask outside, std::uint64_t begin,
                         std::uint64_t end, double* sums) const {
  const std::size_t choice = op_.outer_select == 0 ? 0 : extract(outside, op_.outer_select);
  CrossSweep<T> sweep;
  sweep.ket = ket;
  sweep.bra = bra;
  sweep.offsets = offsets_.data();
  sweep.fixed = inner_;
  sweep.begin = begin;
  sweep.end = end;
  sweep.sums = sums + choice * 2 * offsets_.size() * offsets_.size();
  kernels_.cross[op_.inner.size() - 1](sweep);
}

template <typename T>
void Probe<T>::add_diagonal(const T* ket, const T* bra, Mask outside, std::uint64_t begin,
                            std::uint64_t end, double* sums) const {
  const std::size_t row = std::size_t{1} << row_bits_;
  const Mask controls = op_.tile_control_mask >> row_bits_;
  const Mask values = op_.tile_control_value >> row_bits_;
  const std::size_t choice = op_.outer_select == 0 ? 0 : extract(outside, op_.outer_select);
  double* const block = sums + (choice << op_.inner.size());
  std::array<double, kRow> products;
  for (std::uint64_t r = begin; r < end; ++r) {
    if ((r & controls) != values) continue;
    const std::uint64_t at = 2 * (r << row_bits_);
    kernels_.overlaps(bra + at, ket + at, 0, 1, row, products.data());
    double* const slots = block + extract(r << row_bits_, inner_);
    for (std::size_t j = 0; j < row; ++j) slots[places_[j]] += weights_[j] * products[j];
  }
}

template <typename T>
void Probe<T>::add_pauli(const T* ket, const T* bra, Mask outside, std::uint64_t begin,
                         std::uint64_t end, double* sums) const {
  const std::size_t row = std::size_t{1} << row_bits_;
  const Mask controls = op_.tile_control_mask >> row_bits_;
  const Mask values = op_.tile_control_value >> row_bits_;
  const Member& member = op_.members.front();
  const bool imaginary = std::popcount(member.x_mask & member.z_mask) % 2 == 0;
  const int outer_sign = parity(outside & op_.outer_parity);
  std::array<double, kRow> products;
  double total = 0.0;
  for (std::uint64_t r = begin; r < end; ++r) {
    if ((r & controls) != values) continue;
    const std::uint64_t partner = r ^ (op_.tile_flip >> row_bits_);
    kernels_.overlaps(bra + 2 * (r << row_bits_), ket + 2 * (partner << row_bits_),
                      op_.tile_flip & (row - 1), imaginary ? 1 : 0, row, products.data());
    double sum = 0.0;
    for (std::size_t j = 0; j < row; ++j) sum += weights_[j] * products[j];
    total += (outer_sign ^ parity((r << row_bits_) & op_.tile_parity)) ? -sum : sum;
  }
  *sums += total;
}

template <typename T>
void Probe<T>::finish(const Program& inverse, std::span<const double> parameters,
                      const double* sums, std::span<double> derivatives) const {
  switch (op_.recipe) {
    case Recipe::kDense:
      finish_cross(inverse, parameters, sums, derivatives);
      return;
    case Recipe::kDiagonal:
      finish_diagonal(inverse, sums, derivatives);
      return;
    default: {
      const Member& member = op_.members.front();
      // The sum is of the part, real or imaginary, that counts.
      derivatives[static_cast<std::size_t>(member.primitive)] =
          pauli_part(member.x_mask, member.z_mask, {*sums, *sums});
    }
  }
}

template <typename T>
void Probe<T>::finish_cross(const Program& inverse, std::span<const double> parameters,
                            const double* sums, std::span<double> derivatives) const {
  const std::size_t dim = std::size_t{1} << op_.width;
  const std::size_t rows = offsets_.size();
  std::vector<Complex> overlap(dim * dim);
  for (std::size_t base = 0; base < dim; base += rows) {
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < rows; ++c, sums += 2) {
        overlap[(base + r) * dim + base + c] = {sums[0], sums[1]};
      }
    }
  }
  for (const Member& member : op_.members) {
    const auto i = static_cast<std::size_t>(member.primitive);
    if (inverse.is_parametric(i)) {
      derivatives[i] = derivative(
          member, dim, [&](std::size_t r, std::size_t c) { return overlap[r * dim + c]; });
    }
    // R -> G R G^dagger, G being the member's inverse.
    apply_member(inverse, member, parameters, op_.width, overlap.data());
    conjugate_transpose(overlap, dim);
    apply_member(inverse, member, parameters, op_.width, overlap.data());
    conjugate_transpose(overlap, dim);
  }
}

template <typename T>
void Probe<T>::finish_diagonal(const Program& inverse, const double* sums,
                               std::span<double> derivatives) const {
  for (const Member& member : op_.members) {
    const auto i = static_cast<std::size_t>(member.primitive);
    if (!inverse.is_parametric(i)) continue;
    derivatives[i] = derivative(member, size_,
                                [&](std::size_t r, std::size_t) { return Complex(0.0, sums[r]); });
  }
}

template class Probe<float>;
template class Probe<double>;

}  // namespace quasim
