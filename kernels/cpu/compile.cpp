// Resolves a plan for one instruction set: tile positions, kernels, offsets and cycles.
#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "cpu/compiled.hpp"
#include "quasim/footprint.hpp"

namespace quasim {
namespace {

// Stages with more local qubits run on the whole state: their tile would not fit a cache anyway.
constexpr int kMaxTileQubits = 16;
// Widest matrix held in registers.
constexpr std::size_t kMaxDense = 3;

template <typename T>
class StageCompiler {
 public:
  StageCompiler(const NativePlan& plan, const KernelTable<T>& kernels, std::size_t stage, Form form,
                Control* control)
      : program_(plan.program()), plan_(plan.plan()), kernels_(kernels), control_(control) {
    const int n = program_.num_qubits;
    const auto first = static_cast<std::size_t>(plan_.stage_start[stage]);
    const auto last = static_cast<std::size_t>(plan_.stage_start[stage + 1]);
    for (auto k = static_cast<std::size_t>(plan_.stage_qubit_start[stage]);
         k < static_cast<std::size_t>(plan_.stage_qubit_start[stage + 1]); ++k) {
      local_ |= bit(plan_.stage_qubits[k]);
    }
    if (std::popcount(local_) > std::min(kMaxTileQubits, n - 1)) local_ = low_mask(n);
    result_.tiled = form == Form::kTiles && std::popcount(local_) <= kMaxTileQubits;
    // Nothing to gain for one operation. States smaller than a vector need a tile's padding.
    if (last - first == 1 && n >= kernels_.lane_bits) {
      result_.tiled = false;
      if (form == Form::kTiles) local_ = low_mask(n);
    }
    position_.fill(kOutside);
    int next = 0;
    for_each_bit(local_, [&](int q) { position_[static_cast<std::size_t>(q)] = next++; });

    result_.tile_qubits = std::popcount(local_);
    result_.padded_qubits = std::max(result_.tile_qubits, kernels_.lane_bits);
    result_.outer_qubits = low_mask(n) & ~local_;
    result_.run_qubits = std::countr_one(local_);
    result_.in_place =
        result_.run_qubits >= result_.tile_qubits && result_.padded_qubits == result_.tile_qubits;
    const Mask jumps = local_ & ~low_mask(result_.run_qubits);
    const std::uint64_t runs = std::uint64_t{1} << std::popcount(jumps);
    result_.run_offsets.resize(runs);
    for (std::uint64_t r = 0; r < runs; ++r) result_.run_offsets[r] = deposit(r, jumps);

    for (std::size_t op = first; op < last; ++op) {
      const auto begin = static_cast<std::size_t>(plan_.op_member_start[op]);
      const auto end = static_cast<std::size_t>(plan_.op_member_start[op + 1]);
      for (std::size_t k = begin; k < end; ++k) {
        const auto member = static_cast<std::size_t>(plan_.op_members[k]);
        result_.mixing |= footprint_of(program_, member).mixing();
      }
    }
    if (result_.tiled) {
      compile_tile(first, last);
      return;
    }
    result_.ops.reserve(last - first);
    for (std::size_t op = first; op < last; ++op) compile_operation(op);
  }

  CompiledStage<T> take() { return std::move(result_); }

 private:
  int position(int q) const { return position_[static_cast<std::size_t>(q)]; }
  int lane_bits() const { return kernels_.lane_bits; }
  std::size_t reals() const { return std::size_t{2} << lane_bits(); }

