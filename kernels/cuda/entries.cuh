// Every kernel by name: QUASIM_KERNEL(name, (parameters), (arguments)).
//
// Included once to make CUDA's entry points, and once to make the table that the host build looks
// names up in. A parameter is a pointer to device memory, an i64 or a double. `Real` and
// `Amplitude` are what the module is compiled for.

QUASIM_KERNEL(prepare_zero, (Amplitude * amplitudes, i64 num_qubits), (amplitudes, num_qubits))
QUASIM_KERNEL(collapse, (Amplitude * amplitudes, i64 num_qubits, i64 mask, i64 value, double scale),
              (amplitudes, num_qubits, mask, value, scale))
