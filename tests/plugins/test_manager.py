from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

import pytest

import quasim_backend as quasim
from quasim_backend.engines.base import Engine
from quasim_backend.errors import OptionError, PluginError
from quasim_backend.kernels.base import KernelSet
from quasim_backend.options import Config
from quasim_backend.plugins import (
    EngineSpec,
    KernelSpec,
    PassSpec,
    PluginManager,
    default_manager,
    hookimpl,
)
from quasim_backend.plugins.manager import SpecTable
from quasim_backend.plugins.short_names import SHORT_NAMES

DATA = Path(__file__).resolve().parents[1] / "data"


def manager(**plugins: object) -> PluginManager:
    return PluginManager(entry_points=False, plugins=plugins)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    """Entry points a test declares; what they import is forgotten afterwards."""
    declared: list[tuple[str, str]] = []

    def entry_points(group: str) -> list[metadata.EntryPoint]:
        assert group == "quasim.plugins"
        return [metadata.EntryPoint(name, value, group) for name, value in declared]

    monkeypatch.setattr(metadata, "entry_points", entry_points)
    for folder in ("sample_plugin", "broken_plugin"):
        monkeypatch.syspath_prepend(str(DATA / folder))
    yield declared
    for name in [n for n in sys.modules if n.startswith(("sample_plugin", "broken_plugin"))]:
        del sys.modules[name]


def tables(plugins: PluginManager) -> Iterable[SpecTable[object]]:
    return plugins.engines, plugins.kernels, plugins.passes  # type: ignore[return-value]


class Engines:
    def __init__(self, *names: str) -> None:
        self.names = names

    @hookimpl
    def quasim_engines(self) -> Iterator[EngineSpec]:
        for name in self.names:
            yield EngineSpec(name, lambda: None)  # type: ignore[arg-type,return-value]


def test_our_own_engines_and_kernels_enter_through_the_hooks() -> None:
    plugins = manager()
    assert [p.name for p in plugins.plugins] == ["quasim"]
    names = ["statevector", "trajectories", "unitary", "density_matrix", "superop", "stabilizer"]
    names += ["matrix_product_state", "pauli_propagation", "extended_stabilizer", "tensor_network"]
    assert list(plugins.engines.specs) == names
    names = ["native", "custatevec", "reference", "null", "cuda", "emulate"]
    assert list(plugins.kernels.specs) == names
    ranked = ["native", "cuda", "custatevec", "reference"]
    assert [s.name for s in plugins.kernels.ranked()] == ranked
    for engine in plugins.engines.specs.values():
        assert isinstance(engine.make(), Engine)
        assert engine.make().name == engine.name
    for kernels in plugins.kernels.specs.values():
        if kernels.is_available() is None:
            assert isinstance(kernels.make(Config()), KernelSet)
            assert kernels.make(Config()).name == kernels.name
    bare = PluginManager(builtins=False, entry_points=False)
    assert not any(table.specs for table in tables(bare))


def test_the_default_manager_is_one_for_the_process() -> None:
    assert default_manager() is default_manager()


def test_an_unknown_name_comes_with_near_matches() -> None:
    with pytest.raises(OptionError, match=r"Unknown engine 'statevectr'. Did you mean"):
        manager().engines["statevectr"]


def test_well_known_short_names_of_engines_are_hints() -> None:
    engines = manager().engines
    assert set(SHORT_NAMES.values()) <= set(engines.specs)
    assert not set(SHORT_NAMES) & set(engines.specs)
    for name, meant in (*SHORT_NAMES.items(), ("MPS", "matrix_product_state")):
        with pytest.raises(OptionError, match=rf"'{name}'\. Did you mean '{meant}'\? Known: dens"):
            engines[name]
    bare = PluginManager(builtins=False, entry_points=False)
    with pytest.raises(OptionError, match=r"Unknown engine 'mps'\. There are none\."):
        bare.engines["mps"]


