"""Noise models on other numbers of qubits: for adapters whose qubits have another order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from quasim_backend.noise.model import NoiseModel
from quasim_backend.noise.rules import GateNoise, MomentNoise, ReadoutNoise, Relaxation, Rule

__all__ = ["named_qubits", "renumbered"]


def renumbered(model: NoiseModel, number_of: Mapping[int, int]) -> NoiseModel:
    """Return a model whose qubit ``q`` is the qubit ``number_of[q]``.

    Channels and readout errors keep the order of their qubits. Rules for qubits that have no number
    can match nothing and are left out.

    Args:
        model: The model; returned itself if it names no qubits.
        number_of: Numbers must differ.
    """
    if not named_qubits(model):
        return model
    rules = (_renumbered(rule, number_of) for rule in model.rules)
    return NoiseModel(tuple(rule for rule in rules if rule is not None), model.name)


def named_qubits(model: NoiseModel) -> frozenset[int]:
    """Return the qubits that a model's rules name."""
    found: set[int] = set()
    for rule in model.rules:
        found |= set(rule.qubits or ())
        if isinstance(rule, GateNoise):
            found |= set(rule.on or ())
    return frozenset(found)


def _renumbered(rule: Rule, number_of: Mapping[int, int]) -> Rule | None:
    def moved(qubits: tuple[int, ...] | None) -> tuple[int, ...] | None:
        return None if qubits is None else tuple(number_of[q] for q in qubits)

    if isinstance(rule, MomentNoise | Relaxation):
        if rule.qubits is None:
            return rule
        kept = tuple(number_of[q] for q in rule.qubits if q in number_of)
        return replace(rule, qubits=kept) if kept else None
    named = set(rule.qubits or ())
    if isinstance(rule, GateNoise):
        named |= set(rule.on or ())
    if not named <= number_of.keys():
        return None
    if isinstance(rule, ReadoutNoise):
        return replace(rule, qubits=moved(rule.qubits))
    return replace(rule, qubits=moved(rule.qubits), on=moved(rule.on))
