// Every kernel by name: QUASIM_KERNEL(name, (parameters), (arguments)).
//
// Included once to make CUDA's entry points, and once to make the table that the host build looks
// names up in. A parameter is a pointer to device memory, an i64 or a double. `Real` and
// `Amplitude` are what the module is compiled for.

QUASIM_KERNEL(prepare_zero, (Amplitude * amplitudes, i64 num_qubits), (amplitudes, num_qubits))
QUASIM_KERNEL(collapse, (Amplitude * amplitudes, i64 num_qubits, i64 mask, i64 value, double scale),
              (amplitudes, num_qubits, mask, value, scale))

// Pauli sums
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
