// Expectation values of Pauli strings.
//
// Strings are grouped by X mask. A tile serves many X masks at once: it is a coset of a subspace of
// row numbers that is spanned by those masks, not by single qubits, so that any `tile bits`
// independent masks fit, however many qubits each acts on. The tile is read once, its real and
// imaginary parts laid out apart, and every group is summed from it. Large groups are
// Walsh-Hadamard transformed: then each string finds its signed sum in one entry.
#include <array>
#include <memory>
#include <numeric>

#include "cpu/blocks.hpp"
#include "quasim/memory.hpp"

namespace quasim {
namespace {

// A tile of 2^17 bytes and its scratch stay in the L2 cache; smaller ones serve fewer masks a pass.
constexpr int kTileBytesBits = 17;
// With fewer strings, plain signed sums are cheaper than a transform.
constexpr std::size_t kTransformFrom = 8;
// Units of work of a batch, and the sums that all of them together may keep.
constexpr std::uint64_t kMaxChunks = 256;
constexpr std::uint64_t kMaxSums = 1 << 22;

struct Term {
  Mask z;
  std::size_t number;  // in the caller's order
};

// Strings that share the X mask and need the same part, real or imaginary, of the products.
struct Group {
  Mask x;
  bool imaginary;
  std::vector<Term> terms;
};

std::vector<Group> group_strings(std::span<const Mask> x_masks, std::span<const Mask> z_masks) {
  const auto odd = [&](std::size_t t) { return parity(x_masks[t] & z_masks[t]) != 0; };
  std::vector<std::size_t> order(x_masks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    return x_masks[a] != x_masks[b] ? x_masks[a] < x_masks[b] : odd(a) < odd(b);
  });
  std::vector<Group> groups;
  for (const std::size_t t : order) {
    if (groups.empty() || groups.back().x != x_masks[t] || groups.back().imaginary != odd(t)) {
      groups.push_back({x_masks[t], odd(t), {}});
    }
    groups.back().terms.push_back({z_masks[t], t});
  }
  return groups;
}

// A subspace of row numbers, as vectors of which each alone has its highest bit, its pivot.
class Subspace {
 public:
  int dimension() const { return static_cast<int>(basis_.size()); }
  Mask pivots() const { return pivots_; }
  const std::vector<Mask>& basis() const { return basis_; }  // pivots ascending

  // Adds a vector unless that would take more than `limit` dimensions; returns whether it is in.
  bool add(Mask row, int limit) {
    for (const Mask v : basis_) {
      if (row & std::bit_floor(v)) row ^= v;
    }
    if (row == 0) return true;
    if (dimension() == limit) return false;
    const Mask pivot = std::bit_floor(row);
    for (Mask& v : basis_) {
      if (v & pivot) v ^= row;
    }
    pivots_ |= pivot;
    basis_.insert(
        std::ranges::upper_bound(basis_, row, {}, [](Mask v) { return std::bit_floor(v); }), row);
    return true;
  }

 private:
  std::vector<Mask> basis_;
  Mask pivots_ = 0;
};

// Groups that are summed from the same tiles.
struct Batch {
  Subspace rows;
  std::vector<const Group*> groups;
  std::size_t num_terms = 0;
};

std::vector<Batch> batches_of(const std::vector<Group>& groups, int row_bits, int free_bits,
                              int tile_bits) {
  std::vector<Batch> batches;
  std::vector<const Group*> waiting;
  for (const Group& group : groups) waiting.push_back(&group);
  while (!waiting.empty()) {
    Batch batch;
    std::vector<const Group*> later;
    for (const Group* group : waiting) {
      if (batch.rows.add(group->x >> row_bits, tile_bits)) {
        batch.groups.push_back(group);
        batch.num_terms += group->terms.size();
      } else {
        later.push_back(group);
      }
    }
    // Whole tiles, and neighbouring rows in one tile where the masks leave a choice.
    for (int b = 0; b < free_bits; ++b) batch.rows.add(bit(b), tile_bits);
    batches.push_back(std::move(batch));
    waiting = std::move(later);
  }
  return batches;
}

// Sums one batch over tiles.
template <typename T>
class BatchSum {
 public:
  BatchSum(StateView<const T> state, const Batch& batch, int row_bits)
      : state_(state),
        batch_(batch),
        row_bits_(row_bits),
        tile_bits_(row_bits + batch.rows.dimension()),
        offsets_(std::uint64_t{1} << batch.rows.dimension()) {
    const auto& basis = batch.rows.basis();
    for (std::uint64_t t = 1; t < offsets_.size(); ++t) {
      offsets_[t] = offsets_[t & (t - 1)] ^ basis[static_cast<std::size_t>(std::countr_zero(t))];
    }
    const Mask row_mask = low_mask(row_bits);
    for (const Group* group : batch.groups) {
      const Mask x = extract(group->x >> row_bits, batch.rows.pivots()) << row_bits;
      x_.push_back(x | (group->x & row_mask));
      for (const Term& term : group->terms) {
        Mask z = term.z & row_mask;
        for (std::size_t j = 0; j < basis.size(); ++j) {
          if (parity(basis[j] & (term.z >> row_bits))) z |= bit(row_bits + static_cast<int>(j));
        }
        z_.push_back(z);
      }
    }
  }

