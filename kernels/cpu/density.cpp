// Reduced density matrices.
//
// Row a of a panel holds the amplitudes whose kept qubits have the value a, one column for each
// value of the others. Entry (a, b) is the product of row a with the conjugate of row b, summed
// over panels. Wide matrices are cut into tiles of 128 rows by 128, of which the upper half is
// computed.
#include <array>
#include <memory>

#include "cpu/blocks.hpp"
#include "quasim/memory.hpp"

namespace quasim {
namespace {

constexpr int kTileBits = 7;
constexpr int kColumnBits = 8;          // columns of a panel
constexpr std::uint64_t kPadding = 16;  // columns are a multiple: no vector holds more reals
constexpr std::uint64_t kWantedUnits = 32;

// Where amplitudes are, by row and column.
class Layout {
 public:
  Layout(int num_qubits, std::span<const std::int32_t> qubits) {
    offsets_.resize(std::size_t{1} << qubits.size());
    for (std::size_t k = 0; k < qubits.size(); ++k) {
      kept_ |= bit(qubits[k]);
      for (std::uint64_t a = 0; a < bit(static_cast<int>(k)); ++a) {
        offsets_[a | bit(static_cast<int>(k))] = offsets_[a] | bit(qubits[k]);
      }
    }
    others_ = low_mask(num_qubits) & ~kept_;
  }

  std::uint64_t rows() const { return offsets_.size(); }
  std::uint64_t columns() const { return std::uint64_t{1} << std::popcount(others_); }

  // Copies rows [row, row + rows) of columns [first, first + count), parts apart, `stride` apart.
  template <typename T>
  void gather(const KernelTable<T>& kernels, const T* amplitudes, std::uint64_t row,
              std::uint64_t rows, std::uint64_t first, std::uint64_t count, std::uint64_t stride,
              T* re, T* im) const {
    // Columns that lie side by side in the state.
    const std::uint64_t run = std::min(count, std::uint64_t{1} << std::countr_one(others_));
    Mask index = deposit(first, others_);
    for (std::uint64_t c = 0; c < count; c += run) {
      for (std::uint64_t a = 0; a < rows; ++a) {
        const T* const from = amplitudes + 2 * (index | offsets_[row + a]);
        const std::uint64_t to = a * stride + c;
        if (run == 1) {
          re[to] = from[0];
          im[to] = from[1];
        } else {
          kernels.split_parts(from, run, re + to, im + to);
        }
      }
      index = ((index | kept_) + run) & others_;
    }
  }

 private:
  Mask kept_ = 0;
  Mask others_ = 0;
  std::vector<Mask> offsets_;  // of each row
};

}  // namespace

template <typename T>
void reduced_density_matrix(StateView<const T> state, std::span<const std::int32_t> qubits,
                            std::span<std::complex<double>> result, RunContext context) {
  if (qubits.empty()) {
    result[0] = norm_squared(state, context);
    return;
  }
  const Layout layout(state.num_qubits, qubits);
  const std::uint64_t rows = layout.rows();
  const std::uint64_t tile_rows = std::min(rows, std::uint64_t{1} << kTileBits);
  const std::uint64_t tiles = rows / tile_rows;
  std::vector<std::array<std::uint64_t, 2>> pairs;  // of tiles: ket, bra
  for (std::uint64_t a = 0; a < tiles; ++a) {
    for (std::uint64_t b = a; b < tiles; ++b) pairs.push_back({a, b});
  }
  const std::uint64_t count = std::min(layout.columns(), std::uint64_t{1} << kColumnBits);
  const std::uint64_t stride = std::max(count, kPadding);
  const std::uint64_t panels = layout.columns() / count;
  const std::uint64_t parts =
      std::min(panels, std::bit_floor(std::max<std::uint64_t>(1, kWantedUnits / pairs.size())));
  const std::uint64_t entries = tile_rows * tile_rows;
  std::vector<double> sums(pairs.size() * parts * entries * 2);
  const auto& kernels = reduction_kernels<T>();
  for_each_unit(pairs.size() * parts, state.size(), context, [&](std::uint64_t unit) {
    const auto [ket, bra] = pairs[unit / parts];
    const std::uint64_t part = unit % parts;
    const std::uint64_t size = tile_rows * stride;
    const AlignedBytes memory = allocate_aligned(4 * size * sizeof(T));
    T* const panel = static_cast<T*>(memory.get());
    std::fill_n(panel, 4 * size, T{0});
    GramPanel<T> work;
    work.ket_re = panel;
    work.ket_im = panel + size;
    work.same = ket == bra;
    work.bra_re = work.same ? panel : panel + 2 * size;
    work.bra_im = work.same ? panel + size : panel + 3 * size;
    work.ket_rows = work.bra_rows = tile_rows;
    work.columns = stride;
    work.sums = &sums[unit * entries * 2];
    for (std::uint64_t p = panels / parts * part; p < panels / parts * (part + 1); ++p) {
      if (context.control.stopped()) return;
      layout.gather(kernels, state.amplitudes, ket * tile_rows, tile_rows, p * count, count, stride,
                    panel, panel + size);
      if (!work.same) {
        layout.gather(kernels, state.amplitudes, bra * tile_rows, tile_rows, p * count, count,
                      stride, panel + 2 * size, panel + 3 * size);
      }
      kernels.gram(work);
    }
  });
  for (std::uint64_t pair = 0; pair < pairs.size(); ++pair) {
    const auto [ket, bra] = pairs[pair];
    for (std::uint64_t e = 0; e < entries; ++e) {
      const std::uint64_t a = ket * tile_rows + e / tile_rows;
      const std::uint64_t b = bra * tile_rows + e % tile_rows;
      if (a > b) continue;
      double re = 0.0;
      double im = 0.0;
      for (std::uint64_t part = 0; part < parts; ++part) {
        const double* const sum = &sums[((pair * parts + part) * entries + e) * 2];
        re += sum[0];
        im += sum[1];
      }
      result[a * rows + b] = {re, a == b ? 0.0 : im};
      result[b * rows + a] = {re, a == b ? 0.0 : -im};
    }
  }
}

template void reduced_density_matrix(StateView<const float>, std::span<const std::int32_t>,
                                     std::span<std::complex<double>>, RunContext);
template void reduced_density_matrix(StateView<const double>, std::span<const std::int32_t>,
                                     std::span<std::complex<double>>, RunContext);

}  // namespace quasim
