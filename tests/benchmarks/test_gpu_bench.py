"""The GPU benchmark on the host: it compares before it believes, and writes as it goes."""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import gpu_bench
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "kernels"))  # `custatevec_library`

from custatevec_library import NumPyLibrary, _memory
from gpu import engines, roofline, updater
from gpu.budget import Budget
from gpu.circuits import FAMILIES, plan_of, plan_options
from gpu.compare import Sample, WrongStateError, blocks, check
from gpu.place import Host
from gpu.sections import SECTIONS, families
from gpu.setting import Setting

from quasim_backend.compile import planner
from quasim_backend.kernels.cuda import emulated
from quasim_backend.kernels.cuda import program as programs
from quasim_backend.kernels.cuda.program import StepKind, make_program
from quasim_backend.kernels.custatevec import CuStateVecKernels
from quasim_backend.kernels.custatevec.calls import Calls
from quasim_backend.kernels.reference import ReferenceKernels
from quasim_backend.options import Config
from quasim_backend.plugins import default_manager

BOTH = ["complex64", "complex128"]


def run(folder, *words):
    quick = ["--members", "7", "--shots", "500", "--repeats", "1", "--output", str(folder)]
    status = gpu_bench.main([*words, *quick])
    path = folder / "gpu.json"
    return status, json.loads(path.read_text()) if path.exists() else None


def setting(kernels, calls=None, **fields):
    usual = {"dtypes": BOTH, "families": list(FAMILIES), "qubits": [5], "members": 4}
    skipped = {engines.UPDATER: "no GPU"}
    return Setting(
        Host(), kernels.name, kernels, calls, 1e10, **usual | fields, repeats=1, skipped=skipped
    )


@pytest.mark.parametrize("name", ["native", "reference", "emulate"])
def test_it_runs_on_the_host(name, tmp_path, capsys):
    specs = default_manager().kernels.specs
    if name not in specs or specs[name].is_available() is not None:
        pytest.skip(f"no kernel set '{name}'")
    status, result = run(tmp_path, "--kernels", name, "--qubits", "4-6")
    assert status == 0, capsys.readouterr().out
    assert [len(result["sections"][s]) for s in SECTIONS] == [60, 2, 1, 2, 10, 0]
    for row in result["sections"]["families"] + result["sections"]["naive"]:
        assert row["compared"]
        assert row["distance"][engines.NUMPY]["relative"] < 1e-5
    assert result["skipped"][engines.CUSTATEVEC] == "our kernels run on the host"
    text = (tmp_path / "gpu.md").read_text()
    assert "Copy bandwidth in the same run" in text
    assert "gpu_bench.py --kernels" in text
    assert all(f"### {SECTIONS[s].TITLE}" in text for s in list(SECTIONS)[:-1])


def test_a_kernel_set_that_cannot_be_used_says_why(tmp_path, capsys):
    assert run(tmp_path, "--kernels", "nativ") == (1, None)
    assert "Did you mean 'native'" in capsys.readouterr().out
    if default_manager().kernels["custatevec"].is_available() is not None:
        assert run(tmp_path, "--kernels", "custatevec") == (1, None)
        assert "Kernel set 'custatevec': " in capsys.readouterr().out


@pytest.mark.parametrize("dtype", BOTH)
@pytest.mark.parametrize("family", FAMILIES)
def test_custatevec_computes_every_family(family, dtype):
    calls = Calls(NumPyLibrary(), np)
    row = families.measure(setting(ReferenceKernels(), calls), family, 5, dtype)
    found = row["engines"][engines.CUSTATEVEC]
    assert found["passes"] <= row["gates"]
    assert found["setting"] in {f"fused to {width} qubits" for width in engines.FUSIONS}
    assert row["compared"]


def test_other_sections_compare_custatevec_too():
    calls = Calls(NumPyLibrary(), np)
    asked = setting(CuStateVecKernels(1, calls=calls), calls, dtypes=["complex128"], shots=100)
    asked.name = "ours"
    for name in ("sampling", "gradients", "batches"):
        (row,) = SECTIONS[name].run(asked, Budget(100.0))
        assert engines.CUSTATEVEC in row["seconds"]
        assert "error" not in row
        assert engines.CUSTATEVEC in SECTIONS[name].table([row])


