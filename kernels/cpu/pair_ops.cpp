#include "cpu/pair_ops.hpp"

#include <algorithm>
#include <cmath>

#include "cpu/tile_moves.hpp"

namespace quasim {
namespace {

// Rotations are applied without their cosine while the states keep this much of their range.
constexpr double kSmallestCosine = 0x1p-8;
constexpr double kSmallestScale = 0x1p-24;

// Qubits between vectors of a block.
constexpr int kMostInBlock = 3;

bool only_moves(const PairPhase& phase) {
  const Program& program = phase.plan->program();
  AffineMove ignored;
  for (std::size_t i = 0; i < program.size(); ++i) {
    if (!as_affine(program, i, ignored)) return false;
  }
  return true;
}

bool controlled_in(const Member& member, std::size_t index) {
  return (index & member.control_mask) == member.control_value;
}

}  // namespace

template <typename T>
PairOps<T>::PairOps(const PairStage& stage, const KernelTable<T>& kernels,
                    std::span<const double> parameters)
    : stage_(stage), kernels_(kernels) {
  prepare(parameters, true);
  weigh(parameters);
}

template <typename T>
PairOps<T>::PairOps(const PairStage& stage, const KernelTable<T>& kernels,
                    std::span<const double> parameters, std::span<const double> tangent)
    : stage_(stage), kernels_(kernels) {
  prepare(parameters, false);
  for (Phase& phase : phases_) this->tangent(phase, parameters, tangent);
}

template <typename T>
void PairOps<T>::prepare(std::span<const double> parameters, bool layers) {
  phases_.reserve(stage_.phases.size());
  for (const PairPhase& given : stage_.phases) {
    Phase& phase = phases_.emplace_back();
    phase.phase = &given;
    phase.kind = given.kind;
    if (given.kind == PairKind::kLayer && !layers) phase.kind = PairKind::kOperations;
    if (phase.kind == PairKind::kConstant && only_moves(given)) {
      phase.move = std::make_unique<TileOp>(
          move_of(given.plan->program(), given.plan->plan().op_members, shape()));
      continue;
    }
    const bool operations = phase.kind == PairKind::kOperations;
    phase.plan =
        given.plan->template compiled<T>(kernels_, operations ? Form::kOperations : Form::kTiles);
    phase.bound = std::make_unique<Bound<T>>(given.plan->program(), *phase.plan, parameters);
    if (phase.kind == PairKind::kLayer) {
      phase.layer = std::make_unique<PairLayer<T>>(given, phase.tiles(), kernels_,
                                                   phase.bound->values.front());
    }
    if (operations) prepare_ops(phase);
  }
}

// A tile, all positions of which are numbered as its qubits are.
template <typename T>
TileShape PairOps<T>::shape() const {
  TileShape shape;
  shape.position.fill(kNoPosition);
  shape.qubits = static_cast<int>(stage_.order.size());
  for (int p = 0; p < shape.qubits; ++p) shape.position[static_cast<std::size_t>(p)] = p;
  shape.lane_bits = kernels_.lane_bits;
  shape.words_a_lane = 2 * sizeof(T) / 4;
  return shape;
}

template <typename T>
void PairOps<T>::prepare_ops(Phase& phase) {
  std::size_t number = 0;
  for (const auto& level : phase.plan->stages) {
    for (const auto& op : level.ops) {
      PairOp<T>& out = phase.ops.emplace_back();
      out.op = &op;
      out.single = phase.bound->functions[number++];
      out.coefs = phase.bound->coefs_of(op);
      out.coef_size = op.coef_size;
      out.parametric = !op.constant;
      if (is_exchange(op)) out.function = kernels_.exchange_pair;
      if (out.parametric) {
        const auto first = static_cast<std::size_t>(op.members.front().primitive);
        out.applied = !phase.phase->measure_only[first];
        if (!is_turn(op) && !is_scale(op)) out.generator.emplace(op, level, kernels_);
      }
    }
  }
}

// Chooses what is left to the weights of sums, and numbers the sums.
template <typename T>
void PairOps<T>::weigh(std::span<const double> parameters) {
  // Rotations that act on all tiles: the last ones bring the states back to scale.
  const auto uniform = [&](const PairOp<T>& op) {
    return op.applied && is_turn(*op.op) && op.op->outer_control_mask == 0;
  };
  std::vector<std::vector<Turns>> blocks;
  const PairOp<T>* last = nullptr;
  for (const Phase& phase : phases_) {
    blocks.push_back(blocks_of(phase));
    for (const Turns& turns : blocks.back()) {
      if (uniform(phase.ops[turns.front()])) last = &phase.ops[turns.front()];
    }
  }
  double scale = 1.0;  // the true states are this times the stored ones
  for (std::size_t p = 0; p < phases_.size(); ++p) {
    Phase& phase = phases_[p];
    if (phase.layer) {
      phase.weight = scale * scale;
      phase.sum_start = num_sums_;
      num_sums_ += phase.layer->num_sums();
    }
    for (const Turns& turns : blocks[p]) {
      std::vector<double> cosines;
      double product = 1.0;
      bool small = false;
      for (const std::size_t i : turns) {
        PairOp<T>& op = phase.ops[i];
        op.weight = scale * scale;
        op.sum_size = !op.parametric ? 0 : is_scale(*op.op) ? op.coef_size : 1;
        op.sum_start = num_sums_;
        num_sums_ += op.sum_size << std::popcount(op.op->outer_select);
        if (!is_turn(*op.op)) continue;
        cosines.push_back(std::cos(angle(phase, op, parameters) / 2));
        product *= cosines.back();
        small |= std::abs(cosines.back()) < kSmallestCosine;
      }
      PairOp<T>& lead = phase.ops[turns.front()];
      if (is_scale(*lead.op)) lead.function = kernels_.scale_pair[lead.applied ? kUndo : kMeasure];
      if (cosines.empty()) continue;
      PairMode mode = kUndo;
      double taken = 1.0;  // of the scale, by this sweep
      if (!lead.applied) {
        mode = kMeasure;
      } else if (uniform(lead)) {
        const bool range = std::abs(scale * product) >= kSmallestScale;
        if (&lead != last && !small && range) {
          mode = kUndoScaled;
          scale *= product;
        } else {
          std::swap(taken, scale);
        }
      }
      if (turns.size() > 1) {
        make_block(phase, turns, taken, mode, parameters);
        continue;
      }
      const double half = angle(phase, lead, parameters) / 2;
      if (mode == kUndoScaled) {
        make_turn(lead, 1.0, std::tan(half), mode);
      } else {
        make_turn(lead, taken * std::cos(half), taken * std::sin(half), mode);
      }
    }
  }
}

template <typename T>
void PairOps<T>::tangent(Phase& phase, std::span<const double> parameters,
                         std::span<const double> tangent) {
  for (PairOp<T>& op : phase.ops) {
    const auto& members = op.op->members;
    if (is_turn(*op.op)) {
      const double half = angle(phase, op, parameters) / 2;
      make_turn(op, std::cos(half), std::sin(half), kTangent);
      T* const rates = new_array(reals());
      std::fill_n(rates, reals(), static_cast<T>(rate(phase, members.front(), tangent) / 2));
      op.rates = rates;
    } else if (is_scale(*op.op)) {
      op.function = kernels_.scale_pair[kTangent];
      op.rate_size = op.coef_size;
      const std::size_t choices = std::size_t{1} << std::popcount(op.op->outer_select);
      const std::size_t inner = op.op->inner.size();
      std::vector<double> entries(std::size_t{1} << op.op->width, 0.0);
      for (const Member& member : members) {
        const double speed = rate(phase, member, tangent);
        if (speed == 0.0) continue;
        for (std::size_t r = 0; r < entries.size(); ++r) {
          if (!controlled_in(member, r)) continue;
          const double half = parity(r & member.z_mask) ? speed / 2 : -speed / 2;
          entries[r] += member.kind == PrimitiveKind::kPhase ? speed : half;
        }
      }
      T* const rates = new_array(choices * op.rate_size);
      T* out = rates;
      for (std::size_t choice = 0; choice < choices; ++choice) {
        for (std::size_t row = 0; row < op.rate_size / reals(); ++row, out += reals()) {
          for (std::uint32_t lane = 0; lane < reals() / 2; ++lane) {
            const double value = entries[choice << inner | entry(*op.op, row, lane)];
            out[2 * lane] = out[2 * lane + 1] = static_cast<T>(value);
          }
        }
      }
      op.rates = rates;
    } else if (op.parametric) {
      const double speed = rate(phase, members.front(), tangent);
      op.rate = members.front().kind == PrimitiveKind::kPhase ? -speed : speed / 2;
    }
  }
}

template <typename T>
bool PairOps<T>::is_turn(const CompiledOp<T>& op) const {
  return (op.recipe == Recipe::kRotation || op.recipe == Recipe::kParityPhase) &&
         op.tile_control_mask == 0;
}

template <typename T>
bool PairOps<T>::is_scale(const CompiledOp<T>& op) const {
  return op.recipe == Recipe::kDiagonal && op.tile_control_mask == 0;
}

template <typename T>
bool PairOps<T>::is_exchange(const CompiledOp<T>& op) const {
  return op.recipe == Recipe::kPermute && op.function == kernels_.permute && op.outer_select == 0 &&
         op.cycles.size() == 4;
}

// Whether `op` turns one qubit about X or Y on every tile.
template <typename T>
bool PairOps<T>::is_plain_turn(const PairOp<T>& op) const {
  const CompiledOp<T>& o = *op.op;
  return o.recipe == Recipe::kRotation && o.tile_control_mask == 0 && o.outer_control_mask == 0 &&
         o.outer_parity == 0 && std::has_single_bit(o.tile_flip) &&
         (o.tile_parity == 0 || o.tile_parity == o.tile_flip);
}

// The operations of a phase in the order they run, those that share a sweep together.
template <typename T>
std::vector<typename PairOps<T>::Turns> PairOps<T>::blocks_of(const Phase& phase) const {
  std::vector<Turns> blocks;
  std::size_t begin = 0;
  if (phase.kind != PairKind::kOperations) return blocks;
  for (const auto& level : phase.plan->stages) {
    add_blocks(phase, begin, begin + level.ops.size(), blocks);
    begin += level.ops.size();
  }
  return blocks;
}

// Rotations of up to three qubits between vectors, and of those inside one: fewer loads and stores.
template <typename T>
void PairOps<T>::add_blocks(const Phase& phase, std::size_t begin, std::size_t end,
                            std::vector<Turns>& blocks) const {
  std::vector<bool> done(end - begin, false);
  for (std::size_t i = begin; i < end; ++i) {
    if (done[i - begin]) continue;
    Turns& turns = blocks.emplace_back(Turns{i});
    const PairOp<T>& lead = phase.ops[i];
    if (!is_plain_turn(lead)) continue;
    const auto alike = [&](const PairOp<T>& other) {
      return is_plain_turn(other) && other.applied == lead.applied &&
             (other.op->tile_parity == 0) == (lead.op->tile_parity == 0);
    };
    // Four qubits are two and two, not three and one.
    int left = 0;
    for (std::size_t j = i; j < end && is_plain_turn(phase.ops[j]); ++j) {
      if (!done[j - begin] && alike(phase.ops[j]) && phase.ops[j].op->sweep.flip != 0) ++left;
    }
    const int blocks_left = (left + kMostInBlock - 1) / kMostInBlock;
    const int most = left == 0 ? 0 : (left + blocks_left - 1) / blocks_left;
    Mask taken = lead.op->tile_flip;
    Mask passed = 0;
    int between = lead.op->sweep.flip != 0 ? 1 : 0;
    for (std::size_t j = i + 1; j < end; ++j) {
      const PairOp<T>& other = phase.ops[j];
      if (done[j - begin]) continue;
      if (!is_plain_turn(other)) break;
      const Mask flip = other.op->tile_flip;
      const bool lanes = other.op->sweep.flip == 0;
      if (((taken | passed) & flip) != 0 || !alike(other) || (!lanes && between == most)) {
        passed |= flip;
        continue;
      }
      taken |= flip;
      if (!lanes) ++between;
      turns.push_back(j);
      done[j - begin] = true;
    }
    if (between == 0) {  // no kernel for those inside a vector alone
      for (std::size_t k = 1; k < turns.size(); ++k) done[turns[k] - begin] = false;
      turns.resize(1);
    }
  }
}

// Lays out cosines and sines for `turn_block`; the first takes the states' scale over.
template <typename T>
void PairOps<T>::make_block(Phase& phase, const Turns& turns, double scale, PairMode mode,
                            std::span<const double> parameters) {
  const int lane_bits = kernels_.lane_bits;
  const bool imaginary = phase.ops[turns.front()].op->tile_parity == 0;
  auto block = std::make_unique<PairBlock<T>>();
  std::array<const PairOp<T>*, 3> lanes{};
  std::vector<const PairOp<T>*> qubits;
  for (const std::size_t i : turns) {
    PairOp<T>& op = phase.ops[i];
    op.merged = i != turns.front();
    if (op.op->sweep.flip == 0) {
      lanes[static_cast<std::size_t>(std::countr_zero(op.op->tile_flip))] = &op;
    } else {
      qubits.push_back(&op);
      block->fixed |= op.op->sweep.flip;
    }
  }
  const auto flip_of = [](const PairOp<T>* op) { return op->op->tile_flip; };
  std::ranges::sort(qubits, {}, flip_of);
  const bool any_lanes = qubits.size() < turns.size();
  for (Mask row = 0; row < Mask{1} << qubits.size(); ++row) {
    block->offsets.push_back(deposit(row, block->fixed));
  }
  // Groups of the whole tile: a rotation leaves half of its vectors.
  block->groups = (qubits.front()->op->groups * 2) >> qubits.size();
  T* at = new_array(2 * reals() * (qubits.size() + 3));
  block->coefs = at;
  // `negative`: of the factor of the partner of lane `lane`.
  const auto add = [&](const PairOp<T>* op, auto negative) {
    double cosine = 1.0;
    double sine = 0.0;
    if (op != nullptr) {
      const double half = angle(phase, *op, parameters) / 2;
      cosine = mode == kUndoScaled ? 1.0 : scale * std::cos(half);
      sine = mode == kUndoScaled ? std::tan(half) : scale * std::sin(half);
      scale = 1.0;
    }
    at = std::fill_n(at, reals(), static_cast<T>(cosine));
    for (std::size_t r = 0; r < reals(); ++r) *at++ = static_cast<T>(negative(r) ? -sine : sine);
    block->sums.push_back(op == nullptr || op->sum_size == 0 ? kNoSum : op->sum_start);
  };
  // About X the partner's parts are swapped: -i (re, im) = (im, -re).
  for (const PairOp<T>* op : qubits) {
    add(op, [&](std::size_t r) { return imaginary && (r & 1) != 0; });
  }
  for (int b = 0; any_lanes && b < lane_bits; ++b) {
    add(lanes[static_cast<std::size_t>(b)],
        [&](std::size_t r) { return imaginary ? (r & 1) != 0 : ((r >> (b + 1)) & 1) == 0; });
  }
  block->function =
      kernels_.turn_block[qubits.size() - 1][any_lanes ? 1 : 0][imaginary ? 1 : 0][mode];
  phase.ops[turns.front()].block = std::move(block);
}

template <typename T>
double PairOps<T>::angle(const Phase& phase, const PairOp<T>& op,
                         std::span<const double> parameters) const {
  const auto i = static_cast<std::size_t>(op.op->members.front().primitive);
  return phase.program().angle(i, parameters);
}

template <typename T>
double PairOps<T>::rate(const Phase& phase, const Member& member,
                        std::span<const double> tangent) const {
  const Program& program = phase.program();
  const auto i = static_cast<std::size_t>(member.primitive);
  double sum = 0.0;
  for (auto t = static_cast<std::size_t>(program.term_start[i]);
       t < static_cast<std::size_t>(program.term_start[i + 1]); ++t) {
    sum += program.term_weight[t] * tangent[static_cast<std::size_t>(program.term_parameter[t])];
  }
  return sum;
}

template <typename T>
T* PairOps<T>::new_array(std::size_t size) {
  return arrays_.emplace_back(size).data();
}

// Lays out cosines, sines and signs for `turn_pair`.
template <typename T>
void PairOps<T>::make_turn(PairOp<T>& out, double cosine, double sine, PairMode mode) {
  const CompiledOp<T>& op = *out.op;
  const Member& member = op.members.front();
  const Complex factor = partner_factor(member.x_mask, member.z_mask, 1.0);
  const bool imaginary = std::popcount(member.x_mask & member.z_mask) % 2 == 0;
  const std::size_t lanes = reals() / 2;
  out.function = kernels_.turn_pair[op.tile_flip & (lanes - 1)][imaginary ? 1 : 0][mode];
  T* at = arrays_.emplace_back(4 * reals()).data();
  out.coefs = at;
  out.coef_size = 0;
  at = std::fill_n(at, reals(), static_cast<T>(cosine));
  at = std::fill_n(at, reals(), static_cast<T>(sine));
  for (int odd = 0; odd < 2; ++odd) {
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      const bool negative = (odd ^ parity(lane & op.lane_parity)) != 0;
      const double f = (negative ? -1.0 : 1.0) * (imaginary ? factor.imag() : factor.real());
      // An imaginary factor multiplies the partner with its parts swapped: (-f im, f re).
      *at++ = static_cast<T>(std::copysign(0.0, imaginary ? -f : f));
      *at++ = static_cast<T>(std::copysign(0.0, f));
    }
  }
}

