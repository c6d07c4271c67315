"""Cirq's own tests, which its wheel ships, run on our simulator under Cirq's name.

A child process loads `rebind_simulator.py` and collects the test files of the installed Cirq, so
nothing of them is copied here. Every deviation is listed below by name, with its reason; a listed
test that starts to pass is an error too.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

cirq = pytest.importorskip("cirq")

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
CIRQ = Path(cirq.__file__).parent

COUNTS_STEPS = "counts calls of Cirq's step iterator, which is not used"
OTHER_SEED = "expects the samples of one seed; a density matrix is sampled from other numbers"
DEVIATIONS = {
    "sim/sparse_simulator_test.py": {
        "test_run_repetitions_measure_at_end": COUNTS_STEPS,
        "test_run_invert_mask_measure_not_terminal": COUNTS_STEPS,
        "test_run_partial_invert_mask_measure_not_terminal": COUNTS_STEPS,
        "test_run_repetitions_measurement_not_terminal": COUNTS_STEPS,
    },
    "sim/density_matrix_simulator_test.py": {
        "test_run_repetitions_measure_at_end": COUNTS_STEPS,
        "test_run_repetitions_measurement_not_terminal": COUNTS_STEPS,
        "test_measuring_subcircuits_cause_sweep_repeat": COUNTS_STEPS,
        "test_nonmeasuring_subcircuits_do_not_cause_sweep_repeat": COUNTS_STEPS,
        "test_sweep_unparameterized_prefix_not_repeated_even_non_unitaries": COUNTS_STEPS,
        "test_random_seed": OTHER_SEED,
        "test_random_seed_terminal_measurements_deterministic": OTHER_SEED,
        "test_random_seed_non_terminal_measurements_deterministic": OTHER_SEED,
        "test_separated_states_str_does_not_merge": "prints untangled qubits apart",
    },
    # `cirq.sample` of what has no unitary, or symbols, is a density-matrix simulator's.
    "sim/mux_test.py": {
        "test_sample_seed_non_unitary": OTHER_SEED,
        "test_sample_sweep_seed": OTHER_SEED,
    },
}
SLOW = (
    "sim/simulator_test.py",
    "sim/simulator_base_test.py",
    "sim/state_vector_simulator_test.py",
    "sim/state_vector_test.py",
    "sim/mux_test.py",
    "circuits/circuit_operation_test.py",
    "ops/classically_controlled_operation_test.py",
    "ops/kraus_channel_test.py",
    "ops/mixed_unitary_channel_test.py",
    "ops/common_gates_test.py",
    "ops/pauli_string_phasor_test.py",
    "work/sampler_test.py",
    "work/collector_test.py",
    "work/pauli_sum_collector_test.py",
    "work/observable_measurement_test.py",
    "transformers/measurement_transformers_test.py",
    "devices/noise_model_test.py",
    "experiments",
)


def run_cirqs_tests(*paths: str) -> tuple[set[str], int]:
    """Return the names of the failed tests, without parameters, and how many tests passed."""
    path = os.pathsep.join(
        [str(HERE), *(str(p) for p in (ROOT, ROOT / "providers")), *filter(None, sys.path)]
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "rebind_simulator"]
    command += ["-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={CIRQ}", "--tb=no", "-rf"]
    finished = subprocess.run(
        [*command, *(str(CIRQ / p) for p in paths)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    passed = re.search(r"(\d+) passed", finished.stdout)
    assert passed, finished.stdout[-3000:] + finished.stderr[-3000:]
    assert "error" not in finished.stdout.splitlines()[-1], finished.stdout[-3000:]
    failed = set(re.findall(r"^FAILED .*?::(\w+)", finished.stdout, re.MULTILINE))
    return failed, int(passed[1])


def test_sparse_simulator_suite_passes_but_for_the_listed_tests():
    name = "sim/sparse_simulator_test.py"
    failed, passed = run_cirqs_tests(name)
    assert failed == set(DEVIATIONS[name])
    assert passed > 150


def test_density_matrix_suite_passes_but_for_the_listed_tests():
    name = "sim/density_matrix_simulator_test.py"
    failed, passed = run_cirqs_tests(name)
    assert failed == set(DEVIATIONS[name])
    assert passed > 200


@pytest.mark.slow
def test_other_suites_pass():
    failed, passed = run_cirqs_tests(*SLOW)
    assert failed == set(DEVIATIONS["sim/mux_test.py"])
    assert passed > 800