class Wrong(ReferenceKernels):
    name = "wrong"

    def run(self, plan, state, *rest, **more):
        super().run(plan, state, *rest, **more)
        state[1] += 1e-3


def test_wrong_states_are_not_timed(tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "kernel_set", lambda name, device: Wrong())
    words = ("--kernels", "native", "--qubits", "5", "--sections", "naive", "--families", "QFT")
    status, result = run(tmp_path, *words)
    (row,) = result["sections"]["naive"]
    assert status == gpu_bench.WRONG
    assert engines.NUMPY in row["error"]
    assert "engines" not in row
    assert "wrong states" in (tmp_path / "gpu.md").read_text()


def test_a_section_that_fails_leaves_the_others(tmp_path, monkeypatch):
    def fail(asked, budget):
        yield {"qubits": 5, "dtype": "complex64", "error": "half of it"}
        raise RuntimeError("out of luck")

    broken = SimpleNamespace(TITLE="Broken", SECONDS=1.0, run=fail, table=lambda rows: "half")
    monkeypatch.setitem(SECTIONS, "sampling", broken)
    words = ("--kernels", "reference", "--qubits", "4", "--sections", "sampling", "batches")
    status, result = run(tmp_path, *words)
    assert status == gpu_bench.WRONG
    assert "out of luck" in result["unfinished"]["sampling"]
    assert len(result["sections"]["sampling"]) == 1
    assert len(result["sections"]["batches"]) == 2


def test_passes_are_counted_by_the_kernel_set():
    kernels = ReferenceKernels()
    plan = plan_of("QFT", 5, plan_options("complex64"))
    assert engines.ours(kernels, Host(), plan, "complex64").passes == plan.num_stages
    kernels.passes = lambda plan, dtype: 7
    assert engines.ours(kernels, Host(), plan, "complex64").passes == 7


def test_nothing_begins_when_the_time_is_over():
    asked = setting(ReferenceKernels())
    assert [list(section.run(asked, Budget(0.0))) for section in SECTIONS.values()] == [[]] * 6


def test_blocks_of_wide_states_are_compared():
    parts = blocks(30)
    assert parts[0].start == 0
    assert parts[-1].stop == 1 << 30
    assert sum(part.stop - part.start for part in parts) < 1 << 22
    ends = np.full(1 << 16, 2.0**-15)
    good = Sample.of(30, lambda part: ends, 1.0)
    bad = Sample.of(30, lambda part: ends * (1 + 1e-3 * (part.start == 0)), 1.0)
    check({"a": good, "b": good}, "complex64", "case")
    with pytest.raises(WrongStateError, match="case: b differ from a"):
        check({"a": good, "b": bad}, "complex64", "case")
    short = Sample.of(30, lambda part: ends, 0.5)
    with pytest.raises(WrongStateError, match="case: a, b differ from a or 1"):
        check({"a": short, "b": short}, "complex64", "case")


# --- predictions ------------------------------------------------------------------------------


# Bytes of an amplitude read and written; bytes of shared memory and instructions, a second.
_ROUND_TRIP, _SHARED, _ISSUED = 16, 132 * 128 * 1.755e9, 0.75 * 132 * 128 * 1.755e9


def steps(kind, phases, fma):
    return SimpleNamespace(kind=np.array(kind), phases=np.array(phases), fma=np.array(fma))


