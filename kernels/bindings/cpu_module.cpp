// quasim_backend.kernels._cpu: the CPU kernels.
#include <nanobind/stl/complex.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "bindings/arrays.hpp"
#include "bindings/gil.hpp"
#include "bindings/interrupt.hpp"
#include "cpu/blocks.hpp"
#include "cpu/compiled.hpp"
#include "quasim/adjoint.hpp"
#include "quasim/batch.hpp"
#include "quasim/executor.hpp"
#include "quasim/isa.hpp"
#include "quasim/memory.hpp"
#include "quasim/native_plan.hpp"
#include "quasim/pair_plan.hpp"
#include "quasim/philox.hpp"
#include "quasim/reductions.hpp"
#include "quasim/tangent.hpp"
#include "quasim/thread_pool.hpp"

namespace quasim::bindings {
namespace {

template <typename T>
using Amplitudes = MutableArray<std::complex<T>>;
template <typename T>
using ConstAmplitudes = Array<std::complex<T>>;
using CancelFlag = std::optional<Array<std::uint8_t>>;

const std::uint8_t* flag_of(const CancelFlag& flag) {
  if (!flag) return nullptr;
  if (flag->size() != 1) throw std::invalid_argument("The cancel flag must have one element.");
  return flag->data();
}

template <typename State>
int num_qubits_of(const State& state) {
  if (!std::has_single_bit(state.size())) {
    throw std::invalid_argument("The number of amplitudes is not a power of two.");
  }
  return std::countr_zero(state.size());
}

template <typename T>
StateView<const T> const_view(const ConstAmplitudes<T>& state) {
  return {reinterpret_cast<const T*>(state.data()), num_qubits_of(state)};
}

// Runs `body(context)` without the GIL.
template <typename Body>
auto without_gil(const CancelFlag& flag, int threads, Body body) {
  Control control(flag_of(flag), interrupt_hook());
  const GilReleased released;
  return body(RunContext{control, threads});
}

// Constructs in place: a NativePlan does not move.
void construct_native_plan(NativePlan* self, nb::object plan) {
  const ProgramFields fields(plan.attr("program"));
  new (self) NativePlan(fields.view(), plan_of(plan));
}

void check_qubits(std::span<const std::int32_t> qubits, int num_qubits) {
  Mask seen = 0;
  for (const auto q : qubits) {
    if (q < 0 || q >= num_qubits || (seen & bit(q)) != 0) {
      throw std::invalid_argument("A qubit repeats or is out of range.");
    }
    seen |= bit(q);
  }
}

// The qubits of a tally, as Python gives them, and the sums it gets back.
class TallyRequest {
 public:
  TallyRequest(const std::optional<Array<std::int32_t>>& qubits, bool optional, int num_qubits) {
    if (!qubits) return;
    check_qubits(view(*qubits), num_qubits);
    sums_.resize(std::size_t{1} << qubits->size());
    tally_.emplace(view(*qubits), sums_, optional);
  }

  Tally* tally() { return tally_ ? &*tally_ : nullptr; }

  // None if nothing was asked for or counted.
  std::optional<NumpyArray<double>> take() {
    if (!tally_ || !tally_->done) return std::nullopt;
    return to_numpy(std::move(sums_));
  }