  // Adds the sums of tiles [begin, end), one for each term, to `sums`.
  void add(std::uint64_t begin, std::uint64_t end, std::span<double> sums) const {
    const std::uint64_t size = std::uint64_t{1} << tile_bits_;
    const AlignedBytes memory = allocate_aligned(3 * size * sizeof(T));
    T* const re = static_cast<T*>(static_cast<void*>(memory.get()));
    T* const im = re + size;
    T* const products = im + size;
    const std::uint64_t row_size = std::uint64_t{1} << row_bits_;
    const Mask outside = low_mask(state_.num_qubits - row_bits_) & ~batch_.rows.pivots();
    for (std::uint64_t tile = begin; tile < end; ++tile) {
      const Mask row = deposit(tile, outside);
      for (std::uint64_t t = 0; t < offsets_.size(); ++t) {
        kernels_.split_parts(state_.amplitudes + 2 * ((row ^ offsets_[t]) << row_bits_), row_size,
                             re + (t << row_bits_), im + (t << row_bits_));
      }
      sum_tile({re, im, tile_bits_, 0, 0}, row, products, sums);
    }
  }

 private:
  void sum_tile(PauliTile<T> tile, Mask row, T* products, std::span<double> sums) const {
    const int lane_bits = kernels_.lane_bits + 1;
    std::size_t t = 0;
    for (std::size_t g = 0; g < batch_.groups.size(); ++g) {
      const Group& group = *batch_.groups[g];
      const std::size_t last = t + group.terms.size();
      tile.x = x_[g];
      const PauliKernels<T>& kernels =
          kernels_.pauli[tile.x & low_mask(lane_bits)][group.imaginary ? 1 : 0];
      const auto add = [&](double sum) {
        const Mask z = group.terms[t - (last - group.terms.size())].z >> row_bits_;
        sums[t] += parity(row & z) ? -sum : sum;
      };
      if (group.terms.size() < kTransformFrom) {
        for (; t < last; ++t) {
          tile.z = z_[t];
          add(kernels.sum(tile));
        }
        continue;
      }
      kernels.products(tile, products);
      // See PauliKernels: whether the highest bit of x is left out.
      const bool half = (tile.x >> (lane_bits + 2)) != 0;
      const Mask below = half ? std::bit_floor(tile.x) - 1 : ~Mask{0};
      kernels_.walsh(products, half ? tile_bits_ - 1 : tile_bits_);
      for (; t < last; ++t) {
        const Mask z = (z_[t] & below) | ((z_[t] >> 1) & ~below);
        const auto sum = static_cast<double>(products[half ? z : z_[t]]);
        add(half ? 2 * sum : sum);
      }
    }
  }

  StateView<const T> state_;
  const Batch& batch_;
  const KernelTable<T>& kernels_ = reduction_kernels<T>();
  int row_bits_;
  int tile_bits_;
  std::vector<Mask> offsets_;  // row of a tile, relative to the tile's first
  std::vector<Mask> x_;        // of each group, on tile positions
  std::vector<Mask> z_;        // of each term
};

}  // namespace

template <typename T>
void pauli_expectations(StateView<const T> state, std::span<const std::uint64_t> x_masks,
                        std::span<const std::uint64_t> z_masks, std::span<double> result,
                        RunContext context) {
  const std::vector<Group> groups = group_strings(x_masks, z_masks);
  const int row_bits = std::min(kRowBits, state.num_qubits);
  const int free_bits = state.num_qubits - row_bits;
  const int amplitude_bits = sizeof(T) == sizeof(float) ? 3 : 4;
  const int tile_bits = std::min(kTileBytesBits - amplitude_bits - row_bits, free_bits);
  for (const Batch& batch : batches_of(groups, row_bits, free_bits, tile_bits)) {
    const BatchSum<T> sum(state, batch, row_bits);
    const std::uint64_t tiles = std::uint64_t{1} << (free_bits - batch.rows.dimension());
    const std::uint64_t chunks = std::min(
        {tiles, kMaxChunks, std::bit_ceil(std::max<std::uint64_t>(2, kMaxSums / batch.num_terms))});
    std::vector<double> sums(chunks * batch.num_terms, 0.0);
    for_each_unit(chunks, state.size(), context, [&](std::uint64_t chunk) {
      sum.add(tiles / chunks * chunk, tiles / chunks * (chunk + 1),
              std::span<double>(sums).subspan(chunk * batch.num_terms, batch.num_terms));
    });
    std::size_t t = 0;
    for (const Group* group : batch.groups) {
      for (const Term& term : group->terms) {
        double total = 0.0;
        for (std::uint64_t c = 0; c < chunks; ++c) total += sums[c * batch.num_terms + t];
        // The string's value is (-i)^m sum of signed products, m being the number of Y's.
        const bool negative = (std::popcount(group->x & term.z) & 2) != 0;
        result[term.number] = negative ? -total : total;
        ++t;
      }
    }
  }
}

template void pauli_expectations(StateView<const float>, std::span<const std::uint64_t>,
                                 std::span<const std::uint64_t>, std::span<double>, RunContext);
template void pauli_expectations(StateView<const double>, std::span<const std::uint64_t>,
                                 std::span<const std::uint64_t>, std::span<double>, RunContext);

}  // namespace quasim
