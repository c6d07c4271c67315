"""The plug-in: records and translators. Heavy imports happen when something is asked for."""

from __future__ import annotations

from collections.abc import Iterator

from quasim_backend.plugins import EngineSpec, KernelSpec, hookimpl


@hookimpl
def quasim_engines() -> Iterator[EngineSpec]:
    """Yield the engine."""
    from sample_plugin.engine import SampleEngine

    yield EngineSpec("sample", SampleEngine, "states of gate circuits, step by step")


@hookimpl
def quasim_kernels() -> Iterator[KernelSpec]:
    """Yield a kernel set that works and one that does not."""
    yield KernelSpec("sample_numpy", "cpu", _make)
    yield KernelSpec("sample_gpu", "gpu", _make, lambda: "the sample GPU is a drawing", priority=50)


@hookimpl
def quasim_translate_noise(model: object) -> dict[str, object] | None:
    """Return our noise dictionary for the third party's model."""
    if type(model).__module__.partition(".")[0] != "sample_plugin":
        return None
    return {"depolarizing": {"single_qubit": model.strength}}


@hookimpl
def quasim_export_noise(model: object, target: str) -> object | None:
    """Return the third party's model for our noise dictionary."""
    if target != "sample":
        return None
    from sample_plugin.noise import SampleNoise

    return SampleNoise(model["depolarizing"]["single_qubit"])


def _make(config: object) -> object:
    from sample_plugin.kernels import SampleKernels

    return SampleKernels()
