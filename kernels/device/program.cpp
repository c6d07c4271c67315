#include "device/program.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "device/phases.hpp"
#include "plan/stages.hpp"

namespace quasim::device {
namespace {

using quasim_device::ProgramHeader;

// Steps spent on the choice of register qubits, a phase.
constexpr std::size_t kPhaseSteps = 2000;
// Bytes that shared memory serves at once.
constexpr std::uint32_t kBankBytes = 128;
// Smaller tiles need no care for the order in which memory is read.
constexpr int kTileWorthOrder = 8;
// Instructions an amplitude, counted in machine code for compute capability 9.0: to read and write
// a tile, and to exchange it through shared memory.
constexpr double kPassCost = 9.1;
constexpr double kExchangeCost = 5.5;

class Builder {
 public:
  Builder(const Program& program, const Plan& plan, const Options& options)
      : program_(program), plan_(plan), options_(options) {
    registers_ =
        options.mode == Mode::kRun ? quasim_device::kRegisterBits : quasim_device::kPairBits;
    tile_ = std::min(options.tile_qubits, registers_ + quasim_device::kThreadBits);
  }

  // By the plan's stages, as far as they fit into a tile.
  DeviceProgram by_stages() {
    for (std::size_t s = 0; s + 1 < plan_.stage_start.size(); ++s) {
      const Mask local = local_of(s);
      add(operations(plan_.stage_start[s], plan_.stage_start[s + 1]), &local);
    }
    return pack();
  }

  // In stages of this builder's own, with the exchanges of qubits that end the circuit, if any, in
  // a pass of theirs.
  DeviceProgram anew() {
    std::vector<Item> items = operations(0, static_cast<std::int32_t>(plan_.op_kind.size()));
    const std::vector<Item> swaps = take_last_swaps(items);
    add(std::move(items), nullptr);
    if (!swaps.empty()) add_swaps(swaps);
    return pack();
  }

  // Primitive by primitive.
  DeviceProgram unfused() {
    std::span<const std::int32_t> order(plan_.op_members);
    const auto parametric = [&](std::int32_t i) {
      return program_.is_parametric(static_cast<std::size_t>(i));
    };
    while (options_.prune && !order.empty() && !parametric(order.back())) {
      order = order.first(order.size() - 1);
    }
    add(items_of(program_, order, registers_), nullptr);
    return pack();
  }

  bool stages_fit() const {
    for (std::size_t s = 0; s + 1 < plan_.stage_start.size(); ++s) {
      if (std::popcount(local_of(s)) > tile_) return false;
    }
    return true;
  }

  bool ends_in_swaps() const {
    std::vector<Item> items = operations(0, static_cast<std::int32_t>(plan_.op_kind.size()));
    return program_.num_qubits > tile_ && !take_last_swaps(items).empty();
  }

 private:
  Mask local_of(std::size_t stage) const {
    Mask local = 0;
    for (auto q = plan_.stage_qubit_start[stage]; q < plan_.stage_qubit_start[stage + 1]; ++q) {
      local |= bit(plan_.stage_qubits[static_cast<std::size_t>(q)]);
    }
    return local;
  }

  std::vector<Item> operations(std::int32_t first, std::int32_t last) const {
    return items_of(program_, plan_, static_cast<std::size_t>(first),
                    static_cast<std::size_t>(last), registers_);
  }

  // Takes out of `items` the plain exchanges of two qubits that nothing follows on these.
  std::vector<Item> take_last_swaps(std::vector<Item>& items) const {
    std::vector<Item> swaps;
    std::vector<Item> others;
    Mask touched = 0;
    for (auto item = items.rbegin(); item != items.rend(); ++item) {
      const Mask qubits = item->footprint.all();
      const bool swap = item->kind == ItemKind::kMove && item->differ && item->when.mask == 0;
      if (swap && (qubits & touched) == 0) {
        swaps.push_back(*item);
      } else {
        others.push_back(*item);
      }
      touched |= qubits;
    }
    std::ranges::reverse(others);
    items = std::move(others);
    return swaps;
  }