def test_two_specs_of_one_name_are_an_error_that_names_both_plugins() -> None:
    plugins = manager(first=Engines("dream", "one"), second=Engines("dream", "two"))
    both = "engine 'dream' is claimed by the plug-ins 'first' and 'second'"
    with pytest.warns(RuntimeWarning, match=both):
        table = plugins.engines
    with pytest.raises(PluginError, match=both):
        table["dream"]
    assert {"one", "two", "statevector"} <= set(table.specs)
    assert "dream" not in table.specs
    assert [f.name for f in plugins.failures] == ["second"]


def test_a_third_plugin_of_the_same_name_does_not_get_it_either() -> None:
    plugins = manager(a=Engines("dream"), b=Engines("dream"), c=Engines("dream"))
    with pytest.warns(RuntimeWarning, match="claimed"):
        table = plugins.engines
    with pytest.raises(PluginError, match="claimed"):
        table["dream"]


class Misspelt(Engines):
    @hookimpl
    def quasim_kernel(self) -> None:
        """A hook that does not exist."""


class WrongArgument(Engines):
    @hookimpl
    def quasim_translate_circuit(self, circuit: object, colour: object) -> None:
        """The hook has no argument `colour`."""


class Raises(Engines):
    @hookimpl
    def quasim_kernels(self) -> Iterator[KernelSpec]:
        yield KernelSpec("half", "cpu", lambda config: None)  # type: ignore[arg-type,return-value]
        raise ValueError("half way")


class WrongType(Engines):
    @hookimpl
    def quasim_passes(self) -> list[str]:
        return ["pass"]


class WrongDevice(Engines):
    @hookimpl
    def quasim_kernels(self) -> Iterator[KernelSpec]:
        yield KernelSpec("odd", "tpu", lambda config: None)  # type: ignore[arg-type,return-value]


class WrongStage(Engines):
    @hookimpl
    def quasim_passes(self) -> Iterator[PassSpec]:
        yield PassSpec("odd", lambda circuit: circuit, stage="gate")


