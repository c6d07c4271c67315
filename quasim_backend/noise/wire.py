"""Noise models as plain data: numbers, strings, lists and dictionaries."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.errors import OptionError, QuasimError, near_matches
from quasim_backend.ir.channels import Channel, ReadoutError
from quasim_backend.noise.model import NoiseModel
from quasim_backend.noise.rules import GateNoise, MomentNoise, ReadoutNoise, Relaxation, Rule

__all__ = ["model_from_dict", "rule_to_dict"]

_KINDS = {
    "gate": GateNoise,
    "moment": MomentNoise,
    "relaxation": Relaxation,
    "readout": ReadoutNoise,
}
_NAMES: dict[type, str] = {kind: name for name, kind in _KINDS.items()}


def rule_to_dict(rule: Rule) -> dict[str, Any]:
    """Return a rule as plain data; fields with their default value are left out."""
    fields = {f: getattr(rule, f) for f in rule.__dataclass_fields__ if not f.startswith("_")}
    result: dict[str, Any] = {"kind": _NAMES[type(rule)]}
    for name, value in fields.items():
        if name == "channel":
            result[name] = _channel_to_dict(value)
        elif name == "error":
            result[name] = value.matrix.tolist()
        elif name == "gate_times":
            result[name] = dict(value)
        elif isinstance(value, float) and math.isinf(value):
            result[name] = "inf"
        elif value != rule.__dataclass_fields__[name].default:
            result[name] = list(value) if isinstance(value, tuple) else value
    return result


def model_from_dict(values: Mapping[str, Any]) -> NoiseModel:
    """Return the model that `NoiseModel.to_dict` wrote.

    Raises:
        OptionError: If the data are not of this form.
    """
    if values.get("format") != 1:
        raise OptionError(
            f"The noise model has the format {values.get('format')!r}; this version reads 1."
        )
    rules: list[Rule] = []
    entries = values.get("rules", [])
    if not isinstance(entries, list | tuple):
        raise OptionError(f"The rules of a noise model must be a list; got {entries!r}.")
    for number, entry in enumerate(entries):
        try:
            rules.append(_rule(dict(entry)))
        except QuasimError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise OptionError(f"Rule {number} of the noise model is malformed: {error}.") from error
    return NoiseModel(tuple(rules), str(values.get("name", "")))


def _rule(entry: dict[str, Any]) -> Rule:
    kind = entry.pop("kind")
    if kind not in _KINDS:
        raise OptionError(f"Unknown kind of noise rule {kind!r}. {near_matches(kind, _KINDS)}")
    fields: dict[str, Any] = {}
    for name, value in entry.items():
        if name == "channel":
            fields[name] = _channel(value)
        elif name == "error":
            fields[name] = ReadoutError.of(value)
        elif name == "gate_times":
            fields[name] = tuple(sorted((str(k), float(v)) for k, v in value.items()))
        elif isinstance(value, list):
            fields[name] = tuple(value)
        else:
            fields[name] = math.inf if value == "inf" else value
    rule: Rule = _KINDS[kind](**fields)
    return rule


def _channel_to_dict(channel: Channel) -> dict[str, Any]:
    operators = [o + 0.0 for o in channel.operators]  # so that equal models have no -0.0
    result: dict[str, Any] = {
        "name": channel.name,
        "operators": [np.stack([o.real, o.imag], -1).tolist() for o in operators],
    }
    if channel.probabilities is not None:
        result["probabilities"] = list(channel.probabilities)
    return result


def _channel(entry: Mapping[str, Any]) -> Channel:
    operators = [_matrix(o) for o in entry["operators"]]
    name = str(entry.get("name", "channel"))
    if "probabilities" in entry:
        return Channel.mixture(entry["probabilities"], operators, name)
    return Channel.kraus(operators, name)


def _matrix(entry: Any) -> NDArray[np.complex128]:
    pairs = np.asarray(entry, np.float64)
    return np.ascontiguousarray(pairs).view(np.complex128)[..., 0]