  // Takes the operations apart; compiles those that stay whole.
  void compile_tile(std::size_t first, std::size_t last) {
    TileShape shape;
    shape.position = position_;
    shape.qubits = result_.padded_qubits;
    shape.lane_bits = lane_bits();
    shape.words_a_lane = 2 * sizeof(T) / 4;
    for (std::size_t op = first; op < last; ++op) check_operation(op);
    result_.tile =
        schedule(program_, take_apart(program_, plan_, first, last, shape), shape, control_);
    std::erase_if(result_.tile.ops, [&](TileOp& op) {
      if (op.kind != TileOpKind::kKernel) return false;
      const std::size_t before = result_.ops.size();
      compile_operation(first + static_cast<std::size_t>(op.operation));
      op.operation = static_cast<int>(before);
      return result_.ops.size() == before;  // the identity
    });
    result_.only_kernels = result_.ops.size() == result_.tile.ops.size();
    ItemNumbers numbers(program_, result_.tile, {});
    result_.values.reserve(result_.tile.ops.size());
    for (const TileOp& op : result_.tile.ops) {
      const bool has_numbers = op.kind == TileOpKind::kBlock || op.kind == TileOpKind::kLayer;
      result_.values.push_back(
          has_numbers && op.constant
              ? bind_tile_op<T>(numbers, op, deferred_scale(result_.values, op))
              : TileValues<T>{});
    }
  }

  void check_operation(std::size_t op) const {
    const auto first = static_cast<std::size_t>(plan_.op_member_start[op]);
    const auto last = static_cast<std::size_t>(plan_.op_member_start[op + 1]);
    Footprint footprint;
    for (std::size_t k = first; k < last; ++k) {
      const auto member = static_cast<std::size_t>(plan_.op_members[k]);
      footprint = unite(footprint, footprint_of(program_, member));
    }
    if ((footprint.mixing() & ~local_) != 0) {
      throw std::invalid_argument("Malformed plan: a mixing qubit lies outside its stage.");
    }
    if (static_cast<OpKind>(plan_.op_kind[op]) == OpKind::kSingle && last - first > 1) {
      throw std::invalid_argument("Malformed plan: a single operation has several members.");
    }
  }

  void compile_operation(std::size_t op) {
    const auto first = static_cast<std::size_t>(plan_.op_member_start[op]);
    const auto last = static_cast<std::size_t>(plan_.op_member_start[op + 1]);
    if (first == last) return;
    check_operation(op);
    const std::span<const std::int32_t> members(plan_.op_members.data() + first, last - first);
    Footprint footprint;
    for (const auto i : members) {
      footprint = unite(footprint, footprint_of(program_, static_cast<std::size_t>(i)));
    }
    const auto kind = static_cast<OpKind>(plan_.op_kind[op]);
    CompiledOp<T> out;
    out.constant = std::ranges::none_of(
        members, [&](auto i) { return program_.is_parametric(static_cast<std::size_t>(i)); });
    bool acts = true;
    if (kind == OpKind::kSingle) {
      acts = single(out, static_cast<std::size_t>(members.front()), footprint);
    } else {
      number_qubits(out, footprint.all());
      for (const auto i : members) {
        out.members.push_back(localize(program_, static_cast<std::size_t>(i), index_bit_));
      }
      if (footprint.mixing() == 0) {
        diagonal(out);
      } else {
        matrix(out);
      }
    }
    if (acts) result_.ops.push_back(std::move(out));
  }

  // Numbers the bits of the matrix index: qubits of the tile by position, then the others.
  void number_qubits(CompiledOp<T>& out, Mask qubits) {
    index_bit_.fill(0);
    int next = 0;
    for_each_bit(qubits & local_, [&](int q) {
      index_bit_[static_cast<std::size_t>(q)] = next++;
      out.inner.push_back(position(q));
    });
    out.outer_select = qubits & ~local_;
    for_each_bit(out.outer_select,
                 [&](int q) { index_bit_[static_cast<std::size_t>(q)] = next++; });
    out.width = next;
  }

  bool single(CompiledOp<T>& out, std::size_t i, const Footprint& footprint) {
    const Mask controls = program_.control_mask[i];
    const Mask values = program_.control_value[i];
    Mask targets = 0;
    for (const auto q : program_.targets_of(i)) targets |= bit(q);
    switch (program_.kind_of(i)) {
      case PrimitiveKind::kRotation:
        pauli(out, i);
        return true;
      case PrimitiveKind::kPermutation:
        return permutation(out, i);
      case PrimitiveKind::kMatrix:
      case PrimitiveKind::kDiagonal:
      case PrimitiveKind::kPhase:
        number_qubits(out, targets);
        for_each_bit(controls, [&](int q) { index_bit_[static_cast<std::size_t>(q)] = 0; });
        out.members.push_back(localize(program_, i, index_bit_));
        out.members.front().control_mask = out.members.front().control_value = 0;
        split_controls(out, controls, values);
        if (footprint.mixing() == 0) {
          diagonal(out);
        } else {
          matrix(out);
        }
        return true;
    }
    return false;
  }