  void add_swaps(const std::vector<Item>& swaps) {
    std::array<int, 64> partner{};
    for (int q = 0; q < 64; ++q) partner[static_cast<std::size_t>(q)] = q;
    quasim_device::Swaps record{};
    record.first = static_cast<std::int32_t>(records_.bounds.size());
    for (const Item& swap : swaps) {
      const int low = std::countr_zero(swap.x);
      const int high = 63 - std::countl_zero(swap.x);
      partner[static_cast<std::size_t>(low)] = high;
      partner[static_cast<std::size_t>(high)] = low;
      records_.bounds.insert(records_.bounds.end(), {low, high});
    }
    record.last = static_cast<std::int32_t>(records_.bounds.size());
    // The lowest qubits with their partners, as many as fit into half a tile.
    Mask tile = 0;
    for (int q = 0; q < program_.num_qubits; ++q) {
      const Mask more = tile | bit(q) | bit(partner[static_cast<std::size_t>(q)]);
      if (std::popcount(more) < tile_) tile = more;
    }
    record.outside = low_mask(program_.num_qubits) & ~tile;
    const Layout from = layout_of(tile, 0, quasim_device::kPairBits);
    Layout to = from;
    for (auto* qubits : {&to.registers, &to.threads}) {
      for (int& q : *qubits) q = partner[static_cast<std::size_t>(q)];
    }
    record.thread_bits = static_cast<std::int32_t>(from.threads.size());
    record.phase = static_cast<std::int32_t>(records_.phases.size());
    begin_phase(from, from, nullptr);
    begin_phase(to, from, &from);  // amplitudes are written where others were read

    Step step;
    step.kind = StepKind::kSwaps;
    step.number = static_cast<std::int32_t>(swaps_.size());
    step.thread_bits = record.thread_bits;
    step.phases = 2;
    step.outside = record.outside;
    step.fma = kPassCost + kExchangeCost;
    result_.steps.push_back(step);
    swaps_.push_back(record);
  }

  // Begins a phase in which amplitudes lie as in `layout`, at the indices that `at` has them. They
  // come from the layout `previous`, if there is one.
  quasim_device::Phase& begin_phase(const Layout& layout, const Layout& at,
                                    const Layout* previous) {
    quasim_device::Phase phase{};
    const std::uint32_t bytes = kBankBytes >> options_.bank_bits;  // of an amplitude
    const Images image =
        previous == nullptr ? Images{} : images(*previous, layout, options_.bank_bits);
    const auto image_of = [&](int q) { return image[static_cast<std::size_t>(q)] * bytes; };
    const std::size_t registers = layout.registers.size();
    for (std::size_t r = 0; r < registers; ++r) {
      phase.registers[r] = bit(at.registers[r]);
      phase.get[r] = image_of(layout.registers[r]);
      if (previous != nullptr) phase.put[r] = image_of(previous->registers[r]);
    }
    if (registers < quasim_device::kRegisterBits) {
      // The last register bit tells two parts of a tile apart; the second lies behind the first.
      phase.put[registers] = phase.get[registers] = bytes << (registers + layout.threads.size());
    }
    phase.places = static_cast<std::int32_t>(records_.places.size());
    for (std::size_t thread = 0; thread < std::size_t{1} << layout.threads.size(); ++thread) {
      quasim_device::ThreadPlace& place = records_.places.emplace_back();
      for (std::size_t b = 0; b < layout.threads.size(); ++b) {
        if (((thread >> b) & 1) == 0) continue;
        place.index |= bit(at.threads[b]);
        place.get ^= image_of(layout.threads[b]);
        if (previous != nullptr) place.put ^= image_of(previous->threads[b]);
      }
    }
    phase.first = phase.last = static_cast<std::int32_t>(records_.ops.size());
    return records_.phases.emplace_back(phase);
  }

  // Items between wide ones: a stage on `local`, or as many stages as it takes.
  void add(std::vector<Item> items, const Mask* local) {
    std::vector<Item> part;
    const auto finish = [&] {
      if (part.empty()) return;
      if (local != nullptr && std::popcount(*local) <= tile_) {
        add_stage(part, *local);
      } else {
        cut(part);
      }
      part.clear();
    };
    for (Item& item : items) {
      if (item.kind != ItemKind::kWide) {
        part.push_back(std::move(item));
        continue;
      }
      finish();
      Step step;
      step.kind = StepKind::kWide;
      step.number = item.members.front();
      result_.steps.push_back(step);
    }
    finish();
  }

  // Cuts items into stages of this builder's own tiles.
  void cut(const std::vector<Item>& items) {
    PlanOptions options;
    options.tile_qubits = tile_;
    options.low_qubits = std::min(options_.low_qubits, tile_ - 1);
    for (const quasim::Stage& stage :
         cut_into_stages(footprints(items), program_.num_qubits, options)) {
      std::vector<Item> part;
      for (const auto i : stage.operations) part.push_back(items[static_cast<std::size_t>(i)]);
      add_stage(part, stage.local);
    }
  }

  static std::vector<Footprint> footprints(const std::vector<Item>& items) {
    std::vector<Footprint> result;
    result.reserve(items.size());
    for (const Item& item : items) result.push_back(item.footprint);
    return result;
  }

