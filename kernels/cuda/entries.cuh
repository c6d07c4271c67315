// Every kernel by name: QUASIM_KERNEL(name, (parameters), (arguments)).
//
// Included once to make CUDA's entry points, and once to make the table that the host build looks
// names up in. A parameter is a pointer to device memory, an i64 or a double. `Real` and
// `Amplitude` are what the module is compiled for.

QUASIM_KERNEL(prepare_zero, (Amplitude * amplitudes, i64 num_qubits), (amplitudes, num_qubits))
QUASIM_KERNEL(collapse, (Amplitude * amplitudes, i64 num_qubits, i64 mask, i64 value, double scale),
              (amplitudes, num_qubits, mask, value, scale))

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