 private:
  std::vector<double> sums_;
  std::optional<Tally> tally_;
};

template <typename T>
std::optional<NumpyArray<double>> run_plan(const NativePlan& plan, Amplitudes<T> state,
                                           Array<double> parameters, CancelFlag cancel, int threads,
                                           Mask mask, Mask value, double scale,
                                           std::optional<Array<std::int32_t>> qubits,
                                           bool optional) {
  if (num_qubits_of(state) != plan.program().num_qubits) {
    throw std::invalid_argument("The plan and the state have different numbers of qubits.");
  }
  if (parameters.size() < plan.num_parameters()) {
    throw std::invalid_argument("The parameter vector is too short for the plan.");
  }
  TallyRequest request(qubits, optional, plan.program().num_qubits);
  const Passage passage{~Mask{0}, {mask, value, scale}, request.tally()};
  without_gil(cancel, threads, [&](RunContext context) {
    run(plan, reinterpret_cast<T*>(state.data()), view(parameters), context.control,
        context.threads, passage);
  });
  return request.take();
}

// One line a sweep of one stage's tiles, for people.
template <typename T>
std::vector<std::vector<std::string>> sweeps_of(const NativePlan& plan) {
  const auto compiled = plan.compiled<T>(reduction_kernels<T>(), Form::kTiles);
  std::vector<std::vector<std::string>> result;
  for (const auto& stage : compiled->stages) {
    auto& lines = result.emplace_back();
    if (!stage.tiled) {
      lines.assign(stage.ops.size(), "kernel over the whole state");
      continue;
    }
    for (const TileOp& op : stage.tile.ops) lines.push_back(describe(stage.tile, op));
  }
  return result;
}

// The primitives of an ExecutionPlan in its order, for two states.
void construct_pair_plan(PairPlan* self, nb::object plan, int tile_qubits, int inner_qubits,
                         int low_qubits, bool prune) {
  const ProgramFields fields(plan.attr("program"));
  const Program program = fields.view();
  const Field<std::int32_t> order(plan, "op_members");
  PairOptions options;
  options.tile_qubits = tile_qubits;
  options.inner_qubits = inner_qubits;
  options.low_qubits = low_qubits;
  options.prune = prune;
  new (self) PairPlan(program, order, options);
}

template <typename T>
void check_pair(const PairPlan& plan, const Amplitudes<T>& first, const Amplitudes<T>& second,
                const Array<double>& parameters) {
  if (num_qubits_of(first) != plan.num_qubits() || second.size() != first.size()) {
    throw std::invalid_argument("The plan and the states have different numbers of qubits.");
  }
  if (first.data() == second.data()) throw std::invalid_argument("The two states are one array.");
  if (parameters.size() < plan.num_parameters()) {
    throw std::invalid_argument("The parameter vector is too short for the plan.");
  }
}

template <typename T>
NumpyArray<double> adjoint_of(const PairPlan& inverse, Amplitudes<T> state, Amplitudes<T> bra,
                              Array<double> parameters, CancelFlag cancel, int threads) {
  check_pair<T>(inverse, state, bra, parameters);
  std::vector<double> derivatives(inverse.num_primitives());
  without_gil(cancel, threads, [&](RunContext context) {
    adjoint(inverse, reinterpret_cast<T*>(state.data()), reinterpret_cast<T*>(bra.data()),
            view(parameters), std::span<double>(derivatives), context.control, context.threads);
  });
  return to_numpy(std::move(derivatives));
}

template <typename T>
void tangent_of(const PairPlan& plan, Amplitudes<T> state, Amplitudes<T> derivative,
                Array<double> parameters, Array<double> direction, CancelFlag cancel, int threads) {
  check_pair<T>(plan, state, derivative, parameters);
  if (direction.size() < plan.num_parameters()) {
    throw std::invalid_argument("The direction is too short for the plan.");
  }
  without_gil(cancel, threads, [&](RunContext context) {
    tangent(plan, reinterpret_cast<T*>(state.data()), reinterpret_cast<T*>(derivative.data()),
            view(parameters), view(direction), context.control, context.threads);
  });
}

// Threads share the clearing of memory that was used before.
void clear(const StateMemory& memory, RunContext context) {
  if (!memory.used()) return;
  constexpr std::size_t kBlock = std::size_t{1} << 18;
  auto* const bytes = static_cast<unsigned char*>(memory.data());
  const std::uint64_t blocks = (memory.size() + kBlock - 1) / kBlock;
  const auto body = [&](std::uint64_t begin, std::uint64_t end, int) {
    const std::size_t first = begin * kBlock;
    if (begin < end) std::memset(bytes + first, 0, std::min(memory.size(), end * kBlock) - first);
  };
  parallel_ranges(blocks, choose_threads(memory.size() / 8, context.threads), context.control,
                  body);
}

template <typename T>
NumpyArray<std::complex<T>> own_state(std::unique_ptr<StateMemory> memory) {
  auto* const amplitudes = static_cast<std::complex<T>*>(memory->data());
  const std::size_t size = memory->size() / sizeof(std::complex<T>);
  const nb::capsule owner(memory.release(),
                          [](void* p) noexcept { delete static_cast<StateMemory*>(p); });
  return NumpyArray<std::complex<T>>(amplitudes, {size}, owner);
}

template <typename T>
std::unique_ptr<StateMemory> state_memory(int num_qubits) {
  if (num_qubits < 0 || num_qubits > 58) throw std::bad_alloc();
  return std::make_unique<StateMemory>(sizeof(std::complex<T>) << num_qubits);
}

template <typename T>
NumpyArray<std::complex<T>> zero_state(int num_qubits) {
  auto memory = state_memory<T>(num_qubits);
  without_gil({}, 0, [&](RunContext context) { clear(*memory, context); });
  *static_cast<std::complex<T>*>(memory->data()) = T{1};
  return own_state<T>(std::move(memory));
}

// Runs a plan on |0...0>, which is made here.
template <typename T>
std::pair<NumpyArray<std::complex<T>>, std::optional<NumpyArray<double>>> start_plan(
    const NativePlan& plan, Array<double> parameters, CancelFlag cancel, int threads,
    std::optional<Array<std::int32_t>> qubits, bool optional) {
  if (parameters.size() < plan.num_parameters()) {
    throw std::invalid_argument("The parameter vector is too short for the plan.");
  }
  TallyRequest request(qubits, optional, plan.program().num_qubits);
  const Passage passage{0, {}, request.tally()};
  auto memory = state_memory<T>(plan.program().num_qubits);
  without_gil(cancel, threads, [&](RunContext context) {
    clear(*memory, context);
    auto* const amplitudes = static_cast<T*>(memory->data());
    amplitudes[0] = T{1};
    run(plan, amplitudes, view(parameters), context.control, context.threads, passage);
  });
  return {own_state<T>(std::move(memory)), request.take()};
}

template <typename T>
NumpyArray<std::complex<T>> empty(std::uint64_t size) {
  return own_state<T>(std::make_unique<StateMemory>(size * sizeof(std::complex<T>)));
}

// Threads share the copy, which also spreads its pages over NUMA nodes.
template <typename T, typename From>
NumpyArray<std::complex<T>> copy_state(ConstAmplitudes<From> source) {
  constexpr std::uint64_t kBlock = 1 << 15;
  auto state = empty<T>(source.size());
  auto* const to = reinterpret_cast<T*>(state.data());
  const auto* const from = reinterpret_cast<const From*>(source.data());
  const std::uint64_t reals = 2 * source.size();
  without_gil({}, 0, [&](RunContext context) {
    Control& control = context.control;
    const auto copy_blocks = [&](std::uint64_t begin, std::uint64_t end, int worker) {
      for (std::uint64_t block = begin; block < end && !control.stopped(); ++block) {
        const std::uint64_t first = block * kBlock;
        const From* const part = from + first;
        std::transform(part, part + std::min(kBlock, reals - first), to + first,
                       [](From x) { return static_cast<T>(x); });
        if (worker == 0) control.poll();
      }
    };
    parallel_ranges((reals + kBlock - 1) / kBlock, choose_threads(reals / 2, 0), control,
                    copy_blocks);
  });
  return state;
}

template <typename T>
double norm_of(ConstAmplitudes<T> state, int threads) {
  return without_gil(
      {}, threads, [&](RunContext context) { return norm_squared(const_view<T>(state), context); });
}

template <typename T>
NumpyArray<double> probabilities_of(ConstAmplitudes<T> state, Array<std::int32_t> qubits,
                                    int threads) {
  const auto source = const_view<T>(state);
  check_qubits(view(qubits), source.num_qubits);
  std::vector<double> result(std::size_t{1} << qubits.size());
  without_gil({}, threads, [&](RunContext context) {
    probabilities(source, view(qubits), std::span<double>(result), context);
  });
  return to_numpy(std::move(result));
}

template <typename T>
NumpyArray<std::complex<double>> density_matrix_of(ConstAmplitudes<T> state,
                                                   Array<std::int32_t> qubits, CancelFlag cancel,
                                                   int threads) {
  const auto source = const_view<T>(state);
  check_qubits(view(qubits), source.num_qubits);
  if (qubits.size() > 29) throw std::bad_alloc();
  std::vector<std::complex<double>> result(std::size_t{1} << 2 * qubits.size());
  without_gil(cancel, threads, [&](RunContext context) {
    reduced_density_matrix(source, view(qubits), std::span<std::complex<double>>(result), context);
  });
  return to_numpy(std::move(result));
}

template <typename T>
std::pair<std::complex<double>, double> sparse_moments_of(ConstAmplitudes<T> state,
                                                          Array<std::complex<double>> values,
                                                          Array<std::int64_t> columns,
                                                          Array<std::int64_t> row_start,
                                                          CancelFlag cancel, int threads) {
  const auto source = const_view<T>(state);
  if (columns.size() != values.size() || row_start.size() != source.size() + 1) {
    throw std::invalid_argument("The arrays of the sparse matrix do not fit each other.");
  }
  const SparseMatrix matrix{view(values), view(columns), view(row_start)};
  const SparseMoments moments = without_gil(
      cancel, threads, [&](RunContext context) { return sparse_moments(source, matrix, context); });
  return {moments.mean, moments.squared};
}

template <typename T>
void collapse_state(Amplitudes<T> state, std::uint64_t mask, std::uint64_t value, double scale,
                    int threads) {
  const StateView<T> target{reinterpret_cast<T*>(state.data()), num_qubits_of(state)};
  without_gil({}, threads,
              [&](RunContext context) { collapse(target, mask, value, scale, context); });
}

template <typename T>
NumpyArray<double> block_norms_of(ConstAmplitudes<T> state, int threads) {
  const auto source = const_view<T>(state);
  std::vector<double> sums(source.size() >> sample_block_bits(source.num_qubits));
  without_gil({}, threads,
              [&](RunContext context) { block_norms(source, std::span<double>(sums), context); });
  return to_numpy(std::move(sums));
}

template <typename T>
NumpyArray<std::uint64_t> sample_state(ConstAmplitudes<T> state, Array<double> uniforms,
                                       CancelFlag cancel, int threads,
                                       std::optional<Array<double>> block_norms_given) {
  const auto source = const_view<T>(state);
  std::vector<double> sums(source.size() >> sample_block_bits(source.num_qubits));
  if (block_norms_given) {
    if (block_norms_given->size() != sums.size()) {
      throw std::invalid_argument("There must be one norm for each block.");
    }
    std::ranges::copy(view(*block_norms_given), sums.begin());
  }
  std::vector<std::uint64_t> result(uniforms.size());
  without_gil(cancel, threads, [&](RunContext context) {
    if (!block_norms_given) block_norms(source, std::span<double>(sums), context);
    sample(source, std::span<const double>(sums), view(uniforms), std::span<std::uint64_t>(result),
           context);
  });
  return to_numpy(std::move(result));
}

void check_strings(const Array<std::uint64_t>& x_masks, const Array<std::uint64_t>& z_masks,
                   int num_qubits) {
  if (x_masks.size() != z_masks.size()) {
    throw std::invalid_argument("x_masks and z_masks have different lengths.");
  }
  for (std::size_t t = 0; t < x_masks.size(); ++t) {
    if (((x_masks.data()[t] | z_masks.data()[t]) >> num_qubits) != 0) {
      throw std::invalid_argument("A Pauli string acts on a qubit the state does not have.");
    }
  }
}

template <typename T>
NumpyArray<double> pauli_expectations_of(ConstAmplitudes<T> state, Array<std::uint64_t> x_masks,
                                         Array<std::uint64_t> z_masks, CancelFlag cancel,
                                         int threads) {
  const auto source = const_view<T>(state);
  check_strings(x_masks, z_masks, source.num_qubits);
  std::vector<double> result(x_masks.size());
  without_gil(cancel, threads, [&](RunContext context) {
    pauli_expectations(source, view(x_masks), view(z_masks), std::span<double>(result), context);
  });
  return to_numpy(std::move(result));
}

template <typename T>
NumpyArray<std::complex<T>> apply_pauli_sum_to(ConstAmplitudes<T> state,
                                               Array<std::uint64_t> x_masks,
                                               Array<std::uint64_t> z_masks,
                                               Array<std::complex<double>> weights, int threads) {
  const auto source = const_view<T>(state);
  check_strings(x_masks, z_masks, source.num_qubits);
  if (weights.size() != x_masks.size()) {
    throw std::invalid_argument("There must be one weight for each string.");
  }
  auto result = empty<T>(state.size());
  T* const out = reinterpret_cast<T*>(result.data());
  without_gil({}, threads, [&](RunContext context) {
    pauli_sum_product(source, view(x_masks), view(z_masks), view(weights), out, context);
  });
  return result;
}

template <typename T>
std::complex<double> inner_of(ConstAmplitudes<T> left, ConstAmplitudes<T> right, int threads) {
  if (left.size() != right.size()) throw std::invalid_argument("The states differ in size.");
  return without_gil({}, threads, [&](RunContext context) {
    return inner(const_view<T>(left), const_view<T>(right).amplitudes, context);
  });
}

NumpyArray<double> philox_uniforms(std::uint64_t seed, Array<std::uint64_t> shots,
                                   std::uint64_t draw) {
  std::vector<double> result(shots.size());
  without_gil({}, 0, [&](RunContext context) {
    shot_uniforms(seed, view(shots), draw, std::span<double>(result), context);
  });
  return to_numpy(std::move(result));
}

NumpyArray<std::uint32_t> philox_words(Array<std::uint32_t> counter, Array<std::uint32_t> key) {
  if (counter.size() != 4 || key.size() != 2) {
    throw std::invalid_argument("Philox takes four counter words and two key words.");
  }
  const auto* const c = counter.data();
  const PhiloxCounter words = philox({c[0], c[1], c[2], c[3]}, {key.data()[0], key.data()[1]});
  return to_numpy(std::vector<std::uint32_t>(words.begin(), words.end()));
}

// --- batches ---------------------------------------------------------------------------------

template <typename T>
using Rows = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
template <typename T>
using NumpyRows = nb::ndarray<nb::numpy, T, nb::ndim<2>, nb::c_contig>;

template <typename Value>
NumpyRows<Value> to_numpy_rows(std::vector<Value> values, std::size_t rows, std::size_t columns) {
  auto* const owned = new std::vector<Value>(std::move(values));
  const nb::capsule owner(owned,
                          [](void* p) noexcept { delete static_cast<std::vector<Value>*>(p); });
  return NumpyRows<Value>(owned->data(), {rows, columns}, owner);
}

int width_of_rows(std::size_t amplitudes) {
  if (!std::has_single_bit(amplitudes)) {
    throw std::invalid_argument("The number of amplitudes is not a power of two.");
  }
  return std::countr_zero(amplitudes);
}

template <typename T>
BatchView<const T> batch_view(const Rows<const std::complex<T>>& states) {
  return {reinterpret_cast<const T*>(states.data()), states.shape(0),
          width_of_rows(states.shape(1))};
}

template <typename T>
NumpyRows<std::complex<T>> zero_states(std::uint64_t batch, int num_qubits) {
  constexpr std::uint64_t kMost = (std::uint64_t{1} << 62) / sizeof(std::complex<T>);
  if (num_qubits < 0 || num_qubits > 57 || batch > kMost >> num_qubits) throw std::bad_alloc();
  const std::size_t size = std::size_t{1} << num_qubits;
  auto memory = std::make_unique<StateMemory>(batch * size * sizeof(std::complex<T>));
  without_gil({}, 0, [&](RunContext context) { clear(*memory, context); });
  auto* const amplitudes = static_cast<std::complex<T>*>(memory->data());
  for (std::uint64_t m = 0; m < batch; ++m) amplitudes[m * size] = T{1};
  const nb::capsule owner(memory.release(),
                          [](void* p) noexcept { delete static_cast<StateMemory*>(p); });
  return NumpyRows<std::complex<T>>(amplitudes, {static_cast<std::size_t>(batch), size}, owner);
}

template <typename T>
void run_plan_batch(const NativePlan& plan, Rows<std::complex<T>> states,
                    Rows<const double> parameters, CancelFlag cancel, int threads) {
  if (width_of_rows(states.shape(1)) != plan.program().num_qubits) {
    throw std::invalid_argument("The plan and the states have different numbers of qubits.");
  }
  if (parameters.shape(0) != states.shape(0)) {
    throw std::invalid_argument("There must be one row of parameters for each state.");
  }
  const std::size_t width = parameters.shape(1);
  if (width < plan.num_parameters()) {
    throw std::invalid_argument("The rows of parameters are too short for the plan.");
  }
  const BatchView<T> view{reinterpret_cast<T*>(states.data()), states.shape(0),
                          plan.program().num_qubits};
  const std::span<const double> values(parameters.data(), parameters.size());
  without_gil(cancel, threads,
              [&](RunContext context) { run_batch(plan, view, values, width, context); });
}

template <typename T>
NumpyRows<double> pauli_expectations_of_batch(Rows<const std::complex<T>> states,
                                              Array<std::uint64_t> x_masks,
                                              Array<std::uint64_t> z_masks, CancelFlag cancel,
                                              int threads) {
  const auto source = batch_view<T>(states);
  check_strings(x_masks, z_masks, source.num_qubits);
  std::vector<double> result(states.shape(0) * x_masks.size());
  without_gil(cancel, threads, [&](RunContext context) {
    pauli_expectations_batch(source, view(x_masks), view(z_masks), std::span<double>(result),
                             context);
  });
  return to_numpy_rows(std::move(result), states.shape(0), x_masks.size());
}

template <typename T>
NumpyRows<std::uint64_t> sample_states(Rows<const std::complex<T>> states,
                                       Rows<const double> uniforms, CancelFlag cancel,
                                       int threads) {
  const auto source = batch_view<T>(states);
  if (uniforms.shape(0) != states.shape(0)) {
    throw std::invalid_argument("There must be one row of uniforms for each state.");
  }
  const std::span<const double> values(uniforms.data(), uniforms.size());
  for (const double u : values) {
    if (!(u >= 0.0 && u < 1.0)) throw std::invalid_argument("A uniform is not in [0, 1).");
  }
  std::vector<std::uint64_t> result(values.size());
  without_gil(cancel, threads, [&](RunContext context) {
    sample_batch(source, values, std::span<std::uint64_t>(result), context);
  });
  return to_numpy_rows(std::move(result), states.shape(0), uniforms.shape(1));
}

// Functions on amplitudes, once for each precision; NumPy's dtype picks the overload.
template <typename T>
void bind_precision(nb::module_& m, nb::class_<NativePlan>& plan, const char* suffix) {
  using namespace nb::literals;
  const auto name = [&](const char* stem) { return std::string(stem) + suffix; };
  plan.def("run", &run_plan<T>, "state"_a.noconvert(), "parameters"_a, "cancel"_a.none(),
           "threads"_a, "mask"_a = 0, "value"_a = 0, "scale"_a = 1.0, "qubits"_a = nb::none(),
           "optional"_a = false,
           "Collapse a state as `collapse` does, run on it, in place, and return sum |a|^2 by the "
           "value of the qubits, if given; optional: only if a pass of the plan can take it along. "
           "Raises Cancelled when the flag is set.");
  plan.def("run_batch", &run_plan_batch<T>, "states"_a.noconvert(), "parameters"_a,
           "cancel"_a.none(), "threads"_a,
           "Run on each row of states with its row of parameters, in place; raises Cancelled when "
           "the flag is set.");
  plan.def(name("start_").c_str(), &start_plan<T>, "parameters"_a, "cancel"_a.none(), "threads"_a,
           "qubits"_a = nb::none(), "optional"_a = false,
           "Return the state the plan makes of |0...0>, and sums as from run.");
  plan.def(name("sweeps_").c_str(), &sweeps_of<T>,
           "Describe the sweeps over a tile of each stage, a line each.");
  m.def(name("copy_").c_str(), &copy_state<T, float>, "state"_a.noconvert(),
        "Copy amplitudes into a new state of this precision.");
  m.def(name("copy_").c_str(), &copy_state<T, double>, "state"_a.noconvert());
  m.def(name("zero_state_").c_str(), &zero_state<T>, "num_qubits"_a, "Allocate |0...0>.");
  m.def("norm_squared", &norm_of<T>, "state"_a.noconvert(), "threads"_a, "Return sum |a|^2.");
  m.def("probabilities", &probabilities_of<T>, "state"_a.noconvert(), "qubits"_a, "threads"_a,
        "Return sum |a|^2 by the value of the qubits, lowest bit first.");
  m.def("reduced_density_matrix", &density_matrix_of<T>, "state"_a.noconvert(), "qubits"_a,
        "cancel"_a.none(), "threads"_a,
        "Return the density matrix of the qubits, flat, lowest bit first.");
  m.def("sparse_moments", &sparse_moments_of<T>, "state"_a.noconvert(), "values"_a, "columns"_a,
        "row_start"_a, "cancel"_a.none(), "threads"_a,
        "Return <state|M|state> and <state|M^dagger M|state> of a matrix by compressed rows.");
  m.def("collapse", &collapse_state<T>, "state"_a.noconvert(), "mask"_a, "value"_a, "scale"_a,
        "threads"_a, "Zero amplitudes whose masked bits differ from value; scale the rest.");
  m.def("block_norms", &block_norms_of<T>, "state"_a.noconvert(), "threads"_a,
        "Return sum |a|^2 of each block of the size that sample takes.");
  m.def("sample", &sample_state<T>, "state"_a.noconvert(), "uniforms"_a, "cancel"_a.none(),
        "threads"_a, "block_norms"_a = nb::none(),
        "Draw one basis state for each uniform, in its order.");
  m.def("pauli_expectations", &pauli_expectations_of<T>, "state"_a.noconvert(), "x_masks"_a,
        "z_masks"_a, "cancel"_a.none(), "threads"_a, "Return <state|P|state> for each string.");
  m.def("apply_pauli_sum", &apply_pauli_sum_to<T>, "state"_a.noconvert(), "x_masks"_a, "z_masks"_a,
        "weights"_a, "threads"_a, "Return a weighted sum of Pauli strings times the state.");
  m.def(name("zero_states_").c_str(), &zero_states<T>, "batch"_a, "num_qubits"_a,
        "Allocate rows of |0...0>.");
  m.def("sample_batch", &sample_states<T>, "states"_a.noconvert(), "uniforms"_a, "cancel"_a.none(),
        "threads"_a, "Draw one basis state of each row for each uniform of its row.");
  m.def("pauli_expectations_batch", &pauli_expectations_of_batch<T>, "states"_a.noconvert(),
        "x_masks"_a, "z_masks"_a, "cancel"_a.none(), "threads"_a,
        "Return <row|P|row> for each row and string.");
  m.def("inner", &inner_of<T>, "left"_a.noconvert(), "right"_a.noconvert(), "threads"_a,
        "Return <left|right>.");
}

template <typename T>
void bind_pairs(nb::class_<PairPlan>& plan) {
  using namespace nb::literals;
  plan.def(
      "adjoint", &adjoint_of<T>, "state"_a.noconvert(), "bra"_a.noconvert(), "parameters"_a,
      "cancel"_a.none(), "threads"_a,
      "Run this plan, the inverse of a circuit's, on the circuit's final state and on the bra, "
      "in place; return the derivative of 2 Re<bra|state> by each angle of the circuit.");
  plan.def("tangent", &tangent_of<T>, "state"_a.noconvert(), "derivative"_a.noconvert(),
           "parameters"_a, "direction"_a, "cancel"_a.none(), "threads"_a,
           "Run on a state and on its derivative along a direction of the parameters, in place.");
}

// Cancelled is a Python class: it is looked up when it is first needed.
void translate_cancelled(const std::exception_ptr& pointer, void*) {
  try {
    std::rethrow_exception(pointer);
  } catch (const Cancelled& error) {
    const nb::object type = nb::module_::import_("quasim_backend.errors").attr("Cancelled");
    PyErr_SetString(type.ptr(), error.what());
  }
}

}  // namespace
}  // namespace quasim::bindings

