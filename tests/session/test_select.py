from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend.compile.code import CompiledCircuit
from quasim_backend.engines.base import EngineOutput, EngineRequest
from quasim_backend.errors import DeviceError, OptionError, PluginError, UnsupportedError
from quasim_backend.kernels.cuda import availability
from quasim_backend.kernels.reference import ReferenceKernels
from quasim_backend.options import RunOptions
from quasim_backend.plugins import EngineSpec, KernelSpec, PluginManager, hookimpl
from quasim_backend.plugins.fallbacks import approximating
from quasim_backend.session import select
from quasim_backend.session.choice import exactly


class Engine:
    """Accepts circuits up to a width and answers with nothing."""

    def __init__(self, name: str, refusal: str | None = None) -> None:
        self.name = name
        self.refusal = refusal

    def refuses(self, compiled: CompiledCircuit, request: EngineRequest) -> str | None:
        return self.refusal

    def memory_bytes(self, compiled: CompiledCircuit, request: EngineRequest) -> int:
        return 0

    def run(self, compiled: CompiledCircuit, request: EngineRequest) -> EngineOutput:
        return EngineOutput(metadata={"ran": self.name})


class Kernels(ReferenceKernels):
    name = "toy_gpu"


class Plugin:
    """Engines and a GPU kernel set of a test."""

    def __init__(self, gpu_reason: str | None = None, choice: str | None = None) -> None:
        self.gpu_reason = gpu_reason
        self.choice = choice

    @hookimpl
    def quasim_engines(self) -> Iterator[EngineSpec]:
        yield EngineSpec("picky", lambda: Engine("picky", "too tired"), priority=9)
        yield EngineSpec("eager", lambda: Engine("eager"), priority=5)
        yield EngineSpec("approximate", lambda: Engine("approximate"))

    @hookimpl
    def quasim_kernels(self) -> Iterator[KernelSpec]:
        # Above any GPU this machine may have.
        yield KernelSpec("toy_gpu", "gpu", lambda config: Kernels(), self.available, priority=99)

    @hookimpl
    def quasim_select_engine(self, compiled: CompiledCircuit, options: RunOptions) -> str | None:
        return self.choice

    def available(self) -> str | None:
        return self.gpu_reason


CIRCUIT = quasim.Circuit(1, 1).x(0).measure(0, 0)


def facts(plugin: object | None = None, **options: object) -> dict[str, object]:
    plugins = PluginManager(entry_points=False, plugins={"toy": plugin} if plugin else None)
    with quasim.runtime(plugins=plugins, **options) as rt:
        return rt.run(CIRCUIT).metadata


def test_auto_takes_the_first_engine_by_priority_that_accepts_and_says_why() -> None:
    found = facts(Plugin())
    assert found["ran"] == "eager"
    assert "picky: too tired" in str(found["reason"])


def test_an_engine_without_priority_runs_only_by_name() -> None:
    assert facts(Plugin(), method="approximate")["ran"] == "approximate"


def test_a_plugin_may_choose_the_engine() -> None:
    found = facts(Plugin(choice="approximate"))
    assert found["ran"] == "approximate"
    assert found["reason"] == "chosen by the plug-in 'toy'"
    assert facts(Plugin(choice="approximate"), method="statevector")["engine"] == "statevector"


def test_a_named_engine_that_refuses_says_why() -> None:
    with pytest.raises(UnsupportedError, match=r"method='picky' cannot.*too tired"):
        facts(Plugin(), method="picky")
    with pytest.raises(OptionError, match="Did you mean 'statevector'"):
        facts(method="state_vector")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("mps", r"unknown engine 'mps'\. Did you mean 'matrix_product_state'\? Known: "),
        (("statevecto",), r"unknown engine 'statevecto'\. Did you mean 'statevector'"),
        (["matrix_product_state", "nonsense"], "unknown engine 'nonsense'"),
        ("statevector", "'statevector', which is exact"),
        ("superop", "'superop', which is exact"),
        ({"picky"}, "'picky', which is exact"),
    ],
)
def test_a_fallback_that_is_no_engine_or_exact_is_refused(given, problem: str) -> None:
    possible = "may approximate: 'matrix_product_state', 'pauli_propagation', 'approximate'"
    with pytest.raises(OptionError, match=f"Option 'fallback' names .*{problem}.*{possible}"):
        facts(Plugin(), fallback=given)


@pytest.mark.parametrize("given", ["approximate", ("matrix_product_state",), {"approximate"}])
def test_engines_that_may_approximate_can_be_fallbacks(given) -> None:
    assert facts(Plugin(), fallback=given)["ran"] == "eager"


def test_the_engines_that_approximate_are_those_whose_settings_the_choice_replaces() -> None:
    plugins = PluginManager(entry_points=False)
    request = EngineRequest(
        *(ReferenceKernels(), np.dtype(np.complex64), np.zeros(0)), config=quasim.Config().frozen()
    )
    for name in plugins.engines.specs:
        assert (exactly(request, name) is not request) == (
            name in approximating(plugins.engines.specs)
        ), name


