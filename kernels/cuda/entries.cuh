// Every kernel by name: QUASIM_KERNEL(name, (parameters), (arguments)), or QUASIM_TILE_KERNEL for
// those that hold a tile in registers.
//
// Included once to make CUDA's entry points, and once to make the table that the host build looks
// names up in. A parameter is a pointer to device memory, an i64 or a double. `Real` and
// `Amplitude` are what the module is compiled for.

QUASIM_KERNEL(prepare_zero, (Amplitude * amplitudes, i64 num_qubits), (amplitudes, num_qubits))
QUASIM_KERNEL(collapse, (Amplitude * amplitudes, i64 num_qubits, i64 mask, i64 value, double scale),
              (amplitudes, num_qubits, mask, value, scale))

// Circuits.
QUASIM_TILE_KERNEL(tile,
                   (Amplitude * amplitudes, const char* program, i64 stage, const Real* numbers,
                    const Turn<Real>* turns, i64 number_stride, i64 turn_stride, i64 live),
                   (amplitudes, program, stage, numbers, turns, number_stride, turn_stride, live))
QUASIM_TILE_KERNEL(counting_tile,
                   (Amplitude * amplitudes, const char* program, i64 stage, const Real* numbers,
                    const Turn<Real>* turns, i64 number_stride, i64 turn_stride, i64 live,
                    double* sums, const i64* places, i64 counted, i64 inner),
                   (amplitudes, program, stage, numbers, turns, number_stride, turn_stride, live,
                    sums, places, counted, inner))
QUASIM_TILE_KERNEL(pair_tile,
                   (Amplitude * amplitudes, const char* program, i64 stage, const Real* numbers,
                    const Turn<Real>* turns, i64 number_stride, i64 turn_stride, i64 live,
                    Amplitude* second, double* slopes, i64 slots),
                   (amplitudes, program, stage, numbers, turns, number_stride, turn_stride, live,
                    second, slopes, slots))
QUASIM_TILE_KERNEL(exchange_qubits, (Amplitude * amplitudes, const char* program, i64 number),
                   (amplitudes, program, number))
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
// Reductions and samples.
QUASIM_KERNEL(add_splits, (const double* sums, double* result, i64 splits, i64 size, i64 width),
              (sums, result, splits, size, width))
QUASIM_KERNEL(probabilities,
              (const Amplitude* amplitudes, double* sums, const i64* places, i64 num_qubits,
               i64 measured, i64 splits),
              (amplitudes, sums, places, num_qubits, measured, splits))
QUASIM_KERNEL(shot_uniforms, (double* uniforms, i64 seed, i64 first_shot, i64 shots, i64 draw),
              (uniforms, seed, first_shot, shots, draw))
QUASIM_KERNEL(running_sums,
              (const double* values, double* running, double* totals, i64 size, i64 share),
              (values, running, totals, size, share))
QUASIM_KERNEL(running_totals, (double* totals, i64 chunks), (totals, chunks))
QUASIM_KERNEL(draw_shots,
              (const Amplitude* amplitudes, const double* uniforms, const double* running,
               const double* ends, u64* result, u64* bad, i64 num_qubits, i64 block_bits,
               i64 chunks, i64 shots),
              (amplitudes, uniforms, running, ends, result, bad, num_qubits, block_bits, chunks,
               shots))
QUASIM_KERNEL(inner, (const Amplitude* left, const Amplitude* right, double* sums, i64 num_qubits),
              (left, right, sums, num_qubits))
QUASIM_KERNEL(sparse_moments,
              (const Amplitude* amplitudes, const quasim_device::Complex<double>* values,
               const i64* columns, const i64* row_start, double* sums, u64* bad, i64 num_qubits,
               i64 entries, i64 lanes),
              (amplitudes, values, columns, row_start, sums, bad, num_qubits, entries, lanes))
QUASIM_KERNEL(density_of_one,
              (const Amplitude* amplitudes, quasim_device::Complex<double>* sums, const i64* places,
               i64 num_qubits, i64 kept, i64 row_bits, i64 column_bits, i64 splits),
              (amplitudes, sums, places, num_qubits, kept, row_bits, column_bits, splits))
QUASIM_KERNEL(density_of_many,
              (const Amplitude* amplitudes, quasim_device::Complex<double>* sums, const i64* places,
               i64 num_qubits, i64 kept, i64 row_bits, i64 column_bits, i64 splits),
              (amplitudes, sums, places, num_qubits, kept, row_bits, column_bits, splits))

// Pauli sums.
QUASIM_KERNEL(pauli_sums,
              (const Amplitude* states, i64 num_qubits, const u64* tiling, const u32* transforms,
               i64 num_transforms, const u64* terms, i64 num_terms, i64 shares, double* sums),
              (states, num_qubits, tiling, transforms, num_transforms, terms, num_terms, shares,
               sums))
QUASIM_KERNEL(pauli_totals,
              (const double* sums, i64 shares, i64 num_terms, double* totals, i64 stride),
              (sums, shares, num_terms, totals, stride))
QUASIM_KERNEL(pauli_products,
              (const Amplitude* states, Amplitude* results, i64 num_qubits, i64 adds,
               const u64* tiling, const u32* groups, i64 first_real, i64 num_groups,
               const u64* terms, const Real* weights),
              (states, results, num_qubits, adds, tiling, groups, first_real, num_groups, terms,
               weights))
