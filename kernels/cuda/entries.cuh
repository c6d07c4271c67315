// Every kernel by name: QUASIM_KERNEL(name, (parameters), (arguments)).
//
// Included once to make CUDA's entry points, and once to make the table that the host build looks
// names up in. A parameter is a pointer to device memory, an i64 or a double. `Real` and
// `Amplitude` are what the module is compiled for.

QUASIM_KERNEL(prepare_zero, (Amplitude * amplitudes, i64 num_qubits), (amplitudes, num_qubits))
QUASIM_KERNEL(collapse, (Amplitude * amplitudes, i64 num_qubits, i64 mask, i64 value, double scale),
              (amplitudes, num_qubits, mask, value, scale))

// Circuits.
QUASIM_KERNEL(tile,
              (Amplitude * amplitudes, Amplitude* second, const char* program, i64 stage,
               const Real* numbers, const Turn<Real>* turns, i64 number_stride, i64 turn_stride,
               i64 live, double* slopes, i64 slots),
              (amplitudes, second, program, stage, numbers, turns, number_stride, turn_stride, live,
               slopes, slots))
QUASIM_KERNEL(bind,
              (const char* program, const double* parameters, i64 parameter_stride,
               const double* direction, Real* numbers, i64 number_stride, Turn<Real>* turns,
               i64 turn_stride),
              (program, parameters, parameter_stride, direction, numbers, number_stride, turns,
               turn_stride))
QUASIM_KERNEL(gather_groups,
              (const Amplitude* amplitudes, const i32* targets, i64 width, i64 free, i64 fixed,
               i64 first, i64 groups, Amplitude* scratch),
              (amplitudes, targets, width, free, fixed, first, groups, scratch))
QUASIM_KERNEL(multiply_groups,
              (Amplitude * amplitudes, const i32* targets, i64 width, i64 free, i64 fixed,
               i64 first, i64 groups, const Amplitude* scratch, const char* program, i64 data),
              (amplitudes, targets, width, free, fixed, first, groups, scratch, program, data))
QUASIM_KERNEL(permute_groups,
              (Amplitude * amplitudes, const i32* targets, i64 width, i64 free, i64 fixed,
               i64 first, i64 groups, const Amplitude* scratch, const char* program, i64 data),
              (amplitudes, targets, width, free, fixed, first, groups, scratch, program, data))
QUASIM_KERNEL(add_rows, (const double* values, i64 rows, i64 columns, double* result),
              (values, rows, columns, result))
