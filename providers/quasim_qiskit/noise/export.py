"""Our noise models as Qiskit's.

Every instruction is put into a circuit of its own, on qubits that rules name and on others, and
what the model places next to it becomes its error. So errors mean the same in both.

Rules for any gate become errors of Qiskit's standard gates; gates made of a matrix have no error in
Qiskit unless they have a label that a rule names.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from qiskit.circuit import Delay
from qiskit.circuit.library import IGate, UnitaryGate
from qiskit.quantum_info import Kraus

from quasim_backend.errors import UnsupportedError
from quasim_backend.ir import Channel, Circuit, Gate
from quasim_backend.ir.gate_table import RECORDS
from quasim_backend.ir.instructions import (
    ChannelOp,
    GateOp,
    Initialize,
    Instruction,
    Measure,
    Reset,
)
from quasim_backend.ir.instructions import Delay as IrDelay
from quasim_backend.noise import GateNoise, MomentNoise, NoiseModel, ReadoutNoise, Relaxation
from quasim_backend.noise.rules import OPERATIONS, gate_key
from quasim_qiskit.gates import CONTROLLED, PLAIN

__all__ = ["exported"]

_PASS_QUBITS = 1024
"""Qubits of a relaxation pass for a rule that is for all qubits."""

_AS_IT_IS = "quasim_qiskit.AerSimulator(noise_model=...) takes the model as it is."

_NAMES: dict[tuple[str, int], list[str]] = {}
"""Qiskit's names of each gate of ours."""

for _name, _plain in PLAIN.items():
    _NAMES.setdefault((_plain.name, _plain.num_controls), []).append(_name)
for _name, (_record, _controls, _) in CONTROLLED.items():
    if _record != "gphase":
        _NAMES.setdefault((_record, _controls), []).append(_name)


def exported(model: NoiseModel) -> Any:
    """Return a model as Qiskit Aer's ``NoiseModel`` if Aer is installed, else as ours.

    Raises:
        UnsupportedError: If a rule has no word in Qiskit: noise in every moment or while qubits
            wait, before gates, on other qubits than the gate's, on gates Qiskit does not have.
    """
    home = "qiskit_aer.noise" if find_spec("qiskit_aer") else "quasim_qiskit.noise"
    return _Export(model, import_module(home)).result