  // Sorts the controls: outside the tile, between vectors, inside a vector.
  void split_controls(CompiledOp<T>& out, Mask controls, Mask values) {
    out.outer_control_mask = controls & ~local_;
    out.outer_control_value = values & ~local_;
    for_each_bit(controls & local_, [&](int q) {
      const int p = position(q);
      const Mask value = (values >> q) & 1;
      out.tile_control_mask |= bit(p);
      out.tile_control_value |= value << p;
      if (p < lane_bits()) {
        out.lane_control_mask |= 1u << p;
        out.lane_control_value |= static_cast<std::uint32_t>(value) << p;
      } else {
        out.sweep.fixed |= bit(p - lane_bits());
        out.sweep.value |= value << (p - lane_bits());
      }
    });
  }

  // Controls of kernels that work on single amplitudes: lanes become ordinary index bits.
  void amplitude_controls(CompiledOp<T>& out) {
    out.sweep.fixed = out.sweep.fixed << lane_bits() | out.lane_control_mask;
    out.sweep.value = out.sweep.value << lane_bits() | out.lane_control_value;
  }

  void set_groups(CompiledOp<T>& out, int unit_bits) {
    out.groups =
        std::uint64_t{1} << (result_.padded_qubits - unit_bits - std::popcount(out.sweep.fixed));
  }

  void set_offsets(CompiledOp<T>& out, std::size_t skip, int unit_bits) {
    const std::size_t count = out.inner.size() - skip;
    out.offsets.assign(std::size_t{1} << count, 0);
    for (std::size_t k = 0; k < count; ++k) {
      const Mask step = bit(out.inner[skip + k] - unit_bits);
      out.sweep.fixed |= step;
      for (std::size_t row = 0; row < out.offsets.size(); ++row) {
        if ((row >> k) & 1) out.offsets[row] |= step;
      }
    }
  }

  std::size_t low_count(const CompiledOp<T>& out) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(out.inner, [&](int p) { return p < lane_bits(); }));
  }

  void matrix(CompiledOp<T>& out) {
    if (out.inner.size() > kMaxDense) {
      wide(out);
      return;
    }
    out.recipe = Recipe::kDense;
    const std::size_t low = low_count(out);
    std::uint32_t lanes = 0;
    for (std::size_t k = 0; k < low; ++k) lanes |= 1u << out.inner[k];
    const auto& functions = kernels_.dense[out.inner.size() - 1][lanes];
    out.function = functions[0];
    out.real_function = functions[1];
    set_offsets(out, low, lane_bits());
    set_groups(out, lane_bits());
    out.coef_size = 2 * reals() * out.offsets.size() * out.offsets.size() << low;
  }

  void wide(CompiledOp<T>& out) {
    out.recipe = Recipe::kWide;
    out.function = kernels_.wide;
    amplitude_controls(out);
    set_offsets(out, 0, 0);
    set_groups(out, 0);
    out.sweep.rows = out.offsets.size();
    out.coef_size = 2 * out.offsets.size() * out.offsets.size();
  }

  void diagonal(CompiledOp<T>& out) {
    out.recipe = Recipe::kDiagonal;
    out.function = kernels_.diagonal;
    const std::size_t low = low_count(out);
    for (std::size_t k = low; k < out.inner.size(); ++k) {
      out.sweep.select |= bit(out.inner[k] - lane_bits());
    }
    set_groups(out, lane_bits());
    out.coef_size = reals() << (out.inner.size() - low);
  }

