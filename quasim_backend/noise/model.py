"""The noise model: rules, in order, as one value."""

from __future__ import annotations

import json
import math
import numbers
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from quasim_backend.errors import OptionError
from quasim_backend.ir.channels import Channel, ReadoutError
from quasim_backend.ir.circuit import Circuit
from quasim_backend.noise.placement import Placement
from quasim_backend.noise.rules import GateNoise, MomentNoise, ReadoutNoise, Relaxation, Rule

__all__ = ["NoiseModel"]

_FORMAT = 1


@dataclass(frozen=True, eq=False, repr=False)
class NoiseModel:
    """Rules that place channels and readout errors in circuits.

    A value: methods return a new model, equal models have equal hashes. Rules act in their order.

    >>> import quasim_backend as quasim
    >>> from quasim_backend import noise
    >>> model = quasim.NoiseModel().on_gates(noise.depolarizing(0.01, 2), ["cx"]).readout(0.02)
    >>> circuit = quasim.Circuit(2, 2).h(0).cx(0, 1).measure_all()
    >>> len(model.applied(circuit).instructions) - len(circuit.instructions)
    2

    Attributes:
        rules: The rules.
        name: For printing.
    """

    rules: tuple[Rule, ...] = ()
    name: str = ""

    # --- building -----------------------------------------------------------------------------

    def with_rules(self, rules: Iterable[Rule]) -> NoiseModel:
        """Return the model with more rules at its end."""
        return NoiseModel((*self.rules, *rules), self.name)

    def __add__(self, other: NoiseModel) -> NoiseModel:
        """Return the rules of both, this model's first."""
        if not isinstance(other, NoiseModel):
            return NotImplemented
        return NoiseModel((*self.rules, *other.rules), self.name or other.name)

    def on_gates(
        self,
        channel: Channel,
        gates: str | Sequence[str] = (),
        qubits: Sequence[int] | None = None,
        *,
        labels: str | Sequence[str] = (),
        num_qubits: int | None = None,
        on: Sequence[int] | None = None,
        before: bool = False,
        fallback: bool = False,
    ) -> NoiseModel:
        """Add a channel to gates, measurements, resets or delays; see `GateNoise`.

        Without names and labels it goes to every gate that is as wide as the channel, or to every
        gate if ``num_qubits``, ``qubits`` or ``on`` says which.

        Raises:
            CircuitError: If a gate is unknown.
            QubitError: If the rule can never match.
        """
        names = (gates,) if isinstance(gates, str) else tuple(gates)
        tags = (labels,) if isinstance(labels, str) else tuple(labels)
        if not names and not tags and num_qubits is None and qubits is None and on is None:
            num_qubits = channel.num_qubits
        rule = GateNoise(
            channel,
            names,
            tags,
            _numbers(qubits),
            num_qubits,
            _numbers(on),
            before,
            fallback,
        )
        return self.with_rules([rule])

    def on_measurements(self, channel: Channel, qubits: Sequence[int] | None = None) -> NoiseModel:
        """Add a channel before measurements."""
        return self.on_gates(channel, ["measure"], qubits)

    def each_moment(self, channel: Channel, qubits: Sequence[int] | None = None) -> NoiseModel:
        """Add a 1-qubit channel after every moment; see `MomentNoise`."""
        return self.with_rules([MomentNoise(channel, _numbers(qubits))])

    def relaxation(
        self,
        t1: float,
        t2: float | None = None,
        *,
        excited: float = 0.0,
        qubits: Sequence[int] | None = None,
        gate_times: Mapping[str, float] | None = None,
        idle: bool = False,
        delays_only: bool = False,
    ) -> NoiseModel:
        """Add thermal relaxation; see `Relaxation`.

        Args:
            t1: In seconds.
            t2: In seconds; None for ``2 * t1``, or infinity if ``t1`` is infinite.
            excited: Equilibrium population of ``|1>``.
            qubits: Which qubits; None for all.
            gate_times: In seconds; None for `quasim_backend.options.GATE_TIMES`.
            idle: Also while qubits wait.
            delays_only: Only during delays.
        """
        from quasim_backend.options import GATE_TIMES

        times = dict(GATE_TIMES if gate_times is None else gate_times)
        rule = Relaxation(
            float(t1),
            2 * float(t1) if t2 is None else float(t2),
            float(excited),
            None if qubits is None else tuple(qubits),
            tuple(sorted((name, float(seconds)) for name, seconds in times.items())),
            idle,
            delays_only,
        )
        return self.with_rules([rule])

    def readout(
        self,
        error: float | ArrayLike | ReadoutError,
        qubits: int | Sequence[int] | None = None,
        *,
        fallback: bool = False,
    ) -> NoiseModel:
        """Add a readout error.

        Args:
            error: A matrix ``[true, read]`` ``(2**k, 2**k)``, or the probability to read a bit
                wrong.
            qubits: Whose; None for every qubit on its own.
            fallback: As in `ReadoutNoise`.

        Raises:
            ShapeError: If a row is no probability distribution.
            QubitError: If the error does not fit the qubits.
        """
        if not isinstance(error, ReadoutError):
            try:
                array = np.asarray(error, np.float64)
            except (TypeError, ValueError):
                raise OptionError(
                    f"A readout error is a probability or a matrix [true, read]; got {error!r}."
                ) from None
            if array.ndim == 0:
                array = np.array([[1 - array, array], [array, 1 - array]])
            error = ReadoutError.of(array)
        places = (int(qubits),) if isinstance(qubits, int | np.integer) else _numbers(qubits)
        return self.with_rules([ReadoutNoise(error, places, fallback)])

    # --- use ----------------------------------------------------------------------------------

    @property
    def is_ideal(self) -> bool:
        """Whether there are no rules."""
        return not self.rules

    def applied(self, circuit: Circuit) -> Circuit:
        """Return a copy of a circuit with the noise in it; instructions are shared."""
        if self.is_ideal:
            return circuit
        result = Circuit(circuit.num_qubits, circuit.num_clbits, circuit.name)
        result.instructions = self.placement.placed(circuit.instructions, circuit.num_qubits)
        return result

    @cached_property
    def placement(self) -> Placement:
        """The rules, indexed; remembers what each kind of operation gets."""
        return Placement(self)

    # --- as a value ---------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return the model as numbers, strings, lists and dictionaries."""
        from quasim_backend.noise.wire import rule_to_dict

        rules = [rule_to_dict(rule) for rule in self.rules]
        return {"format": _FORMAT, "name": self.name, "rules": rules}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> NoiseModel:
        """Return the model of a dictionary that `to_dict` made, or of the short form.

        The short form is described in `quasim_backend.noise.specification`.

        Raises:
            OptionError: If an entry is unknown or has an impossible value.
        """
        from quasim_backend.noise.specification import from_specification
        from quasim_backend.noise.wire import model_from_dict

        if "format" in values:
            return model_from_dict(values)
        return from_specification(values)

    def to_json(self) -> str:
        """Return the model as JSON."""
        return json.dumps(self.to_dict())

    @staticmethod
    def from_json(text: str) -> NoiseModel:
        """Return the model of a text that `to_json` made.

        Raises:
            OptionError: If the text is no noise model.
        """
        try:
            values = json.loads(text)
        except ValueError as cause:
            raise OptionError(f"The text is no noise model: {cause}.") from cause
        if not isinstance(values, dict):
            raise OptionError(f"The text is no noise model, but a {type(values).__name__}.")
        return NoiseModel.from_dict(values)

    @cached_property
    def _key(self) -> str:
        return json.dumps(self.to_dict()["rules"], sort_keys=True)

    def __eq__(self, other: object) -> bool:
        """Compare rules by their content; names do not count."""
        return isinstance(other, NoiseModel) and (self is other or self._key == other._key)

    @cached_property
    def _hash(self) -> int:
        return hash(self._key)

    def __hash__(self) -> int:
        """Hash the content."""
        return self._hash

    def __repr__(self) -> str:
        """Name the model and count its rules."""
        name = f"'{self.name}', " if self.name else ""
        return f"<NoiseModel {name}{len(self.rules)} rules>"

    def __str__(self) -> str:
        """List the rules, one a line."""
        if self.is_ideal:
            return "NoiseModel: ideal"
        title = f"NoiseModel {self.name}".rstrip()
        return "\n".join([f"{title}:", *(f"  {_line(rule)}" for rule in self.rules)])