NB_MODULE(_cpu, m) {
  using namespace quasim;
  using namespace quasim::bindings;
  using namespace nb::literals;
  m.doc() = "The CPU kernels; use quasim_backend.kernels.native.";
  remember_main_thread();
  nb::register_exception_translator(translate_cancelled);

  nb::class_<NativePlan> plan(m, "Plan", "An ExecutionPlan made ready for the CPU kernels.");
  plan.def("__init__", &construct_native_plan, "plan"_a, "Copy the arrays of an ExecutionPlan.");
  bind_precision<float>(m, plan, "c64");
  bind_precision<double>(m, plan, "c128");

  nb::class_<PairPlan> pairs(m, "PairPlan", "A schedule of sweeps over two states.");
  pairs.def("__init__", &construct_pair_plan, "plan"_a, "tile_qubits"_a, "inner_qubits"_a,
            "low_qubits"_a, "prune"_a,
            "Schedule the primitives of an ExecutionPlan; prune: leave out what no derivative "
            "needs.");
  bind_pairs<float>(pairs);
  bind_pairs<double>(pairs);

  m.def("philox_uniforms", &philox_uniforms, "seed"_a, "shots"_a, "draw"_a,
        "Return the uniform of one draw for each shot.");
  m.def("philox_words", &philox_words, "counter"_a, "key"_a,
        "Return the four output words of Philox4x32-10.");
  m.def(
      "isa", [] { return std::string(current_isa().name); }, "Return the instruction set in use.");
  m.def("sample_block_bits", &sample_block_bits, "num_qubits"_a,
        "Return log2 of the amplitudes in a block whose sums sample takes.");
  m.def("available_isas", &available_isas, "Return the names this CPU can run, slowest first.");
  m.def("select_isa", &select_isa, "name"_a, "Use the kernels of one instruction set.");
  m.def("thread_limit", &thread_limit, "Return the number of threads a call may use.");
  m.def("set_thread_limit", &set_thread_limit, "threads"_a,
        "Set the number of threads a call may use.");
}
