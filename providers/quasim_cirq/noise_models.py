"""What may be given as noise, as a model of Cirq's, and which models may be asked once only."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, cast

import cirq
from cirq.devices import NoiseModelFromNoiseProperties

from quasim_backend import NoiseModel, translate_noise
from quasim_cirq.noise_export import RuleNoiseModel

__all__ = ["as_cirq_noise", "noise_key"]

_CONTRIBUTED = "cirq.contrib.noise_models.noise_models"


class _Same:
    """Equal to what holds the very same object, which must be immutable."""

    __slots__ = ("_object",)

    def __init__(self, what: object) -> None:
        self._object = what

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._object is other._object

    def __hash__(self) -> int:
        return id(self._object)


def as_cirq_noise(noise: Any) -> Any:
    """Return what was given as noise in a form that Cirq takes.

    Args:
        noise: None, a gate on one qubit or a `cirq.NoiseModel`, which are returned as they are; a
            `quasim_backend.NoiseModel`, its dictionary, or a model of another SDK.

    Raises:
        OptionError: If it is none of these.
    """
    if noise is None or isinstance(noise, cirq.NoiseModel | cirq.Gate):
        return noise
    model = noise if isinstance(noise, NoiseModel) else translate_noise(noise)
    return None if model.is_ideal else RuleNoiseModel(model)


def noise_key(model: cirq.NoiseModel) -> Hashable:
    """Return what a model's effect depends on; None if it may differ from call to call.

    A model of unknown type may count its calls or draw at random. Models of Cirq's own do not, but
    some can be changed, so that their parts are the key.
    """
    kind, known = type(model), cast("Any", model)
    if kind is RuleNoiseModel:
        return model
    if kind is cirq.ConstantQubitNoiseModel:
        return kind, _Same(known.qubit_noise_gate), known._prepend
    if kind is cirq.devices.InsertionNoiseModel:
        added = tuple([(_Same(key), _Same(op)) for key, op in known.ops_added.items()])
        return kind, added, known.prepend, known.require_physical_tag
    if kind is cirq.devices.ThermalNoiseModel or kind.__module__ == _CONTRIBUTED:
        return kind, known._value_equality_values_()
    if isinstance(model, NoiseModelFromNoiseProperties):
        if kind.__module__.partition(".")[0] not in ("cirq", "cirq_google"):
            return None
        parts = tuple([noise_key(part) for part in model.noise_models])
        # What it holds to be virtual depends on its type alone.
        return None if None in parts else (kind, parts)
    return None