def _numbers(qubits: Iterable[int] | None) -> tuple[int, ...] | None:
    """Return qubits as Python's integers; what is no integer is refused by the rule."""
    if qubits is None:
        return None
    if not isinstance(qubits, Iterable):
        raise OptionError(f"Give qubits as a sequence of numbers; got {qubits!r}.")
    return tuple(int(q) if isinstance(q, numbers.Integral) else q for q in qubits)


def _line(rule: Rule) -> str:
    where = "every qubit" if rule.qubits is None else f"qubits {list(rule.qubits)}"
    if isinstance(rule, GateNoise):
        names = [*rule.gates, *(f"label '{label}'" for label in rule.labels)]
        width = "" if rule.num_qubits is None else f"{rule.num_qubits}-qubit "
        side = "before" if rule.before or rule.gates == ("measure",) else "after"
        placed = "" if rule.on is None else f" on {list(rule.on)}"
        rest = ", where no rule for single qubits is" if rule.fallback else ""
        what = ", ".join(names) or "gates"
        return f"{_named(rule.channel)}{placed} {side} {width}{what}, {where}{rest}"
    if isinstance(rule, MomentNoise):
        side = "before" if rule.before else "after"
        kind = {None: "", True: " that measures", False: " without measurements"}[rule.measured]
        return f"{_named(rule.channel)} {side} every moment{kind}, {where}"
    if isinstance(rule, ReadoutNoise):
        wrong = 1 - float(np.mean(np.diag(rule.error.matrix)))
        return f"readout error {wrong:.3g} on average, {where}"
    when = "delays" if rule.delays_only else "operations and delays"
    if rule.moments:
        when = "every moment"
    return (
        f"relaxation T1={_seconds(rule.t1)} T2={_seconds(rule.t2)} excited={rule.excited:.3g} in "
        f"{when}{', idle' if rule.idle else ''}{'' if rule.measured else ', unless measured'}, "
        f"{where}"
    )


def _named(channel: Channel) -> str:
    kind = "unitaries" if channel.probabilities is not None else "Kraus operators"
    return f"{channel.name} ({channel.num_qubits} qubits, {len(channel.operators)} {kind})"


def _seconds(value: float) -> str:
    return "never" if math.isinf(value) else f"{value:.3g}s"