  void pauli(CompiledOp<T>& out, std::size_t i) {
    split_controls(out, program_.control_mask[i], program_.control_value[i]);
    Member member;
    member.kind = PrimitiveKind::kRotation;
    member.primitive = static_cast<std::int32_t>(i);
    member.x_mask = program_.x_mask[i];
    member.z_mask = program_.z_mask[i];
    Mask flip = 0;
    Mask sign = 0;
    for_each_bit(member.x_mask, [&](int q) { flip |= bit(position(q)); });
    for_each_bit(member.z_mask & local_, [&](int q) { sign |= bit(position(q)); });
    out.tile_flip = flip;
    out.tile_parity = sign;
    out.outer_parity = member.z_mask & ~local_;
    out.lane_parity = sign & low_mask(lane_bits());
    out.sweep.select = sign >> lane_bits();
    out.sweep.flip = flip >> lane_bits();
    if (flip == 0) {
      out.recipe = Recipe::kParityPhase;
      out.function = kernels_.parity_phase;
      out.coef_size = 2 * reals();
    } else {
      out.recipe = Recipe::kRotation;
      const bool imaginary = std::popcount(member.x_mask & member.z_mask) % 2 == 0;
      out.function = kernels_.rotation[flip & low_mask(lane_bits())][imaginary];
      out.coef_size = 3 * reals();
      // Each pair is visited once, from its member with a zero at the highest flipped bit.
      if (out.sweep.flip != 0) out.sweep.fixed |= std::bit_floor(out.sweep.flip);
    }
    out.members.push_back(std::move(member));
    set_groups(out, lane_bits());
  }

  // A permutation with its controls taken out of the table.
  struct Reduced {
    std::vector<std::int32_t> targets;
    std::vector<std::int64_t> table;
    Mask controls = 0;
    Mask values = 0;
  };

  Reduced reduce(std::size_t i) const {
    Reduced r;
    const auto targets = program_.targets_of(i);
    const auto table = program_.table_of(i);
    r.targets.assign(targets.begin(), targets.end());
    r.table.assign(table.begin(), table.end());
    r.controls = program_.control_mask[i];
    r.values = program_.control_value[i];
    for (std::size_t k = 0; k < r.targets.size();) {
      // A target that only decides whether anything happens is a control.
      bool kept = true;
      bool identity[2] = {true, true};
      for (std::size_t index = 0; index < r.table.size(); ++index) {
        const auto image = static_cast<std::size_t>(r.table[index]);
        if (((index ^ image) >> k) & 1) kept = false;
        if (index != image) identity[(index >> k) & 1] = false;
      }
      if (!kept || !(identity[0] || identity[1])) {
        ++k;
        continue;
      }
      const std::size_t value = identity[0] ? 1 : 0;
      const auto drop = [k](std::size_t index) {
        return (index & low_mask(static_cast<int>(k))) | (index >> (k + 1)) << k;
      };
      std::vector<std::int64_t> smaller(r.table.size() / 2);
      for (std::size_t index = 0; index < r.table.size(); ++index) {
        if (((index >> k) & 1) != value) continue;
        smaller[drop(index)] =
            static_cast<std::int64_t>(drop(static_cast<std::size_t>(r.table[index])));
      }
      r.controls |= bit(r.targets[k]);
      r.values |= Mask{value} << r.targets[k];
      r.targets.erase(r.targets.begin() + static_cast<std::ptrdiff_t>(k));
      r.table = std::move(smaller);
    }
    return r;
  }

  // Returns false for the identity.
  bool permutation(CompiledOp<T>& out, std::size_t i) {
    Reduced reduced = reduce(i);
    if (reduced.targets.empty()) return false;
    Mask qubits = 0;
    for (const auto q : reduced.targets) qubits |= bit(q);
    number_qubits(out, qubits);
    split_controls(out, reduced.controls, reduced.values);
    Member member;
    member.kind = PrimitiveKind::kPermutation;
    member.primitive = static_cast<std::int32_t>(i);
    member.table = std::move(reduced.table);
    set_targets(member, reduced.targets, index_bit_);
    const bool lanes = low_count(out) != 0 || out.lane_control_mask != 0;
    if (lanes && out.inner.size() <= kMaxDense) {
      // Moving lanes is a shuffle; a real matrix with one entry a row does it.
      out.members.push_back(std::move(member));
      matrix(out);
      return true;
    }
    const int unit_bits = lanes ? 0 : lane_bits();
    if (lanes) amplitude_controls(out);
    out.recipe = Recipe::kPermute;
    out.function = lanes ? kernels_.permute_amplitudes : kernels_.permute;
    set_offsets(out, 0, unit_bits);
    set_groups(out, unit_bits);
    set_cycles(out, member);
    return true;
  }