def test_a_prediction_takes_the_longer_time_of_each_step():
    program = steps([StepKind.STAGE, StepKind.SWAPS, StepKind.STAGE], [1, 2, 4], [1.0, 1.0, 1e4])
    found = roofline.predict(program, 20, "H100", "complex64")
    memory = _ROUND_TRIP * 2**20 / (0.9 * 3.35e12)
    exchange = _ROUND_TRIP * 2**20 / _SHARED
    issue = 1e4 * 2**20 / _ISSUED
    assert (found.passes, found.exchanges, found.bound) == (3, 4, "instructions")
    assert found.bytes == 3 * _ROUND_TRIP * 2**20
    assert found.seconds == pytest.approx(2 * memory + issue + 3 * exchange)
    double = roofline.predict(program, 20, "H100", "complex128")
    assert double.seconds == pytest.approx(2 * (2 * memory + issue + 3 * exchange))
    game = roofline.predict(program, 20, "RTX 4090", "complex128")
    single = roofline.predict(program, 20, "RTX 4090", "complex64")
    assert game.issue_seconds == pytest.approx(64 * single.issue_seconds)


def test_a_wide_primitive_is_two_passes_without_exchanges():
    found = roofline.predict(steps([StepKind.WIDE], [0], [0.0]), 20, "H100", "complex64")
    assert (found.passes, found.exchanges, found.bound) == (2, 0, "memory")
    assert found.seconds == pytest.approx(2 * _ROUND_TRIP * 2**20 / (0.9 * 3.35e12))


def test_datasheets_are_what_lanes_and_clocks_give():
    sheets = {"A100": 9.75e12, "RTX 4090": 41.3e12}  # multiply-adds a second at their boost clocks
    for name, fma in sheets.items():
        assert roofline.GPUS[name].issue_rate(8) == pytest.approx(fma, rel=0.01)


def test_only_the_forms_in_the_table_are_known():
    names = ["NVIDIA H100 80GB HBM3", "NVIDIA H100 PCIe", "NVIDIA A100-SXM4-40GB", "Tesla T4"]
    assert [roofline.name_of(name) for name in names] == ["H100", None, None, None]


@pytest.mark.skipif(emulated.is_available() is not None, reason="no emulated kernels")
def test_what_is_measured_has_its_prediction_beside_it(monkeypatch):
    ours = default_manager().kernels["emulate"].make(Config())
    assert families.measure(setting(ours), "QFT", 5, "complex64")["predicted"] is None
    monkeypatch.setattr(Host, "describe", lambda self: {"device": "NVIDIA H100 80GB HBM3"})
    row = families.measure(setting(ours), "QFT", 5, "complex64")
    program = make_program(plan_of("QFT", 5, plan_options("complex64")), np.dtype("complex64"))
    assert row["predicted"] == roofline.predict(program, 5, "H100", "complex64").seconds
    theirs = families.measure(setting(ReferenceKernels()), "QFT", 5, "complex64")
    assert theirs["predicted"] is None


@pytest.mark.skipif(
    (planner.is_available() or programs.is_available()) is not None, reason="no native planner"
)
def test_predictions_need_no_gpu_and_claim_no_measurement(tmp_path, capsys):
    words = ["--predict", "--dtypes", "complex64", "--output", str(tmp_path)]
    assert gpu_bench.main(words) == 0
    text = capsys.readouterr().out
    assert text.count("not measured") == len(FAMILIES)
    plan = plan_of("QFT", 30, plan_options("complex64"))
    passes = make_program(plan, np.dtype("complex64")).passes
    assert f"| QFT | {passes} |" in text
    row = {"family": "QFT", "qubits": 30, "dtype": "complex64", "engines": {"cuda": {}}}
    row["engines"]["cuda"]["seconds"] = 0.123
    known = {"kernels": "cuda", "machine": {"device": "NVIDIA H100 80GB HBM3"}}
    known["sections"] = {"families": [row]}
    (tmp_path / "gpu.json").write_text(json.dumps(known))
    gpu_bench.main(words)
    text = capsys.readouterr().out
    assert text.count("not measured") == len(FAMILIES) - 1
    assert "| 123 |" in text
    gpu_bench.main([*words, "--gpu", "A100"])
    assert capsys.readouterr().out.count("not measured") == len(FAMILIES)


# --- custatevecEx -----------------------------------------------------------------------------


