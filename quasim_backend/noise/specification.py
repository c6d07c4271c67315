"""The short form of a noise model: a dictionary of physical quantities.

=====================  ===========================================================================
entry                  meaning
=====================  ===========================================================================
``depolarizing``       ``single_qubit``, ``two_qubit``: probability of an error after each gate
                       of that width (`quasim_backend.noise.depolarizing`)
``amplitude_damping``  ``t1``: relaxation time in seconds
``phase_damping``      ``t2``: coherence time in seconds, at most ``2 * t1``
``thermal``            ``temperature`` in kelvin and ``frequency`` of the qubits in Hz (default
                       5e9): the equilibrium population of ``|1>``
``kraus``              list of ``{"operators", "gates", "qubits"}``: custom channels after gates
``readout``            probability to read a bit wrong, or a matrix ``[true, read]``
``gate_times``         seconds by gate; default `quasim_backend.options.GATE_TIMES`
=====================  ===========================================================================

Without ``amplitude_damping`` T1 is infinite; without ``phase_damping`` T2 is ``2 * t1``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from quasim_backend.errors import OptionError, near_matches
from quasim_backend.ir.channels import Channel
from quasim_backend.noise.channels import depolarizing, excited_population
from quasim_backend.noise.model import NoiseModel
from quasim_backend.noise.rules import Relaxation
from quasim_backend.options import GATE_TIMES

__all__ = ["from_specification"]

_ENTRIES: Mapping[str, tuple[str, ...]] = {
    "depolarizing": ("single_qubit", "two_qubit"),
    "amplitude_damping": ("t1",),
    "phase_damping": ("t2",),
    "thermal": ("temperature", "frequency"),
    "kraus": (),
    "readout": (),
    "gate_times": (),
}
_KRAUS = ("operators", "gates", "qubits")


def from_specification(
    values: Mapping[str, Any], gate_times: Mapping[str, float] | None = None
) -> NoiseModel:
    """Return the noise model of a dictionary of this module's form.

    Args:
        values: The dictionary.
        gate_times: Durations in seconds, where ``values`` has none.

    Raises:
        OptionError: If an entry is unknown, or T2 or the temperature is given without sense.
        ShapeError: If a number is out of its range.
    """
    _known("", values, _ENTRIES)
    for name, parts in _ENTRIES.items():
        if parts and name in values:
            _known(f"{name}: ", _mapping(name, values[name]), parts)
    times = {**(gate_times or GATE_TIMES)}
    times |= _mapping("gate_times", values.get("gate_times", {}))
    Relaxation(math.inf, math.inf, gate_times=tuple(times.items()))  # checks the times
    if "frequency" in values.get("thermal", {}) and "temperature" not in values["thermal"]:
        raise OptionError("Entry 'thermal' of a noise model needs a 'temperature'.")
    model = NoiseModel()
    errors = values.get("depolarizing", {})
    for width, name in ((1, "single_qubit"), (2, "two_qubit")):
        if name in errors:
            channel = depolarizing(_number(f"depolarizing: {name}", errors[name]), width)
            model = model.on_gates(channel, num_qubits=width)
    entries = values.get("kraus", ())
    if not isinstance(entries, list | tuple):
        raise OptionError(f"Entry 'kraus' of a noise model must be a list; got {entries!r}.")
    for entry in entries:
        _known("kraus: ", _mapping("kraus", entry), _KRAUS)
        if "operators" not in entry:
            raise OptionError("An entry of 'kraus' in a noise model needs 'operators'.")
        channel = Channel.kraus(entry["operators"])
        model = model.on_gates(channel, entry.get("gates", ()), entry.get("qubits"))
    if "amplitude_damping" in values or "phase_damping" in values:
        t1 = _number(
            "amplitude_damping: t1", values.get("amplitude_damping", {}).get("t1", math.inf)
        )
        t2 = values.get("phase_damping", {}).get("t2")
        thermal = values.get("thermal", {})
        excited = 0.0
        if "temperature" in thermal:
            excited = excited_population(
                _number("thermal: temperature", thermal["temperature"]),
                _number("thermal: frequency", thermal.get("frequency", 5e9)),
            )
        model = model.relaxation(
            t1,
            None if t2 is None else _number("phase_damping: t2", t2),
            excited=excited,
            gate_times=times,
        )
    elif "thermal" in values:
        raise OptionError(
            "A noise model with 'thermal' needs 'amplitude_damping' with 't1' (or 'phase_damping' "
            "with 't2'): a temperature says where qubits relax to, not how fast."
        )
    if "readout" in values:
        model = model.readout(values["readout"])
    return model


def _known(where: str, values: Mapping[str, Any], known: Iterable[str]) -> None:
    for name in values:
        if name not in known:
            raise OptionError(
                f"Unknown entry '{name}' of the noise model ({where or 'top level'}). "
                f"{near_matches(str(name), [*known])}"
            )


def _mapping(name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise OptionError(f"Entry '{name}' of a noise model must be a mapping; got {value!r}.")
    return value


def _number(name: str, value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise OptionError(
            f"Entry '{name}' of a noise model must be a number; got {value!r}."
        ) from None