  void add_stage(const std::vector<Item>& items, Mask local) {
    Mask tile = local;
    for (int q = program_.num_qubits; std::popcount(tile) < registers_; ++q) tile |= bit(q);
    quasim_device::Stage stage{};
    stage.outside = low_mask(program_.num_qubits) & ~tile;
    stage.thread_bits = std::popcount(tile) - registers_;
    stage.padded = (tile >> program_.num_qubits) != 0;
    stage.first = static_cast<std::int32_t>(records_.phases.size());

    PlanOptions options;
    options.tile_qubits = registers_;
    options.low_qubits = 0;
    const auto cuts = cut_into_stages(footprints(items), program_.num_qubits, options, kPhaseSteps);
    const Mask low = std::popcount(tile) >= kTileWorthOrder ? low_mask(options_.low_qubits) : 0;
    double cost = kPassCost;
    Layout previous;
    Left left;
    const auto begin = [&](Mask wanted) {
      const bool first = static_cast<std::int32_t>(records_.phases.size()) == stage.first;
      const Layout layout = layout_of(tile, wanted, registers_);
      begin_phase(layout, layout, first ? nullptr : &previous);
      if (!first) cost += kExchangeCost;
      previous = layout;
    };
    for (std::size_t c = 0; c < cuts.size(); ++c) {
      Mask wanted = 0;
      for (const auto i : cuts[c].operations) {
        wanted |= items[static_cast<std::size_t>(i)].footprint.mixing();
      }
      // Warps read and write runs if the lowest qubits are no register qubits then.
      if (c == 0 && (wanted & low) != 0) begin(0);
      begin(wanted);
      PhaseWriter writer(program_, options_.mode, previous, records_, left);
      for (const auto i : cuts[c].operations) writer.add(items[static_cast<std::size_t>(i)]);
      cost += writer.finish(c + 1 == cuts.size());
      records_.phases.back().last = static_cast<std::int32_t>(records_.ops.size());
      if (c + 1 == cuts.size() && (wanted & low) != 0) begin(0);
    }
    if (cuts.empty()) return;
    stage.last = static_cast<std::int32_t>(records_.phases.size());

    Step step;
    step.number = static_cast<std::int32_t>(stages_.size());
    step.thread_bits = stage.thread_bits;
    step.phases = stage.last - stage.first;
    step.outside = stage.outside;
    step.fma = cost;
    result_.steps.push_back(step);
    stages_.push_back(stage);
  }

  // --- packing -------------------------------------------------------------------------------

  template <typename Record>
  std::int64_t append(std::span<const Record> records) {
    auto& bytes = result_.bytes;
    bytes.resize((bytes.size() + 15) / 16 * 16);
    const std::size_t place = bytes.size();
    bytes.resize(place + records.size_bytes());
    if (!records.empty()) std::memcpy(bytes.data() + place, records.data(), records.size_bytes());
    return static_cast<std::int64_t>(place);
  }
  template <typename Record>
  std::int64_t append(const std::vector<Record>& records) {
    return append(std::span<const Record>(records));
  }

  DeviceProgram pack() {
    std::vector<quasim_device::Angle> angles(program_.size());
    std::vector<quasim_device::Weight> weights(program_.term_parameter.size());
    for (std::size_t i = 0; i < angles.size(); ++i) {
      angles[i] = {program_.angle_offset[i], program_.term_start[i], program_.term_start[i + 1]};
    }
    for (std::size_t t = 0; t < weights.size(); ++t) {
      weights[t] = {program_.term_weight[t], program_.term_parameter[t]};
    }
    ProgramHeader header{};
    result_.bytes.resize(sizeof(header));
    header.num_qubits = program_.num_qubits;
    header.stages = append(stages_);
    header.phases = append(records_.phases);
    header.places = append(records_.places);
    header.swaps = append(swaps_);
    header.ops = append(records_.ops);
    header.terms = append(records_.terms);
    header.bounds = append(records_.bounds);
    header.recipes = append(records_.recipes);
    header.num_recipes = static_cast<std::int64_t>(records_.recipes.size());
    header.turn_recipes = append(records_.turns);
    header.num_turns = static_cast<std::int64_t>(records_.turns.size());
    header.factors = append(records_.factors);
    header.angles = append(angles);
    header.weights = append(weights);
    header.data = append(program_.data);
    header.tables = append(program_.table);
    std::memcpy(result_.bytes.data(), &header, sizeof(header));
    result_.slots = std::move(records_.slots);
    result_.numbers = records_.numbers;
    result_.turns = header.num_turns;
    return std::move(result_);
  }

  const Program& program_;
  const Plan& plan_;
  const Options& options_;
  int registers_;
  int tile_;
  Records records_;
  std::vector<quasim_device::Stage> stages_;
  std::vector<quasim_device::Swaps> swaps_;
  DeviceProgram result_;
};

}  // namespace

DeviceProgram make_program(const Program& program, const Plan& plan, const Options& options) {
  const auto builder = [&] { return Builder(program, plan, options); };
  if (options.mode != Mode::kRun) return builder().unfused();
  const bool fits = builder().stages_fit();
  if (fits && !builder().ends_in_swaps()) return builder().by_stages();
  DeviceProgram fresh = builder().anew();
  if (!fits) return fresh;
  DeviceProgram planned = builder().by_stages();
  return fresh.steps.size() < planned.steps.size() ? std::move(fresh) : std::move(planned);
}

}  // namespace quasim::device
