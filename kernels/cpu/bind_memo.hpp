// Numbers of tile operations at parameters that came before.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "cpu/compiled.hpp"

namespace quasim {

// Members of a batch often differ in a few parameters, or in the signs of some: then most of their
// operations have had the same numbers before. Belongs to one thread and one plan.
template <typename T>
class BindMemo {
 public:
  // The numbers of operation `op` of stage `stage`, a block or a layer; made by `make` if its
  // parameters and the scale it takes over are new. Valid until the operation is asked for again.
  template <typename Make>
  const TileValues<T>* get(std::size_t stage, std::size_t op, const TileOp& which, double scale,
                           std::span<const double> parameters, const Make& make) {
    if (stages_.size() <= stage) stages_.resize(stage + 1);
    if (stages_[stage].size() <= op) stages_[stage].resize(op + 1);
    Known& known = stages_[stage][op];
    key_.assign(1, scale);
    for (const auto p : which.parameters) key_.push_back(parameters[static_cast<std::size_t>(p)]);
    const std::size_t size = key_.size();
    for (std::size_t at = 0; at < known.values.size(); ++at) {
      // Bit for bit, as 0.0 and -0.0 have different signs.
      if (std::memcmp(known.keys.data() + at * size, key_.data(), size * sizeof(double)) == 0) {
        return known.values[at].get();
      }
    }
    const std::size_t at = known.next++ % kMost;
    if (at == known.values.size()) {
      known.values.emplace_back();
      known.keys.resize(known.keys.size() + size);
    }
    std::ranges::copy(key_, known.keys.begin() + static_cast<std::ptrdiff_t>(at * size));
    known.values[at] = std::make_unique<TileValues<T>>(make());
    return known.values[at].get();
  }

 private:
  static constexpr std::size_t kMost = 16;  // numbers kept of an operation; the oldest give way

  struct Known {
    std::vector<double> keys;
    std::vector<std::unique_ptr<TileValues<T>>> values;
    std::size_t next = 0;
  };

  std::vector<std::vector<Known>> stages_;
  std::vector<double> key_;
};

}  // namespace quasim