template <typename T>
std::size_t PairOps<T>::entry(const CompiledOp<T>& op, std::size_t row, std::uint32_t lane) const {
  Mask low = 0;
  for (const int position : op.inner) {
    if (position < kernels_.lane_bits) low |= bit(position);
  }
  return row << std::popcount(low) | extract(lane, low);
}

template <typename T>
void run_block(const PairBlock<T>& block, T* first, T* second, std::uint64_t begin,
               std::uint64_t end, double* sums) {
  std::array<double, 6> found{};
  PairBlockSweep<T> sweep;
  sweep.first = first;
  sweep.second = second;
  sweep.coefs = block.coefs;
  sweep.offsets = block.offsets.data();
  sweep.fixed = block.fixed;
  sweep.begin = begin;
  sweep.end = end;
  sweep.sums = found.data();
  block.function(sweep);
  for (std::size_t k = 0; k < block.sums.size(); ++k) {
    if (block.sums[k] != kNoSum) sums[block.sums[k]] += found[k];
  }
}

template <typename T>
void PairOps<T>::run(const PairOp<T>& op, T* first, T* second, Mask outside, std::uint64_t begin,
                     std::uint64_t end, double* sums) {
  if (op.block) {
    run_block(*op.block, first, second, begin, end, sums);
    return;
  }
  const CompiledOp<T>& compiled = *op.op;
  const std::size_t choice =
      compiled.outer_select == 0 ? 0 : extract(outside, compiled.outer_select);
  PairSweep<T> pair;
  pair.sweep = compiled.sweep;
  pair.sweep.amplitudes = first;
  pair.sweep.coefs = op.coefs + choice * op.coef_size;
  pair.sweep.begin = begin;
  pair.sweep.end = end;
  pair.sweep.offsets = compiled.offsets.data();
  pair.sweep.cycles = compiled.cycles.data();
  pair.sweep.negate = static_cast<std::uint64_t>(parity(outside & compiled.outer_parity));
  pair.partner = second;
  pair.rates = op.rates + choice * op.rate_size;
  pair.sums = op.sum_size == 0 ? nullptr : sums + op.sum_start + choice * op.sum_size;
  op.function(pair);
}

