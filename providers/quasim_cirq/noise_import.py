"""Cirq's noise models as rules of ours.

Our gates have names where Cirq's have types; `_TYPES` says which type the gates of a name have. A
rule's qubit ``i`` is ``cirq.LineQubit(i)``; other qubits are numbered as the model's own qubits
sort. Of what Cirq looks at, two things cannot be said by rules: tags of operations, and a function
that replaces operations; `quasim_cirq.Simulator` runs every model, those with them too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import cirq
from cirq.devices.noise_utils import OpIdentifier

from quasim_backend import NoiseModel
from quasim_backend.errors import UnsupportedError
from quasim_backend.ir import Channel
from quasim_backend.noise import GateNoise, MomentNoise, Relaxation
from quasim_backend.noise.rules import Rule
from quasim_cirq.channels import lower_channel

__all__ = ["translate_noise_model"]

_CONTRIBUTED = "cirq.contrib.noise_models.noise_models"

_TYPES: Mapping[str, type[cirq.Gate]] = {
    **dict.fromkeys(("x", "xpow", "sx", "sxdg"), cirq.XPowGate),
    **dict.fromkeys(("y", "ypow"), cirq.YPowGate),
    **dict.fromkeys(("z", "zpow", "s", "sdg", "t", "tdg", "p"), cirq.ZPowGate),
    **dict.fromkeys(("h", "hpow"), cirq.HPowGate),
    **{"rx": cirq.Rx, "ry": cirq.Ry, "rz": cirq.Rz},
    **{"phased_x": cirq.PhasedXPowGate, "phased_xz": cirq.PhasedXZGate, "id": cirq.IdentityGate},
    **dict.fromkeys(("cx", "cxpow"), cirq.CXPowGate),
    **dict.fromkeys(("cz", "czpow", "cs", "csdg", "ct", "ctdg", "cp"), cirq.CZPowGate),
    **dict.fromkeys(("swap", "swappow"), cirq.SwapPowGate),
    **dict.fromkeys(("iswap", "iswapdg", "iswappow"), cirq.ISwapPowGate),
    **{"phased_iswap": cirq.PhasedISwapPowGate},
    **{"fsim": cirq.FSimGate, "phased_fsim": cirq.PhasedFSimGate},
    **dict.fromkeys(("xxpow", "rxx"), cirq.XXPowGate),
    **dict.fromkeys(("yypow", "ryy"), cirq.YYPowGate),
    **dict.fromkeys(("zzpow", "rzz"), cirq.ZZPowGate),
    **{"ccx": cirq.CCXPowGate, "ccxpow": cirq.CCXPowGate, "cswap": cirq.CSwapGate},
    **{"ccz": cirq.CCZPowGate, "cczpow": cirq.CCZPowGate},
    **{"measure": cirq.MeasurementGate, "reset": cirq.ResetChannel, "delay": cirq.WaitGate},
}


def translate_noise_model(model: cirq.NoiseModel) -> NoiseModel:
    """Return the rules of a noise model of Cirq's.

    Args:
        model: `cirq.ConstantQubitNoiseModel`, `cirq.devices.InsertionNoiseModel` and
            `ThermalNoiseModel` without required tags, `NoiseModelFromNoiseProperties` (and Google's
            child of it), a model of ``cirq.contrib.noise_models``, or one of ours.

    Raises:
        UnsupportedError: If rules cannot say what it does; the message says why.
    """
    from quasim_cirq.noise_export import RuleNoiseModel

    if isinstance(model, RuleNoiseModel) and model.qubits is None:
        return model.model
    if model is cirq.NO_NOISE:
        return NoiseModel()
    numbers = _numbered(_qubits(model))
    rules = _rules(model, numbers, tagged=False, virtual=())
    return NoiseModel(tuple(rules), type(model).__name__)


def _rules(
    model: Any, numbers: Mapping[cirq.Qid, int], *, tagged: bool, virtual: Sequence[type[cirq.Gate]]
) -> list[Rule]:
    """Return the rules of a model.

    Args:
        model: The model.
        numbers: Our qubit of each of Cirq's.
        tagged: Whether operations have the tag that some models require.
        virtual: Types of gates that get no noise and take no time.
    """
    kind = type(model)
    if kind is cirq.ConstantQubitNoiseModel:
        return [MomentNoise(_channel(model.qubit_noise_gate), before=model._prepend)]
    if kind.__module__ == _CONTRIBUTED:
        return _contributed(model)
    if kind in (cirq.devices.InsertionNoiseModel, cirq.devices.ThermalNoiseModel):
        if model.require_physical_tag and not tagged:
            raise _refused(
                model,
                "it looks for the tag of physical gates, which rules cannot see; make it with "
                "require_physical_tag=False",
            )
        if kind is cirq.devices.InsertionNoiseModel:
            return _insertions(model, numbers, virtual)
        return _thermal(model, numbers, virtual)
    if isinstance(model, cirq.devices.NoiseModelFromNoiseProperties):
        return _properties(model, numbers)
    if kind is cirq.devices.noise_model.GateSubstitutionNoiseModel:
        raise _refused(model, "it replaces operations by a function of its own")
    raise _refused(model, "its type is unknown")


def _refused(model: object, why: str) -> UnsupportedError:
    return UnsupportedError(
        f"{type(model).__name__} cannot be said as rules of a quasim_backend.NoiseModel: {why}. "
        f"quasim_cirq.Simulator(noise=...) runs every model of Cirq's as it is."
    )


def _channel(gate: cirq.Gate) -> Channel:
    return lower_channel(gate.on(*cirq.LineQubit.range(gate.num_qubits())))


# --- moments ------------------------------------------------------------------------------------


def _contributed(model: Any) -> list[Rule]:
    """Return noise before moments that measure and after the others."""
    rules: list[Rule] = []
    flipped = getattr(model, "readout_noise_gate", None)
    # Only the models of one kind of noise can be turned round.
    turned: bool | None = getattr(model, "_prepend", None)
    for gate in (getattr(model, "readout_decay_gate", None), flipped):
        if gate is not None:
            before = True if turned is None else turned
            rules.append(MomentNoise(_channel(gate), before=before, measured=True))
    noise = getattr(model, "qubit_noise_gate", None)
    if noise is not None:
        rules.append(MomentNoise(_channel(noise), before=bool(turned), measured=False))
    return rules


def _thermal(
    model: Any, numbers: Mapping[cirq.Qid, int], virtual: Sequence[type[cirq.Gate]]
) -> list[Rule]:
    if model._prepend:
        raise _refused(model, "it acts before moments, whose length is known only after them")
    durations: Mapping[type, float] = model.gate_durations_ns
    if any(issubclass(cirq.WaitGate, kind) for kind in durations):
        raise _refused(model, "it gives cirq.WaitGate a duration other than its own")
    times = []
    for name, kind in _known_types(durations).items():
        found = next((ns for key, ns in durations.items() if issubclass(kind, key)), 0)
        if found and not issubclass(kind, tuple(virtual)):
            times.append((name if name in _TYPES else f"label:{name}", float(found) * 1e-9))
    groups: dict[tuple[float, float, float], list[int]] = {}
    for qubit, rates in model.rate_matrix_GHz.items():
        if qubit.dimension != 2:
            raise _refused(model, f"{qubit} is no qubit")
        rate = rates[0, 1], rates[1, 0], rates[1, 1]
        groups.setdefault(rate, []).append(numbers[qubit])
    return [
        _relaxation(
            *rate, tuple(places), tuple(sorted(times)), measured=not model.skip_measurements
        )
        for rate, places in groups.items()
        if any(rate)
    ]


def _relaxation(
    cool: float,
    heat: float,
    dephase: float,
    qubits: tuple[int, ...],
    times: tuple[tuple[str, float], ...],
    *,
    measured: bool,
) -> Relaxation:
    """Return relaxation by rates in 1/ns, as `cirq.devices.ThermalNoiseModel` defines them."""
    change = float(cool + heat) * 1e9
    coherence = change / 2 + float(dephase) * 1e9
    t1 = 1 / change if change else math.inf
    return Relaxation(
        t1,
        min(1 / coherence, 2 * t1),
        float(heat / (cool + heat)) if change else 0.0,
        qubits,
        times,
        moments=True,
        measured=measured,
    )


# --- gates --------------------------------------------------------------------------------------


def _insertions(
    model: Any, numbers: Mapping[cirq.Qid, int], virtual: Sequence[type[cirq.Gate]]
) -> list[Rule]:
    """Return a rule for each operation added; each name of ours is matched as Cirq does."""
    added: Mapping[OpIdentifier, cirq.Operation] = model.ops_added
    for identifier, operation in added.items():
        if not identifier.qubits or not set(operation.qubits) <= set(identifier.qubits):
            raise _refused(
                model,
                f"for {identifier} it adds {operation}, on other qubits than the gate's own; name "
                f"the gate's qubits in the OpIdentifier",
            )
    groups: dict[tuple[cirq.Qid, ...], list[OpIdentifier]] = {}
    for identifier in added:
        groups.setdefault(identifier.qubits, []).append(identifier)
    names: dict[OpIdentifier, list[str]] = {identifier: [] for identifier in added}
    for group in groups.values():
        for name, kind in _known_types([i.gate_type for i in group]).items():
            match = _most_specific(kind, group)
            if match is not None and not issubclass(kind, tuple(virtual)):
                names[match].append(name)
    rules: list[Rule] = []
    for identifier, operation in added.items():
        found = names[identifier]
        if "measure" in found and not model.prepend:
            raise _refused(model, "it adds noise after measurements, where rules put it before")
        channel = lower_channel(operation)
        qubits = tuple([numbers[q] for q in identifier.qubits])
        # Cirq's first qubit is the highest bit of an operator, ours the lowest.
        on = tuple([numbers[q] for q in reversed(operation.qubits)])
        listed = tuple([name for name in found if name in _TYPES])
        labels = tuple([name for name in found if name not in _TYPES])
        if listed:
            rules.append(GateNoise(channel, listed, qubits=qubits, on=on, before=model.prepend))
        if labels:
            # Gates without a name are matrices, whose first qubit is Cirq's last.
            turned = qubits[::-1]
            rule = GateNoise(channel, (), labels, qubits=turned, on=on, before=model.prepend)
            rules.append(rule)
    return rules


def _known_types(types: Iterable[type[cirq.Gate]]) -> dict[str, type[cirq.Gate]]:
    """Return the type of gates by our name, or by label where we have no name for them."""
    named = set(_TYPES.values())
    return {
        **_TYPES,
        **{t.__name__: t for t in types if not any(issubclass(kind, t) for kind in named)},
    }


def _most_specific(kind: type[cirq.Gate], group: Iterable[OpIdentifier]) -> OpIdentifier | None:
    """Return what Cirq takes of several identifiers with the same qubits for gates of a type."""
    match: OpIdentifier | None = None
    for identifier in group:
        fits = issubclass(kind, identifier.gate_type)
        if fits and (match is None or identifier.is_proper_subtype_of(match)):
            match = identifier
    return match


def _properties(model: Any, numbers: Mapping[cirq.Qid, int]) -> list[Rule]:
    """Return the rules of all models that noise properties stand for.

    Cirq applies one after the other, so that what comes later is nearer to the gate.
    """
    virtual: tuple[type[cirq.Gate], ...] = ()
    if type(model).__name__ == "NoiseModelFromGoogleNoiseProperties":
        virtual = (cirq.ZPowGate,)
    elif type(model).is_virtual is not cirq.devices.NoiseModelFromNoiseProperties.is_virtual:
        raise _refused(model, "which operations are virtual is a function of its own")
    parts = [_rules(part, numbers, tagged=True, virtual=virtual) for part in model.noise_models]
    if any(isinstance(rule, Relaxation) for rules in parts[1:] for rule in rules):
        raise _refused(model, "relaxation that is not the outermost noise of a gate")
    before = [r for rules in parts for r in rules if isinstance(r, GateNoise) and r.before]
    after = [r for rules in parts[::-1] for r in rules if r not in before]
    return [*before, *after]


# --- qubits -------------------------------------------------------------------------------------


def _qubits(model: Any) -> set[cirq.Qid]:
    if isinstance(model, cirq.devices.NoiseModelFromNoiseProperties):
        return {q for part in model.noise_models for q in _qubits(part)}
    if isinstance(model, cirq.devices.ThermalNoiseModel):
        return set(model.rate_matrix_GHz)
    if isinstance(model, cirq.devices.InsertionNoiseModel):
        return {q for identifier in model.ops_added for q in identifier.qubits}
    return set()


def _numbered(qubits: set[cirq.Qid]) -> dict[cirq.Qid, int]:
    if all(isinstance(q, cirq.LineQubit) and q.x >= 0 for q in qubits):
        return {q: q.x for q in qubits}  # type: ignore[attr-defined]
    return {q: number for number, q in enumerate(sorted(qubits))}