class NumPyUpdater:
    """What the benchmark uses of ``cuquantum.bindings.custatevecEx``, on one host state."""

    MatrixType = SimpleNamespace(DENSE=0, DIAGONAL=1)

    def __init__(self):
        self.library, self.queue, self.open = NumPyLibrary(), [], 0

    def configure_state_vector_single_device(
        self, sv_data_type, num_wires, num_device_wires, device_id, capability
    ):
        assert num_wires == num_device_wires
        self.n, self.type, self.open = num_wires, sv_data_type, self.open + 1
        return 7

    def state_vector_create_single_process(self, sv_config, streams, num_streams, resource_manager):
        self.state = np.zeros(1 << self.n, {4: np.complex64, 5: np.complex128}[self.type])
        self.handle, self.open = self.library.create(), self.open + 1
        return 8

    def configure_sv_updater(self, data_type, config_items=()):
        assert data_type == self.type
        self.open += 1
        return 9

    def sv_updater_create(self, sv_updater_config, resource_manager):
        self.open += 1
        return 10

    def dictionary_destroy(self, dictionary):
        self.open -= 1

    def sv_updater_destroy(self, sv_updater):
        self.open -= 1

    def state_vector_destroy(self, state_vector):
        self.open -= 1

    def state_vector_set_zero_state(self, state_vector):
        self.state[0] = 1

    def sv_updater_clear(self, sv_updater):
        self.queue = []

    def sv_updater_enqueue_matrix(
        self,
        sv_updater,
        matrix,
        matrix_data_type,
        ex_matrix_type,
        layout,
        adjoint,
        targets,
        num_targets,
        controls,
        control_bit_values,
        num_controls,
    ):
        size = 1 << num_targets
        count = size if ex_matrix_type == self.MatrixType.DIAGONAL else size * size
        numbers = _memory(matrix, np.complex128, count).copy()
        held = (controls, control_bit_values, num_controls)
        self.queue.append((numbers, matrix_data_type, layout, targets, num_targets, held))

    def sv_updater_apply(self, sv_updater, state_vector, randnums, num_randnums):
        where = (self.handle, self.state.ctypes.data, self.type, self.n)
        for numbers, kind, layout, targets, count, held in self.queue:
            if len(numbers) == 1 << count:
                numbers = np.diag(numbers).copy()
            address = numbers.ctypes.data
            rest = (kind, layout, 0, targets, count, *held, 0, 0, 0)
            self.library.apply_matrix(*where, address, *rest)

    def state_vector_synchronize(self, state_vector):
        pass

    def state_vector_get_state(
        self, state_vector, state, data_type, begin, end, max_num_concurrent_copies
    ):
        _memory(state, self.state.dtype, end - begin)[:] = self.state[begin:end]

    def abs2sum_array(
        self,
        state_vector,
        abs2sum,
        output_ordering,
        output_ordering_len,
        mask_bit_string,
        mask_wire_ordering,
        mask_len,
    ):
        _memory(abs2sum, np.float64, 1)[0] = np.vdot(self.state, self.state).real


@pytest.mark.parametrize("dtype", BOTH)
def test_the_updater_computes_every_family(monkeypatch, dtype):
    for family in FAMILIES:
        fake = NumPyUpdater()
        modules = {"custatevecEx": fake, "custatevec": fake.library}
        load = SimpleNamespace(import_module=lambda name, m=modules: m[name.rpartition(".")[2]])
        monkeypatch.setattr(updater, "importlib", load)
        asked = setting(default_manager().kernels["reference"].make(Config()))
        asked.skipped.clear()
        row = families.measure(asked, family, 5, dtype)
        assert not row["skipped"]
        assert row["distance"][engines.UPDATER]["relative"] < 1e-4
        assert fake.open == 0


def test_the_updater_is_called_as_the_real_one_wants():
    pytest.importorskip("cuquantum", reason="cuQuantum is not installed", exc_type=ImportError)
    real = importlib.import_module("cuquantum.bindings.custatevecEx")
    for name, function in inspect.getmembers(NumPyUpdater(), inspect.ismethod):
        if not name.startswith("_"):
            ours = list(inspect.signature(function).parameters)
            assert list(inspect.signature(getattr(real, name)).parameters) == ours, name