BROKEN = {
    "misspelt": (Misspelt("x"), "unknown hook 'quasim_kernel'. Did you mean 'quasim_kernels'"),
    "argument": (WrongArgument("x"), "colour"),
    "raises": (Raises("x"), "quasim_kernels raised ValueError: half way"),
    "type": (WrongType("x"), "must yield PassSpec; it yielded a str"),
    "device": (WrongDevice("x"), "'tpu'"),
    "stage": (WrongStage("x"), "'gate'"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_plugin_is_reported_and_the_others_go_on(kind: str) -> None:
    plugin, text = BROKEN[kind]
    plugins = manager(**{kind: plugin, "good": Engines("good")})
    with pytest.warns(RuntimeWarning, match=f"Plug-in '{kind}' is broken: .*{text}") as caught:
        failures = plugins.failures
    assert len(caught) == 1
    assert [f.name for f in failures] == [kind]
    assert "good" in plugins.engines.specs
    assert "statevector" in plugins.engines.specs
    assert "half" not in plugins.kernels.specs


@pytest.mark.parametrize("kind", BROKEN)
def test_strictness_makes_it_an_error_each_time(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUASIM_STRICT_PLUGINS", "1")
    plugin, text = BROKEN[kind]
    plugins = manager(**{kind: plugin})
    for _ in range(2):
        with pytest.raises(PluginError, match=text):
            list(tables(plugins))


def test_a_misspelt_hook_does_not_take_the_plugins_other_hooks_away() -> None:
    plugins = manager(misspelt=Misspelt("mine"))
    with pytest.warns(RuntimeWarning, match="quasim_kernel"):
        assert "mine" in plugins.engines.specs


def test_a_plugin_whose_registration_fails_leaves_nothing_behind() -> None:
    plugins = manager(argument=WrongArgument("mine"))
    with pytest.warns(RuntimeWarning, match="colour"):
        assert "mine" not in plugins.engines.specs
    assert [p.name for p in plugins.plugins] == ["quasim"]


def test_plugins_can_be_registered_later() -> None:
    plugins = manager()
    assert "late" not in plugins.engines.specs
    plugins.register(Engines("late"), "later")
    assert "late" in plugins.engines.specs
    assert {p.name for p in plugins.plugins} == {"quasim", "later"}


def test_entry_points_are_read_when_they_are_first_needed(
    installed: list[tuple[str, str]],
) -> None:
    plugins = PluginManager()
    installed.append(("sample", "sample_plugin.plugin"))
    assert "sample_plugin.plugin" not in sys.modules
    assert "sample" in plugins.engines.specs
    assert "sample_plugin.plugin" in sys.modules
    assert "sample_plugin.noise" not in sys.modules


def test_broken_entry_points_are_warned_about_one_by_one(
    installed: list[tuple[str, str]],
) -> None:
    installed += [
        ("no_import", "broken_plugin.no_import"),
        ("misspelt", "broken_plugin.misspelt"),
        ("wrong_spec", "broken_plugin.wrong_spec"),
        ("missing", "broken_plugin.no_such_module"),
        ("sample", "sample_plugin.plugin"),
    ]
    plugins = PluginManager()
    with pytest.warns(RuntimeWarning, match="broken") as caught:
        failures = {f.name: f.cause for f in plugins.failures}
    assert len(caught) == 4
    assert failures["no_import"] == "RuntimeError: the licence server did not answer"
    assert "quasim_engine" in failures["misspelt"]
    assert "must yield KernelSpec" in failures["wrong_spec"]
    assert failures["missing"].startswith("ModuleNotFoundError")
    assert "sample" in plugins.engines.specs
    with quasim.runtime(plugins=plugins, simulation_precision="fp64") as rt:
        assert rt.simulate(quasim.Circuit(1).x(0)).tolist() == [0, 1]


def test_one_entry_point_name_in_two_distributions_gives_two_plugins(
    installed: list[tuple[str, str]],
) -> None:
    installed += [("sample", "sample_plugin.plugin"), ("sample", "broken_plugin.wrong_spec")]
    plugins = PluginManager()
    names = {p.name for p in plugins.plugins}
    assert names == {"quasim", "sample", "sample (broken_plugin.wrong_spec)"}


def test_a_third_partys_engine_kernels_and_noise_translator_work(
    installed: list[tuple[str, str]],
) -> None:
    installed.append(("sample", "sample_plugin.plugin"))
    plugins = PluginManager()
    options = {"plugins": plugins, "method": "sample", "kernels": "sample_numpy"}
    bell = quasim.Circuit(2).h(0).cx(0, 1)
    with quasim.runtime(**options) as rt:
        assert abs(rt.simulate(bell)[3]) ** 2 == pytest.approx(0.5)
        with pytest.raises(quasim.UnsupportedError, match="the sample engine gives states only"):
            rt.run(bell)
        with pytest.raises(quasim.UnsupportedError, match="the sample engine knows gates only"):
            rt.run(bell, save="probabilities")
    from sample_plugin.noise import SampleNoise

    noise = {"depolarizing": {"single_qubit": 0.01}}
    assert plugins.translate_noise(SampleNoise(0.01)) == noise
    assert plugins.translate_noise(3) is None
    assert plugins.export_noise(noise, "sample") == SampleNoise(0.01)
    assert plugins.export_noise(noise, "elsewhere") is None


def test_an_accident_in_a_hook_names_the_plugin() -> None:
    class Accident:
        @hookimpl
        def quasim_translate_noise(self, model: object) -> None:
            raise ZeroDivisionError("oops")

        @hookimpl
        def quasim_select_engine(self, compiled: object) -> int:
            return 3

    plugins = manager(accident=Accident())
    with pytest.raises(PluginError, match=r"'accident' failed in quasim_translate_noise.*oops"):
        plugins.translate_noise(object())
    with (
        quasim.runtime(plugins=plugins) as rt,
        pytest.raises(PluginError, match=r"'accident' must return a str or None.*returned a int"),
    ):
        rt.run(quasim.Circuit(1))