template <typename T>
std::size_t PairOps<T>::scratch_size() const {
  std::size_t size = 0;
  for (const Phase& phase : phases_) {
    if (phase.plan) size = std::max(size, phase.plan->scratch_size);
  }
  return size;
}

template <typename T>
std::size_t PairOps<T>::layer_size() const {
  std::size_t size = 0;
  for (const Phase& phase : phases_) {
    if (phase.layer) size = std::max(size, phase.layer->sums_size());
  }
  return size;
}

template <typename T>
bool PairOps<T>::moves() const {
  return std::ranges::any_of(phases_, [](const Phase& phase) {
    return phase.move || (phase.kind == PairKind::kConstant && phase.tiles().tile.moves);
  });
}

template <typename T>
void PairOps<T>::finish(const double* sums, std::span<double> derivatives) const {
  for (const Phase& phase : phases_) {
    if (phase.layer) phase.layer->finish(sums + phase.sum_start, phase.weight, derivatives);
    for (const PairOp<T>& op : phase.ops) {
      if (op.parametric) finish(phase, op, sums, derivatives);
    }
  }
}

template <typename T>
void PairOps<T>::finish(const Phase& phase, const PairOp<T>& op, const double* sums,
                        std::span<double> derivatives) const {
  const auto& members = op.op->members;
  const auto slot = [&](const Member& member) -> double& {
    const auto i = static_cast<std::size_t>(member.primitive);
    return derivatives[static_cast<std::size_t>(phase.phase->primitives[i])];
  };
  sums += op.sum_start;
  if (!is_scale(*op.op)) {
    const bool phase = members.front().kind == PrimitiveKind::kPhase;
    slot(members.front()) = (phase ? -2.0 : 1.0) * op.weight * *sums;
    return;
  }
  std::vector<double> products(std::size_t{1} << op.op->width, 0.0);
  const std::size_t inner = op.op->inner.size();
  const std::size_t choices = std::size_t{1} << std::popcount(op.op->outer_select);
  for (std::size_t choice = 0; choice < choices; ++choice) {
    for (std::size_t row = 0; row < op.sum_size / reals(); ++row, sums += reals()) {
      for (std::uint32_t lane = 0; lane < reals() / 2; ++lane) {
        products[choice << inner | entry(*op.op, row, lane)] += sums[2 * lane] - sums[2 * lane + 1];
      }
    }
  }
  for (const Member& member : members) {
    if (!phase.program().is_parametric(static_cast<std::size_t>(member.primitive))) continue;
    double sum = 0.0;
    for (std::size_t r = 0; r < products.size(); ++r) {
      if (controlled_in(member, r)) sum += parity(r & member.z_mask) ? -products[r] : products[r];
    }
    slot(member) = (member.kind == PrimitiveKind::kPhase ? -2.0 : 1.0) * op.weight * sum;
  }
}

template class PairOps<float>;
template class PairOps<double>;

}  // namespace quasim
