#include "plan/stages.hpp"

#include <algorithm>

namespace quasim {
namespace {

// Adds the lowest free qubits until `local` holds `count`: longer runs of contiguous amplitudes.
Mask fill_low(Mask local, int count, int num_qubits) {
  for (int q = 0; q < num_qubits && std::popcount(local) < count; ++q) local |= bit(q);
  return local;
}

}  // namespace

std::vector<Stage> cut_into_stages(std::span<const Footprint> operations, int num_qubits,
                                   int tile_qubits, int low_qubits) {
  const int tile = std::min(tile_qubits, num_qubits);
  const Mask low = low_mask(std::min(low_qubits, tile));
  const Mask everything = low_mask(num_qubits);
  std::vector<std::int32_t> waiting(operations.size());
  for (std::size_t i = 0; i < waiting.size(); ++i) waiting[i] = static_cast<std::int32_t>(i);

  std::vector<Stage> stages;
  std::vector<std::int32_t> skipped;
  while (!waiting.empty()) {
    Stage stage;
    stage.local = low;
    const auto first_mixing = operations[static_cast<std::size_t>(waiting.front())].mixing();
    if (std::popcount(low | first_mixing) > tile) {
      // Too wide for any tile: a stage of its own.
      stage.operations.push_back(waiting.front());
      stage.local = low | first_mixing;
      waiting.erase(waiting.begin());
      stages.push_back(std::move(stage));
      continue;
    }
    skipped.clear();
    Footprint passed;  // union of the operations left for later stages
    for (std::size_t w = 0; w < waiting.size(); ++w) {
      const auto& footprint = operations[static_cast<std::size_t>(waiting[w])];
      const Mask grown = stage.local | footprint.mixing();
      if (std::popcount(grown) <= tile && commute(footprint, passed)) {
        stage.local = grown;
        stage.operations.push_back(waiting[w]);
        continue;
      }
      skipped.push_back(waiting[w]);
      passed = unite(passed, footprint);
      if (passed.general == everything) {
        skipped.insert(skipped.end(), waiting.begin() + static_cast<std::ptrdiff_t>(w) + 1,
                       waiting.end());
        break;
      }
    }
    waiting.swap(skipped);
    stage.local = fill_low(stage.local, tile, num_qubits);
    stages.push_back(std::move(stage));
  }
  return stages;
}

}  // namespace quasim
