"""Noise models at the door: ours, a dictionary, or any SDK's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quasim_backend.errors import OptionError, UnsupportedError
from quasim_backend.ir.circuit import Circuit
from quasim_backend.noise.model import NoiseModel
from quasim_backend.noise.renumber import named_qubits, renumbered
from quasim_backend.noise.specification import from_specification
from quasim_backend.plugins.manager import PluginManager, default_manager

__all__ = ["as_noise_model", "export_noise", "on_qubits_of", "translate_noise"]


def as_noise_model(
    value: object, plugins: PluginManager, gate_times: Mapping[str, float] | None = None
) -> NoiseModel | None:
    """Return a noise model in any accepted form as ours; None for one without noise.

    Args:
        value: None, a `NoiseModel`, a dictionary (`quasim_backend.noise.specification`, or what
            `NoiseModel.to_dict` returned), or a model that a plug-in translates.
        plugins: Who translates.
        gate_times: Durations in seconds for a dictionary that has none.

    Raises:
        OptionError: If nobody knows the model.
    """
    if value is None:
        return None
    if isinstance(value, NoiseModel):
        model = value
    elif isinstance(value, Mapping):
        if "format" in value:
            model = NoiseModel.from_dict(value)
        else:
            model = from_specification(value, gate_times)
    else:
        found = plugins.translate_noise(value)
        if not isinstance(found, NoiseModel):
            raise OptionError(
                f"noise_model cannot be {type(value).__name__} (of module "
                f"{type(value).__module__}). Possible are a quasim_backend.NoiseModel, a "
                f"dictionary such as {{'depolarizing': {{'single_qubit': 0.001}}}}, and the noise "
                f"models of SDKs whose adapter is installed."
            )
        model = found
    return None if model.is_ideal else model


def on_qubits_of(circuit: Circuit, model: NoiseModel) -> NoiseModel:
    """Return a model by the numbers that its qubits have in a circuit that was translated.

    Raises:
        UnsupportedError: If rules name qubits by numbers and the circuit's qubits have none.
    """
    places = circuit.rule_qubits
    if places is None:
        return model
    named = named_qubits(model)
    if named and not places:
        raise UnsupportedError(
            f"The noise model has rules for qubits {sorted(named)}, but the qubits of circuit "
            f"'{circuit.name}' have no numbers, so it is not clear which ones are meant. Give the "
            f"model to the SDK's own simulator or device of QuASIM, or number the qubits."
        )
    return renumbered(model, places)


def translate_noise(model: object, plugins: PluginManager | None = None) -> NoiseModel:
    """Return a noise model of any SDK, or a dictionary, as a `NoiseModel`.

    Raises:
        OptionError: If no installed adapter knows the model.
    """
    return as_noise_model(model, plugins or default_manager()) or NoiseModel()


def export_noise(model: NoiseModel, target: str, plugins: PluginManager | None = None) -> Any:
    """Return a noise model as an object of an SDK.

    Args:
        model: Ours.
        target: ``"qiskit"``, ``"cirq"``, ``"pennylane"``, ``"pytket"``, or what a plug-in knows.
        plugins: Who exports; None for the process's own.

    Raises:
        UnsupportedError: If no installed adapter exports to ``target``, or the SDK has no word for
            one of the rules.
    """
    found = (plugins or default_manager()).export_noise(model, target)
    if found is None:
        raise UnsupportedError(
            f"No installed plug-in exports noise models to '{target}'. Ours are 'qiskit', 'cirq', "
            f"'pennylane' and 'pytket', each with its SDK installed."
        )
    return found
