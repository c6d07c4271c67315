#include "cpu/pair_ops.hpp"

#include <algorithm>
#include <cmath>

namespace quasim {
namespace {

// Rotations are applied without their cosine while the states keep this much of their range.
constexpr double kSmallestCosine = 0x1p-8;
constexpr double kSmallestScale = 0x1p-24;

bool controlled_in(const Member& member, std::size_t index) {
  return (index & member.control_mask) == member.control_value;
}

}  // namespace

template <typename T>
PairOps<T>::PairOps(const PairStage& stage, const KernelTable<T>& kernels,
                    std::span<const double> parameters)
    : stage_(stage),
      kernels_(kernels),
      plan_(stage.plan->compiled<T>(kernels, Form::kOperations)),
      bound_(stage.plan->program(), *plan_, parameters) {
  prepare();
  // Rotations that act on all tiles: the last one brings the states back to scale.
  const auto uniform = [&](const PairOp<T>& op) {
    return op.applied && is_turn(*op.op) && op.op->outer_control_mask == 0;
  };
  std::size_t last = ops_.size();
  for (std::size_t i = 0; i < ops_.size(); ++i) {
    if (uniform(ops_[i])) last = i;
  }
  double scale = 1.0;  // the true states are this times the stored ones
  for (std::size_t i = 0; i < ops_.size(); ++i) {
    PairOp<T>& op = ops_[i];
    op.weight = scale * scale;
    if (is_turn(*op.op)) {
      const double half = angle(op, parameters) / 2;
      const double cosine = std::cos(half);
      if (!op.applied) {
        make_turn(op, 1.0, 0.0, kMeasure);
      } else if (!uniform(op)) {
        make_turn(op, cosine, std::sin(half), kUndo);
      } else if (i != last && std::abs(cosine) >= kSmallestCosine &&
                 std::abs(scale * cosine) >= kSmallestScale) {
        make_turn(op, 1.0, std::tan(half), kUndoScaled);
        scale *= cosine;
      } else {
        make_turn(op, scale * cosine, scale * std::sin(half), kUndo);
        scale = 1.0;
      }
    } else if (is_scale(*op.op)) {
      op.function = kernels_.scale_pair[op.applied ? kUndo : kMeasure];
      op.sum_size = op.coef_size;
    } else if (op.parametric) {
      op.sum_size = 1;
    }
    if (!op.parametric) op.sum_size = 0;
    op.sum_start = num_sums_;
    num_sums_ += op.sum_size << std::popcount(op.op->outer_select);
  }
  merge_turns();
}

template <typename T>
PairOps<T>::PairOps(const PairStage& stage, const KernelTable<T>& kernels,
                    std::span<const double> parameters, std::span<const double> tangent)
    : stage_(stage),
      kernels_(kernels),
      plan_(stage.plan->compiled<T>(kernels, Form::kOperations)),
      bound_(stage.plan->program(), *plan_, parameters) {
  prepare();
  for (PairOp<T>& op : ops_) {
    const auto& members = op.op->members;
    if (is_turn(*op.op)) {
      const double half = angle(op, parameters) / 2;
      make_turn(op, std::cos(half), std::sin(half), kTangent);
      T* const rates = new_rates(reals());
      std::fill_n(rates, reals(), static_cast<T>(rate(members.front(), tangent) / 2));
      op.rates = rates;
    } else if (is_scale(*op.op)) {
      op.function = kernels_.scale_pair[kTangent];
      op.rate_size = op.coef_size;
      const std::size_t choices = std::size_t{1} << std::popcount(op.op->outer_select);
      const std::size_t inner = op.op->inner.size();
      std::vector<double> entries(std::size_t{1} << op.op->width, 0.0);
      for (const Member& member : members) {
        const double speed = rate(member, tangent);
        if (speed == 0.0) continue;
        for (std::size_t r = 0; r < entries.size(); ++r) {
          if (!controlled_in(member, r)) continue;
          const double half = parity(r & member.z_mask) ? speed / 2 : -speed / 2;
          entries[r] += member.kind == PrimitiveKind::kPhase ? speed : half;
        }
      }
      T* const rates = new_rates(choices * op.rate_size);
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
      const double speed = rate(members.front(), tangent);
      op.rate = members.front().kind == PrimitiveKind::kPhase ? -speed : speed / 2;
    }
  }
}

template <typename T>
void PairOps<T>::prepare() {
  std::size_t number = 0;
  for (const auto& inner : plan_->stages) {
    for (const auto& op : inner.ops) {
      PairOp<T>& out = ops_.emplace_back();
      out.op = &op;
      out.single = bound_.functions[number++];
      out.coefs = bound_.coefs_of(op);
      out.coef_size = op.coef_size;
      out.parametric = !op.constant;
      if (is_exchange(op)) out.function = kernels_.exchange_pair;
      if (out.parametric) {
        out.applied = !stage_.measure_only[static_cast<std::size_t>(op.members.front().primitive)];
        if (!is_turn(op) && !is_scale(op)) out.generator.emplace(op, inner, kernels_);
      }
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

// Whether `op` turns one qubit, which lies between vectors, about X or Y on every tile.
template <typename T>
bool PairOps<T>::is_plain_turn(const PairOp<T>& op) const {
  const CompiledOp<T>& o = *op.op;
  return op.applied && o.recipe == Recipe::kRotation && o.tile_control_mask == 0 &&
         o.outer_control_mask == 0 && o.outer_parity == 0 && o.lane_parity == 0 &&
         std::has_single_bit(o.tile_flip) && o.sweep.flip != 0 &&
         (o.sweep.select == 0 || o.sweep.select == o.sweep.flip);
}

// Neighbours in a level that turn two qubits run in one sweep: half the loads and stores.
template <typename T>
void PairOps<T>::merge_turns() {
  std::size_t begin = 0;
  for (const auto& level : plan_->stages) {
    const std::size_t end = begin + level.ops.size();
    for (std::size_t i = begin; i + 1 < end; ++i) {
      PairOp<T>& one = ops_[i];
      PairOp<T>& two = ops_[i + 1];
      if (one.merged || !is_plain_turn(one) || !is_plain_turn(two)) continue;
      const bool imaginary = one.op->sweep.select == 0;
      if (imaginary != (two.op->sweep.select == 0)) continue;
      if (one.op->tile_flip == two.op->tile_flip) continue;
      const bool scaled = one.mode == kUndoScaled && two.mode == kUndoScaled;
      one.function = kernels_.turn_two[imaginary ? 1 : 0][scaled ? 0 : 1];
      one.next = &two;
      two.merged = true;
    }
    begin = end;
  }
}

template <typename T>
double PairOps<T>::angle(const PairOp<T>& op, std::span<const double> parameters) const {
  return stage_.plan->program().angle(static_cast<std::size_t>(op.op->members.front().primitive),
                                      parameters);
}

template <typename T>
double PairOps<T>::rate(const Member& member, std::span<const double> tangent) const {
  const Program& program = stage_.plan->program();
  const auto i = static_cast<std::size_t>(member.primitive);
  double sum = 0.0;
  for (auto t = static_cast<std::size_t>(program.term_start[i]);
       t < static_cast<std::size_t>(program.term_start[i + 1]); ++t) {
    sum += program.term_weight[t] * tangent[static_cast<std::size_t>(program.term_parameter[t])];
  }
  return sum;
}

template <typename T>
T* PairOps<T>::new_rates(std::size_t size) {
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
  out.sum_size = 1;
  out.mode = mode;
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
void PairOps<T>::run(const PairOp<T>& op, T* first, T* second, Mask outside, std::uint64_t begin,
                     std::uint64_t end, double* sums) {
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
  if (op.next != nullptr) {
    pair.next_coefs = op.next->coefs;
    pair.next_sums = op.next->sum_size == 0 ? nullptr : sums + op.next->sum_start;
    pair.next_flip = op.next->op->sweep.flip;
    pair.next_select = op.next->op->sweep.select;
  }
  op.function(pair);
}

template <typename T>
void PairOps<T>::finish(const PairOp<T>& op, const double* sums,
                        std::span<double> derivatives) const {
  const auto& members = op.op->members;
  const auto slot = [&](const Member& member) -> double& {
    const auto i = static_cast<std::size_t>(member.primitive);
    return derivatives[static_cast<std::size_t>(stage_.primitives[i])];
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
    if (!stage_.plan->program().is_parametric(static_cast<std::size_t>(member.primitive))) continue;
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