class _Export:
    """One export: the rules, and where there are errors of which instruction."""

    def __init__(self, model: NoiseModel, home: Any) -> None:
        for rule in model.rules:
            _refuse(rule)
        self._home = home
        self._model = model
        self._during = NoiseModel(tuple(r for r in model.rules if not isinstance(r, Relaxation)))
        named = [
            q for r in model.rules for q in (*(r.qubits or ()), *(getattr(r, "on", None) or ()))
        ]
        self._free = 1 + max(named, default=-1)  # the first of qubits that no rule names
        self.result = home.NoiseModel()
        for name, width, instruction in self._instructions():
            self._add(name, width, instruction)
        self._readouts()
        self._relaxation()

    # --- which instructions have errors -------------------------------------------------------

    def _instructions(self) -> Iterator[tuple[str, int, Any]]:
        """Yield name, width and a gate, or the name again where it is no gate."""
        keys: dict[tuple[str, int], None] = {}
        labels: dict[str, int] = {}
        operations: dict[str, int] = {}
        for rule in self._model.rules:
            if isinstance(rule, Relaxation):
                if not rule.delays_only:
                    keys.update(dict.fromkeys(_NAMES))
                    operations |= {name: 1 for name in OPERATIONS[:2]}
                continue
            if not isinstance(rule, GateNoise):
                continue
            width = rule.num_qubits or len(rule.qubits or ()) or rule.channel.num_qubits
            for label in rule.labels:
                labels[label] = min(width, labels.get(label, width))
            if {*rule.gates} <= {*rule.labels} and rule.labels:
                continue  # a rule of Qiskit's, whose names are labels too
            operations |= {name: width for name in rule.gates if name in OPERATIONS}
            found = [gate_key(name) for name in rule.gates if name not in OPERATIONS]
            for key, name in zip(
                found, [n for n in rule.gates if n not in OPERATIONS], strict=True
            ):
                if key not in _NAMES:
                    raise UnsupportedError(
                        f"A noise rule is for '{name}', which is no standard gate of Qiskit. Give "
                        f"the gate a label in Qiskit and name it in labels= of the rule."
                    )
            wide = None if rule.num_qubits is None and rule.qubits is None else width
            any_gate = not rule.gates and not rule.labels
            keys.update(
                (key, None)
                for key in (_NAMES if any_gate else found)
                if key is not None and wide in (None, _width(key))
            )
        for name, width in operations.items():
            yield name, width, name
        done = set()
        for key in keys:
            for name in _NAMES[key]:
                done.add(name)
                yield name, _width(key), Gate.trusted(key[0], (), key[1], (1 << key[1]) - 1)
        for label, width in labels.items():
            if label not in done:
                yield label, width, Gate.pauli_rotation("Z" * width, 0.0, label=label)

    def _add(self, name: str, width: int, what: Any) -> None:
        everywhere = tuple(range(self._free, self._free + width))
        error = self._error(name, what, everywhere)
        if error is not None:
            self.result.add_all_qubit_quantum_error(error, name, warnings=False)
        places = {
            rule.qubits: None
            for rule in self._model.rules
            if isinstance(rule, GateNoise) and rule.qubits is not None and len(rule.qubits) == width
        }
        for qubits in places:
            rules = self._matching(name, what, qubits)
            if rules == self._matching(name, what, everywhere):
                continue
            local = self._error(name, what, qubits)
            if local is None and error is not None:
                raise UnsupportedError(
                    f"'{name}' has noise on all qubits but {qubits}. An error for particular "
                    f"qubits that is none is ignored in Qiskit; name the qubits with noise in "
                    f"qubits=. {_AS_IT_IS}"
                )
            if local is not None:
                self.result.add_quantum_error(local, name, qubits, warnings=False)

    def _matching(self, name: str, what: Any, qubits: tuple[int, ...]) -> list[GateNoise]:
        if isinstance(what, str):
            return self._model.placement.matching((what, None, qubits))
        key = (what.name, what.num_controls)
        return self._model.placement.matching((key, what.label, qubits))

    # --- errors -------------------------------------------------------------------------------

    def _error(self, name: str, what: Any, qubits: tuple[int, ...]) -> Any:
        """Return what the model places at one instruction, as an error on its qubits."""
        circuit = Circuit(max(qubits) + 1, len(qubits))
        circuit.instructions = [_instruction(what, qubits)]
        model = self._during if name == "delay" else self._model
        written = model.applied(circuit).instructions
        place = next(i for i, w in enumerate(written) if not isinstance(w, ChannelOp))
        before = [op for op in written[:place] if isinstance(op, ChannelOp)]
        after = [op for op in written[place:] if isinstance(op, ChannelOp)]
        if after if name == "measure" else before:
            raise UnsupportedError(
                f"Noise before '{name}' has no word in Qiskit, where errors act after instructions "
                f"and before measurements only. {_AS_IT_IS}"
            )
        error = None
        for op in [*before, *after]:
            if not {*op.qubits} <= {*qubits}:
                raise UnsupportedError(
                    f"Noise of '{name}' on {qubits} acts on {op.qubits}; Qiskit has errors on an "
                    f"instruction's own qubits only. {_AS_IT_IS}"
                )
            if error is None:
                start = [([(IGate(), [i]) for i in range(len(qubits))], 1.0)]
                error = self._home.QuantumError(start)
            local = [qubits.index(q) for q in op.qubits]
            error = error.compose(self._home.QuantumError(_terms(op.channel)), qargs=local)
        return error

    def _readouts(self) -> None:
        rules = [rule for rule in self._model.rules if isinstance(rule, ReadoutNoise)]
        placement = self._model.placement
        for _, error in placement.readouts((self._free,)):
            self.result.add_all_qubit_readout_error(error.matrix.tolist(), warnings=False)
        for qubits in dict.fromkeys(rule.qubits for rule in rules if rule.qubits is not None):
            for group, error in placement.readouts(qubits):
                if group == qubits:
                    self.result.add_readout_error(error.matrix.tolist(), qubits, warnings=False)

    def _relaxation(self) -> None:
        """Turn relaxation during delays into passes, one a rule."""
        for rule in self._model.rules:
            if isinstance(rule, Relaxation):
                count = _PASS_QUBITS if rule.qubits is None else max(rule.qubits) + 1
                relaxing = range(count) if rule.qubits is None else rule.qubits
                t1s, t2s, populations = (
                    [float("inf")] * count,
                    [float("inf")] * count,
                    [0.0] * count,
                )
                for q in relaxing:
                    t1s[q], t2s[q], populations[q] = rule.t1, rule.t2, rule.excited
                noise_pass = self._home.RelaxationNoisePass(
                    t1s, t2s, op_types=Delay, excited_state_populations=populations
                )
                self.result._custom_noise_passes.append(noise_pass)


def _refuse(rule: Any) -> None:
    if isinstance(rule, MomentNoise):
        raise UnsupportedError(
            f"Noise in every moment ('{rule.channel.name}') has no word in Qiskit. Write a rule "
            f"for gates. {_AS_IT_IS}"
        )
    if isinstance(rule, Relaxation):
        if rule.idle:
            raise UnsupportedError(
                f"Relaxation of idle qubits has no word in Qiskit. Put delays into the circuit and "
                f"leave idle=True out. {_AS_IT_IS}"
            )
        if rule.qubits is not None and not rule.delays_only:
            raise UnsupportedError(
                f"Relaxation of single qubits during gates has no word in Qiskit. Give all qubits "
                f"the same times, or use delays_only=True and rules for gates. {_AS_IT_IS}"
            )


def _instruction(what: Any, qubits: tuple[int, ...]) -> Instruction:
    if isinstance(what, Gate):
        return GateOp(what, qubits)
    if what == "measure":
        return Measure(qubits, tuple(range(len(qubits))))
    if what == "reset":
        return Reset(qubits)
    if what == "delay":
        return IrDelay(qubits, 0.0)
    return Initialize(np.eye(1, 1 << len(qubits), dtype=complex)[0], qubits)


def _terms(channel: Channel) -> list[tuple[Any, float]]:
    if channel.probabilities is None:
        return [(Kraus(list(channel.operators)), 1.0)]
    gates = [UnitaryGate(u) for u in channel.operators]
    return list(zip(gates, channel.probabilities, strict=True))


def _width(key: tuple[str, int]) -> int:
    return RECORDS[key[0]].num_qubits + key[1]
