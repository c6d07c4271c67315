#include "device/program.hpp"

#include <algorithm>
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
// Smaller tiles need no care for the order in which memory is read.
constexpr int kTileWorthOrder = 8;
// Predicted instructions an amplitude of an exchange through shared memory.
constexpr double kExchangeCost = 4.0;

class Builder {
 public:
  Builder(const Program& program, const Plan& plan, const Options& options)
      : program_(program), plan_(plan), options_(options) {
    registers_ =
        options.mode == Mode::kRun ? quasim_device::kRegisterBits : quasim_device::kPairBits;
    tile_ = std::min(options.tile_qubits, registers_ + quasim_device::kThreadBits);
  }

  DeviceProgram build() {
    if (options_.mode != Mode::kRun) {
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
    for (std::size_t s = 0; s + 1 < plan_.stage_start.size(); ++s) {
      Mask local = 0;
      for (auto q = plan_.stage_qubit_start[s]; q < plan_.stage_qubit_start[s + 1]; ++q) {
        local |= bit(plan_.stage_qubits[static_cast<std::size_t>(q)]);
      }
      add(items_of(program_, plan_, static_cast<std::size_t>(plan_.stage_start[s]),
                   static_cast<std::size_t>(plan_.stage_start[s + 1]), registers_),
          std::popcount(local) <= tile_ ? &local : nullptr);
    }
    return pack();
  }

 private:
  // Items between wide ones: a stage on `local`, or as many stages as it takes.
  void add(std::vector<Item> items, const Mask* local) {
    std::vector<Item> part;
    const auto finish = [&] {
      if (part.empty()) return;
      if (local != nullptr) {
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
      step.wide = true;
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
    stage.first = static_cast<std::int32_t>(records_.phases.size());

    PlanOptions options;
    options.tile_qubits = registers_;
    options.low_qubits = 0;
    const auto cuts = cut_into_stages(footprints(items), program_.num_qubits, options, kPhaseSteps);
    const Mask low = std::popcount(tile) >= kTileWorthOrder ? low_mask(options_.low_qubits) : 0;
    double cost = 0.0;
    Layout previous;
    const auto begin_phase = [&](Mask wanted) {
      Layout layout = layout_of(tile, wanted, registers_);
      const bool first = static_cast<std::int32_t>(records_.phases.size()) == stage.first;
      quasim_device::Phase& phase = records_.phases.emplace_back();
      for (std::size_t r = 0; r < layout.registers.size(); ++r) {
        phase.registers[r] = bit(layout.registers[r]);
      }
      for (std::size_t b = 0; b < layout.threads.size(); ++b) {
        phase.threads[b] = bit(layout.threads[b]);
      }
      if (!first) {
        connect(previous, layout, options_.bank_bits, phase);
        if (registers_ < quasim_device::kRegisterBits) {
          // The second state lies behind the first.
          phase.put_registers[registers_] = phase.get_registers[registers_] =
              static_cast<std::uint16_t>(1u << std::popcount(tile));
        }
        cost += kExchangeCost;
      }
      phase.first = phase.last = static_cast<std::int32_t>(records_.ops.size());
      previous = std::move(layout);
    };
    for (std::size_t c = 0; c < cuts.size(); ++c) {
      Mask wanted = 0;
      for (const auto i : cuts[c].operations) {
        wanted |= items[static_cast<std::size_t>(i)].footprint.mixing();
      }
      // Warps read and write runs if the lowest qubits are no register qubits then.
      if (c == 0 && (wanted & low) != 0) begin_phase(0);
      begin_phase(wanted);
      PhaseWriter writer(program_, options_.mode, previous, records_);
      for (const auto i : cuts[c].operations) writer.add(items[static_cast<std::size_t>(i)]);
      cost += writer.finish();
      records_.phases.back().last = static_cast<std::int32_t>(records_.ops.size());
      if (c + 1 == cuts.size() && (wanted & low) != 0) begin_phase(0);
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
  DeviceProgram result_;
};

}  // namespace

DeviceProgram make_program(const Program& program, const Plan& plan, const Options& options) {
  return Builder(program, plan, options).build();
}

}  // namespace quasim::device
