// NumPy arrays in and out of the bindings.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <complex>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "quasim/plan.hpp"
#include "quasim/program.hpp"

namespace quasim::bindings {

namespace nb = nanobind;

template <typename T>
using Array = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <typename T>
using MutableArray = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <typename T>
using NumpyArray = nb::ndarray<nb::numpy, T, nb::ndim<1>, nb::c_contig>;

template <typename T>
std::span<const T> view(const Array<T>& array) {
  return {array.data(), array.size()};
}

// Hands a vector over to NumPy without copying its elements.
template <typename T>
NumpyArray<T> to_numpy(std::vector<T> values) {
  auto* const owned = new std::vector<T>(std::move(values));
  const nb::capsule owner(owned, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  return NumpyArray<T>(owned->data(), {owned->size()}, owner);
}

// Attribute `name` as an array; keeps it alive as long as this object.
template <typename T>
class Field {
 public:
  Field(nb::handle object, const char* name) : array_(nb::cast<Array<T>>(object.attr(name))) {}
  operator std::span<const T>() const { return view(array_); }
  std::vector<T> copy() const { return {array_.data(), array_.data() + array_.size()}; }

 private:
  Array<T> array_;
};

// The arrays of a quasim_backend.ir.program.Program, borrowed.
class ProgramFields {
 public:
  explicit ProgramFields(nb::handle p)
      : num_qubits_(nb::cast<int>(p.attr("num_qubits"))),
        kind_(p, "kind"),
        target_start_(p, "target_start"),
        targets_(p, "targets"),
        control_mask_(p, "control_mask"),
        control_value_(p, "control_value"),
        x_mask_(p, "x_mask"),
        z_mask_(p, "z_mask"),
        data_start_(p, "data_start"),
        data_(p, "data"),
        table_start_(p, "table_start"),
        table_(p, "table"),
        angle_offset_(p, "angle_offset"),
        term_start_(p, "term_start"),
        term_parameter_(p, "term_parameter"),
        term_weight_(p, "term_weight") {}

  Program view() const {
    return {num_qubits_,   kind_,       target_start_,   targets_,    control_mask_, control_value_,
            x_mask_,       z_mask_,     data_start_,     data_,       table_start_,  table_,
            angle_offset_, term_start_, term_parameter_, term_weight_};
  }

 private:
  int num_qubits_;
  Field<std::uint8_t> kind_;
  Field<std::int32_t> target_start_, targets_;
  Field<std::uint64_t> control_mask_, control_value_, x_mask_, z_mask_;
  Field<std::int64_t> data_start_;
  Field<Complex> data_;
  Field<std::int64_t> table_start_, table_;
  Field<double> angle_offset_;
  Field<std::int32_t> term_start_, term_parameter_;
  Field<double> term_weight_;
};

// The arrays of an ExecutionPlan, copied.
inline Plan plan_of(nb::handle plan) {
  Plan arrays;
  const auto load = [&](auto& slot, const char* name) {
    using Value = typename std::remove_reference_t<decltype(slot)>::value_type;
    slot = Field<Value>(plan, name).copy();
  };
  load(arrays.op_kind, "op_kind");
  load(arrays.op_member_start, "op_member_start");
  load(arrays.op_members, "op_members");
  load(arrays.op_qubit_start, "op_qubit_start");
  load(arrays.op_qubits, "op_qubits");
  load(arrays.stage_start, "stage_start");
  load(arrays.stage_qubit_start, "stage_qubit_start");
  load(arrays.stage_qubits, "stage_qubits");
  load(arrays.stage_fma, "stage_fma");
  return arrays;
}

}  // namespace quasim::bindings