def test_unitaries_go_to_the_unitary_engine() -> None:
    with quasim.runtime(plugins=PluginManager(entry_points=False)) as rt:
        assert rt.unitary(quasim.Circuit(1).x(0)).shape == (2, 2)
        with pytest.raises(UnsupportedError, match=r"No engine can do.*('measure'|'sample')"):
            rt.unitary(CIRCUIT)


def test_an_engine_of_a_name_that_two_claim_is_not_replaced_in_silence() -> None:
    class Claims:
        @hookimpl
        def quasim_engines(self) -> Iterator[EngineSpec]:
            for name in ("statevector", "trajectories"):
                yield EngineSpec(name, lambda: Engine("statevector"), priority=0)

    with pytest.warns(RuntimeWarning, match="'quasim' and 'toy'"):
        PluginManager(entry_points=False, plugins={"toy": Claims()}).failures  # noqa: B018
    with (
        pytest.warns(RuntimeWarning, match="'quasim' and 'toy'"),
        pytest.raises(UnsupportedError, match="claimed by the plug-ins 'quasim' and 'toy'"),
    ):
        facts(Claims())
    with (
        pytest.warns(RuntimeWarning, match="'quasim' and 'toy'"),
        pytest.raises(PluginError, match="claimed by the plug-ins 'quasim' and 'toy'"),
    ):
        facts(Claims(), method="statevector")


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(availability, "is_available", lambda: "there is none")


@pytest.mark.usefixtures("no_gpu")
def test_a_gpu_that_is_not_there_is_warned_about_once_and_the_cpu_computes() -> None:
    plugins = PluginManager(entry_points=False)
    with quasim.runtime(plugins=plugins, device="gpu") as rt:
        with pytest.warns(RuntimeWarning, match="no GPU is usable.*Runs on the CPU") as caught:
            found = rt.run(CIRCUIT).metadata
        rt.run(CIRCUIT)  # a second warning would be an error
        assert len(caught) == 1
    assert found["device"] == "cpu"
    assert any("no GPU is usable" in note for note in found["notes"])  # type: ignore[union-attr]


@pytest.mark.usefixtures("no_gpu")
def test_the_reason_why_no_gpu_is_usable_reaches_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.warns(RuntimeWarning, match="'toy_gpu': the driver is too old"):
        facts(Plugin("the driver is too old."), device="gpu")
    with pytest.raises(DeviceError, match="'toy_gpu': the driver is too old"):
        facts(Plugin("the driver is too old."), device="gpu", require_gpu=True)
    with pytest.raises(DeviceError, match="the driver is too old"):
        facts(Plugin("the driver is too old."), kernels="toy_gpu")
    with pytest.raises(DeviceError, match="'cuda': there is none"):
        facts(require_gpu=True)
    monkeypatch.setenv("QUASIM_REQUIRE_GPU", "1")
    with pytest.raises(DeviceError, match="'cuda': there is none"):
        facts(device="gpu")
    assert facts()["device"] == "cpu"


def test_a_usable_gpu_is_used_when_asked_for() -> None:
    for options in ({"device": "gpu"}, {"kernels": "toy_gpu"}, {"require_gpu": True}):
        found = facts(Plugin(), **options)
        assert (found["device"], found["kernels"]) == ("gpu", "toy_gpu")
    assert facts(Plugin())["device"] == "cpu"


@pytest.mark.parametrize(
    "options",
    [
        {"device": "cpu", "require_gpu": True},
        {"kernels": "reference", "device": "gpu"},
        {"kernels": "reference", "require_gpu": True},
        {"kernels": "refrence"},
    ],
)
def test_contradictions_and_unknown_kernel_sets_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(OptionError, match=r"contradicts|Did you mean 'reference'"):
        facts(**options)


def test_without_native_kernels_the_reference_runs_with_one_notice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from quasim_backend.kernels import native

    select._warn_once.cache_clear()
    monkeypatch.setattr(native, "is_available", lambda: "it is not built")
    with pytest.warns(RuntimeWarning, match="'native': it is not built.*'reference'") as caught:
        found = facts()
    facts()  # a second warning would be an error
    assert len(caught) == 1
    assert found["kernels"] == "reference"
    select._warn_once.cache_clear()


def test_a_build_without_compiled_modules_works() -> None:
    code = """
        import sys, warnings
        class NotBuilt:
            def find_spec(self, name, path=None, target=None):
                if name in ("quasim_backend.kernels._cpu", "quasim_backend.compile._planner"):
                    raise ImportError("no such module")
        sys.meta_path.insert(0, NotBuilt())
        import quasim_backend as quasim
        from quasim_backend.plugins import PluginManager
        bell = quasim.Circuit(2).h(0).cx(0, 1)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(2):
                with quasim.runtime(plugins=PluginManager(entry_points=False)) as rt:
                    assert abs(abs(rt.simulate(bell)[3]) ** 2 - 0.5) < 1e-6
                    assert set(rt.run(bell.measure_all(), 50).counts()) == {"00", "11"}
                    bell.instructions.pop()
        assert len(caught) == 1, [str(w.message) for w in caught]
        print(caught[0].message)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "'native'" in done.stdout
    assert "'reference' is used" in done.stdout