  // Cycles of the table for each value of the qubits outside the tile.
  static void set_cycles(CompiledOp<T>& out, const Member& member) {
    std::vector<std::int64_t> image(member.spread.size());
    for (std::size_t v = 0; v < image.size(); ++v) {
      image[member.spread[v]] = member.spread[static_cast<std::size_t>(member.table[v])];
    }
    const std::size_t rows = std::size_t{1} << out.inner.size();
    std::vector<bool> seen(image.size(), false);
    for (std::size_t base = 0; base < image.size(); base += rows) {
      out.cycle_start.push_back(out.cycles.size());
      for (std::size_t start = base; start < base + rows; ++start) {
        if (seen[start] || image[start] == static_cast<std::int64_t>(start)) continue;
        const std::size_t length_slot = out.cycles.size();
        out.cycles.push_back(0);
        for (std::size_t row = start; !seen[row]; row = static_cast<std::size_t>(image[row])) {
          seen[row] = true;
          out.cycles.push_back(static_cast<std::int64_t>(row & (rows - 1)));
        }
        out.cycles[length_slot] = static_cast<std::int64_t>(out.cycles.size() - length_slot - 1);
      }
      out.cycles.push_back(0);
    }
  }

  const Program& program_;
  const Plan& plan_;
  const KernelTable<T>& kernels_;
  Control* control_;
  Mask local_ = 0;
  std::array<int, 64> position_;
  std::array<int, 64> index_bit_;
  CompiledStage<T> result_;
};

}  // namespace

template <typename T>
std::shared_ptr<const CompiledPlan<T>> compile(const NativePlan& plan,
                                               const KernelTable<T>& kernels, Form form,
                                               Control* control) {
  auto compiled = std::make_shared<CompiledPlan<T>>();
  compiled->kernels = &kernels;
  const std::size_t stages = plan.plan().stage_start.size() - 1;
  compiled->stages.reserve(stages);
  std::size_t constant_size = 0;
  for (std::size_t s = 0; s < stages; ++s) {
    if (control != nullptr) {
      control->poll();
      control->throw_if_cancelled();
    }
    compiled->stages.push_back(StageCompiler<T>(plan, kernels, s, form, control).take());
    for (CompiledOp<T>& op : compiled->stages.back().ops) {
      if (op.recipe == Recipe::kPermute) continue;
      std::size_t& arena = op.constant ? constant_size : compiled->bound_size;
      op.coef_start = arena;
      arena += op.coef_size << std::popcount(op.outer_select);
      if (op.recipe == Recipe::kWide) {
        compiled->scratch_size = std::max<std::size_t>(compiled->scratch_size, 4 * op.sweep.rows);
      }
    }
  }
  compiled->constants = AlignedArray<T>(constant_size);
  for (CompiledStage<T>& stage : compiled->stages) {
    for (CompiledOp<T>& op : stage.ops) {
      if (!op.constant || op.recipe == Recipe::kPermute) continue;
      const bool real = bind(plan.program(), op, {}, kernels.lane_bits,
                             compiled->constants.data() + op.coef_start);
      if (real) op.function = op.real_function;
    }
  }
  return compiled;
}

template std::shared_ptr<const CompiledPlan<float>> compile(const NativePlan&,
                                                            const KernelTable<float>&, Form,
                                                            Control*);
template std::shared_ptr<const CompiledPlan<double>> compile(const NativePlan&,
                                                             const KernelTable<double>&, Form,
                                                             Control*);

}  // namespace quasim
