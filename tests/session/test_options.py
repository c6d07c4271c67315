from __future__ import annotations

import copy
import inspect
import pickle

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend.errors import OptionError


def test_the_defaults_are_the_documented_ones() -> None:
    config = quasim.Config()
    assert (config.simulation_precision, config.max_workspace_mb) == ("fp32", 512)
    assert (config.device_id, config.enable_tensor_cores) == (0, True)
    assert (config.device, config.method, config.kernels) == ("auto", "auto", None)
    assert config.gate_times == {"single_qubit": 50e-9, "two_qubit": 300e-9, "measure": 1e-6}


def test_an_unknown_option_is_refused_with_near_matches() -> None:
    with pytest.raises(OptionError, match="Did you mean 'simulation_precision'"):
        quasim.Config(simulation_precison="fp32")
    with pytest.raises(OptionError, match="Did you mean 'num_threads'"):
        quasim.Config().num_thread = 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("simulation_precision", "fp31"),
        ("simulation_precision", 32),
        ("max_workspace_mb", 0),
        ("max_workspace_mb", float("nan")),
        ("device", "tpu"),
        ("device_id", -1),
        ("seed", -1),
        ("seed", 1.5),
        ("seed", 2**64),
        ("num_threads", 0),
        ("num_threads", True),
        ("require_gpu", "yes"),
        ("method", ""),
        ("kernels", 3),
        ("gate_times", {"one_qubit": 1e-9}),
        ("gate_times", {"measure": -1}),
        ("gate_times", 5),
        ("max_memory_mb", "1 GB"),
        ("fallback", None),
        ("fallback", 5),
        ("fallback", ("",)),
        ("fallback", ["matrix_product_state", 3]),
    ],
)
def test_an_impossible_value_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(OptionError, match=name):
        quasim.Config(**{name: value})
    with pytest.raises(OptionError, match=name):
        setattr(quasim.Config(), name, value)


def test_devices_are_read_in_any_case_and_gate_times_are_completed() -> None:
    config = quasim.Config(device="GPU", gate_times={"measure": 2e-6})
    assert config.device == "gpu"
    assert config.gate_times == {"single_qubit": 50e-9, "two_qubit": 300e-9, "measure": 2e-6}


def test_a_runtime_takes_a_frozen_copy() -> None:
    config = quasim.Config(seed=1)
    with quasim.runtime(config) as rt:
        config.seed = 2
        assert rt.config.seed == 1
        with pytest.raises(OptionError, match="frozen"):
            rt.config.seed = 3
        assert rt.config.copy(seed=4).seed == 4


def test_a_config_survives_pickle_and_deepcopy() -> None:
    config = quasim.Config(seed=5, device="cpu").frozen()
    for other in (pickle.loads(pickle.dumps(config)), copy.deepcopy(config)):
        assert (other.seed, other.device, other.is_frozen) == (5, "cpu", True)


@pytest.mark.parametrize("options", [{"distributed": True}, {"num_devices": 4}])
def test_what_is_not_available_yet_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(quasim.UnsupportedError, match="not available in this version"):
        quasim.runtime(quasim.Config(**options))


def test_reduced_precision_warns_and_says_so_in_the_metadata() -> None:
    with pytest.warns(RuntimeWarning, match="fp16.*computed as 'fp32'"):
        rt = quasim.runtime(simulation_precision="fp16")
    with rt:
        facts = rt.run(quasim.Circuit(1).x(0).measure_all(), 1).metadata
    assert facts["precision"] == "fp32"
    assert any("fp16" in note for note in facts["notes"])


def test_every_public_name_exists_and_is_listed() -> None:
    for name in quasim.__all__:
        assert getattr(quasim, name) is not None
        assert name in dir(quasim)
    assert inspect.isfunction(quasim.runtime)
    with pytest.raises(AttributeError, match="no attribute 'Circus'"):
        quasim.Circus  # noqa: B018


@pytest.mark.parametrize(("precision", "tile"), [("fp32", 14), ("fp64", 13)])
def test_plan_options_are_completed_by_the_precision(precision: str, tile: int) -> None:
    circuit = quasim.Circuit(18)
    for layer in range(20):
        for q in range(18):
            circuit.rx(0.1 + layer, q)
        for q in range(17):
            circuit.cx(q, q + 1)
    options = quasim.PlanOptions(max_fused=2)
    with quasim.runtime(simulation_precision=precision, plan=options) as rt:
        (step,) = rt.compile(circuit, keep_idle=True).steps
    local = np.diff(step.plan.stage_qubit_start).max()
    assert local == (tile if step.plan.planner == "native" else 18)
