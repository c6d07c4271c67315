"""Gates: a record of the table, or a matrix of the user's, with controls and a power."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quasim_backend.errors import CircuitError, ParameterError, ShapeError, near_matches
from quasim_backend.ir.gate_table import ALIASES, FORMALS, RECORDS, GateRecord, Template
from quasim_backend.ir.numbering import complex_array
from quasim_backend.ir.parameters import Affine, Parameter, angle, bind, parameters_of
from quasim_backend.ir.program import PrimitiveKind

__all__ = ["ARRAY_GATES", "UNITARY_TOLERANCE", "Gate", "is_known_gate", "unitary_power"]

Matrix = NDArray[np.complex128]

UNITARY_TOLERANCE = 1e-8
"""Largest accepted entry of ``|U^dagger U - 1|``, as in Qiskit."""

ARRAY_GATES = ("unitary", "diagonal", "permutation", "pauli_rotation")
"""Gates that carry their own data instead of a record."""


class _Draft:
    """A gate before it is frozen.

    ``Gate(...)`` goes through ``object.__setattr__`` once a field, which is most of what a circuit
    of a thousand gates costs to build. A draft sets plain attributes and then becomes a `Gate`:
    0.5 us instead of 2 us.
    """

    __slots__ = (
        *("name", "params", "num_controls", "control_state"),
        *("power", "data", "masks", "label"),
    )

    def __init__(
        self,
        name: str,
        params: tuple[float | Affine, ...],
        num_controls: int,
        control_state: int,
        label: str | None,
    ) -> None:
        self.name = name
        self.params = params
        self.num_controls = num_controls
        self.control_state = control_state
        self.power = 1.0
        self.data: NDArray[Any] | None = None
        self.masks: tuple[int, int, int] | None = None
        self.label = label


@dataclass(frozen=True, slots=True, eq=False)
class Gate(_Draft):
    """What acts, without the qubits. Make one with `Gate.named` or the other constructors.

    A gate acts on ``num_controls`` controls followed by its targets. The modifiers apply in this
    order: base gate, then ``power``, then controls.

    Attributes:
        name: Canonical record name, or one of `ARRAY_GATES`.
        params: Angles, numbers or affine expressions.
        num_controls: Number of control qubits, which come first.
        control_state: Value the controls must have; bit ``i`` belongs to control ``i``.
        power: Exponent; integer powers for every gate, others by the principal root.
        data: ``(2**k, 2**k)`` matrix, ``(2**k,)`` diagonal or int64 permutation; else None.
        masks: Pauli masks ``(x, z, k)`` of a ``pauli_rotation``; else None.
        label: Name that noise rules may match; None means the gate's own name.
    """

    name: str
    params: tuple[float | Affine, ...] = ()
    num_controls: int = 0
    control_state: int = 0
    power: float = 1.0
    data: NDArray[Any] | None = None
    masks: tuple[int, int, int] | None = None
    label: str | None = None

    # --- constructors -------------------------------------------------------------------------

    @staticmethod
    def trusted(
        name: str,
        params: tuple[float | Affine, ...] = (),
        num_controls: int = 0,
        control_state: int = 0,
        label: str | None = None,
    ) -> Gate:
        """Make a gate of the table from fields that are known to be right, unchecked and fast."""
        draft = _Draft(name, params, num_controls, control_state, label)
        draft.__class__ = Gate
        return draft  # type: ignore[return-value]

    @staticmethod
    def named(
        name: str,
        params: Sequence[object] = (),
        *,
        controls: int = 0,
        control_state: int | None = None,
        label: str | None = None,
    ) -> Gate:
        """Look a gate up by name or alias.

        Args:
            name: A record's name or an alias such as ``"cx"``; ``"mcx"`` is ``"x"`` with
                ``controls``.
            params: One real number, `Parameter` or affine expression for each parameter.
            controls: Additional controls, in front of the alias's own.
            control_state: Value of all controls; default all ones.
            label: Name for noise rules.

        Raises:
            CircuitError: If the name is unknown (near matches are listed), or the controls are
                impossible.
            ParameterError: If the number of parameters is wrong or one is not finite.
        """
        if not len(params) and not controls and control_state is None and label is None:
            return _plain_gate(name)
        record, own = _lookup(name)
        if len(params) != len(record.parameters):
            raise ParameterError(
                f"Gate '{name}' takes {len(record.parameters)} parameters "
                f"({', '.join(record.parameters) or 'none'}); got {len(params)}."
            )
        count = own + controls
        if controls < 0:
            raise CircuitError(f"A gate cannot have {controls} controls.")
        state = _control_state(count, control_state)
        angles = tuple([p if type(p) is float and p - p == 0.0 else angle(p) for p in params])
        return Gate.trusted(record.name, angles, count, state, label)

    @staticmethod
    def unitary(matrix: ArrayLike, *, check: bool = True, label: str | None = None) -> Gate:
        """Make a gate from a unitary ``(2**k, 2**k)``; the first target is its lowest bit.

        Raises:
            ShapeError: If it is not square with a power of two, not finite or not unitary.
        """
        array = complex_array(matrix, "A unitary")
        width = _width(array, 2, "A unitary")
        if check:
            error = float(np.abs(array.conj().T @ array - np.eye(1 << width)).max())
            if not error < UNITARY_TOLERANCE:
                raise ShapeError(
                    f"The {array.shape} matrix is not unitary: the largest entry of "
                    f"|U^dagger U - 1| is {error:.3g}, allowed is {UNITARY_TOLERANCE:g}. "
                    f"For a channel use Channel.kraus."
                )
        array.setflags(write=False)
        return Gate("unitary", data=array, label=label)

    @staticmethod
    def diagonal(entries: ArrayLike, *, label: str | None = None) -> Gate:
        """Make a diagonal unitary from its ``2**k`` entries.

        Raises:
            ShapeError: If the length is no power of two or an entry is not of modulus 1.
        """
        array = complex_array(entries, "A diagonal")
        _width(array, 1, "A diagonal")
        error = float(np.abs(np.abs(array) - 1).max())
        if not error < UNITARY_TOLERANCE:
            raise ShapeError(
                f"A diagonal gate needs entries of modulus 1; one is off by {error:.3g}."
            )
        array.setflags(write=False)
        return Gate("diagonal", data=array, label=label)

    @staticmethod
    def permutation(table: ArrayLike, *, label: str | None = None) -> Gate:
        """Make the gate ``|i> -> |table[i]>`` on ``k`` targets, ``table`` of length ``2**k``.

        Raises:
            ShapeError: If it is not a permutation of ``range(2**k)``.
        """
        given = np.asarray(table)
        _width(given, 1, "A permutation")
        array = given.astype(np.int64)
        if not np.array_equal(array, given):
            raise ShapeError(f"A permutation's table must hold whole numbers; got {given.dtype}.")
        if not np.array_equal(np.sort(array), np.arange(len(array))):
            raise ShapeError(f"The table must hold each of 0..{len(array) - 1} exactly once.")
        array.setflags(write=False)
        return Gate("permutation", data=array, label=label)

    @staticmethod
    def pauli_rotation(pauli: str, theta: object, *, label: str | None = None) -> Gate:
        """Make ``exp(-i theta/2 P)``; the leftmost letter of ``pauli`` acts on the last target.

        Raises:
            CircuitError: If a letter is not one of I, X, Y, Z.
        """
        if set(pauli) - set("IXYZ"):
            raise CircuitError(f"A Pauli string has the letters I, X, Y, Z; got {pauli!r}.")
        x = sum(1 << q for q, c in enumerate(reversed(pauli)) if c in "XY")
        z = sum(1 << q for q, c in enumerate(reversed(pauli)) if c in "ZY")
        return Gate("pauli_rotation", (angle(theta),), masks=(x, z, len(pauli)), label=label)

    # --- facts --------------------------------------------------------------------------------

    @property
    def record(self) -> GateRecord | None:
        """The table record, or None for a gate that carries its own data."""
        return RECORDS.get(self.name)

    @property
    def num_targets(self) -> int:
        """Number of target qubits."""
        if self.data is not None:
            return len(self.data).bit_length() - 1
        if self.masks is not None:
            return self.masks[2]
        return RECORDS[self.name].num_qubits

    @property
    def num_qubits(self) -> int:
        """Controls and targets together."""
        return self.num_controls + self.num_targets

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Symbolic parameters, each once, in the order they appear."""
        return tuple(dict.fromkeys(p for v in self.params for p in parameters_of(v)))

    @property
    def is_diagonal(self) -> bool:
        """Whether the matrix is diagonal for all parameter values."""
        if self.masks is not None:
            return self.masks[0] == 0
        record = self.record
        return record.diagonal if record is not None else self.name == "diagonal"

    # --- derived gates ------------------------------------------------------------------------

    def controlled(self, count: int = 1, control_state: int | None = None) -> Gate:
        """Add ``count`` controls in front; bit ``i`` of ``control_state`` is control ``i``.

        Raises:
            CircuitError: If the count is negative or the state does not fit it.
        """
        state = _control_state(count, control_state)
        return replace(
            self,
            num_controls=self.num_controls + count,
            control_state=state | self.control_state << count,
        )

    def inverse(self) -> Gate:
        """Return the inverse gate, by name where the table has one."""
        if self.power != 1.0:
            return replace(self, power=-self.power)
        if self.name == "unitary" and self.data is not None:
            return replace(self, data=np.ascontiguousarray(self.data.conj().T))
        if self.name == "diagonal" and self.data is not None:
            return replace(self, data=self.data.conj())
        if self.name == "permutation" and self.data is not None:
            return replace(self, data=np.argsort(self.data))
        if self.name == "pauli_rotation":
            return replace(self, params=(_scale(self.params[0], -1.0),))
        name, formals = RECORDS[self.name].inverse
        values = dict(zip(FORMALS, self.params, strict=False))
        return replace(self, name=name, params=tuple(bind(f, values) for f in formals))

    def to_power(self, exponent: float) -> Gate:
        """Return the gate raised to a power (before its controls act).

        Powers are principal ones: ``X`` squared to the power 1/2 is the identity.

        Raises:
            ParameterError: If the exponent is not finite.
        """
        exponent = float(exponent)
        if not math.isfinite(exponent):
            raise ParameterError(f"The power of a gate must be finite; got {exponent}.")
        # Phases that left (-pi, pi] with the first power start anew for a root.
        if abs(self.power) > 1 and not exponent.is_integer() and not self.parameters:
            whole = unitary_power(self._base_matrix(), self.power)
            alone = Gate.unitary(whole, check=False, label=self.label).to_power(exponent)
            return alone.controlled(self.num_controls, self.control_state)
        exponent *= self.power
        if exponent == 1.0:
            return replace(self, power=1.0)
        if exponent == -1.0:
            return replace(self, power=1.0).inverse()
        return replace(self, power=exponent)

    def bound(self, values: dict[Parameter, Any]) -> Gate:
        """Substitute parameters; those not in ``values`` stay symbolic."""
        if not self.parameters:
            return self
        return replace(self, params=tuple(bind(v, values) for v in self.params))

    def matrix(self) -> Matrix:
        """Return the dense ``(2**k, 2**k)`` matrix, controls and power included.

        Raises:
            ParameterError: If a parameter is not bound.
        """
        base = self._base_matrix()
        if self.power != 1.0:
            base = unitary_power(base, self.power)
        if not self.num_controls:
            return base
        size, controls = len(base), self.num_controls
        result = np.eye(size << controls, dtype=complex)
        rows = (np.arange(size) << controls) | self.control_state
        result[np.ix_(rows, rows)] = base
        return result

    def _base_matrix(self) -> Matrix:
        unbound = self.parameters
        if unbound:
            raise ParameterError(
                f"Gate '{self.name}' has the unbound parameter '{unbound[0].name}'; bind it first."
            )
        values = [float(v) for v in self.params if not isinstance(v, Affine)]
        if self.name == "unitary" and self.data is not None:
            return np.array(self.data)
        if self.name == "diagonal" and self.data is not None:
            return np.diag(self.data)
        if self.name == "permutation" and self.data is not None:
            result = np.zeros((len(self.data),) * 2, complex)
            result[self.data, np.arange(len(self.data))] = 1
            return result
        if self.masks is not None:
            return _pauli_rotation_matrix(*self.masks, values[0])
        return np.asarray(RECORDS[self.name].matrix(*values), dtype=np.complex128)

    # --- lowering -----------------------------------------------------------------------------

    def templates(self) -> tuple[Template, ...]:
        """Lower the gate, without its controls, to primitives on its targets.

        Raises:
            ParameterError: If a fractional power of a gate with unbound parameters is asked for.
        """
        record = RECORDS.get(self.name)
        if record is None:
            base: tuple[Template, ...] = (self._array_template(),)
        elif not self.params:
            base = record.lowering
        else:
            values = dict(zip(FORMALS, self.params, strict=False))
            base = tuple(
                replace(t, angle=bind(t.angle, values)) if isinstance(t.angle, Affine) else t
                for t in record.lowering
            )
        return base if self.power == 1.0 else self._powered(base)

    def _array_template(self) -> Template:
        targets = tuple(range(self.num_targets))
        if self.masks is not None:
            x, z, width = self.masks
            return Template(
                PrimitiveKind.ROTATION,
                x_bits=tuple(q for q in range(width) if x >> q & 1),
                z_bits=tuple(q for q in range(width) if z >> q & 1),
                angle=self.params[0],
            )
        if self.name == "unitary":
            return Template(PrimitiveKind.MATRIX, targets=targets, data=self.data)
        if self.name == "diagonal":
            return Template(PrimitiveKind.DIAGONAL, targets=targets, data=self.data)
        return Template(PrimitiveKind.PERMUTATION, targets=targets, table=self.data)

    def _powered(self, base: tuple[Template, ...]) -> tuple[Template, ...]:
        """Raise a lowering to ``self.power``."""
        angled = (PrimitiveKind.ROTATION, PrimitiveKind.PHASE)
        whole = self.power == round(self.power)
        if whole and len(base) == 1 and base[0].kind in angled:
            return (replace(base[0], angle=_scale(base[0].angle, self.power)),)
        if whole and self.parameters:
            plain = replace(self, power=1.0)
            step = plain.templates() if self.power > 0 else plain.inverse().templates()
            return step * round(abs(self.power))
        if self.parameters:
            raise ParameterError(
                f"Gate '{self.name}' to the power {self.power:g} needs bound parameters: a "
                f"fractional power is the principal root of the matrix."
            )
        if len(base) == 1 and base[0].kind in angled:
            return (_root(base[0], self.power),)
        matrix = replace(self, num_controls=0, control_state=0).matrix()
        targets = tuple(range(self.num_targets))
        if self.is_diagonal:
            entries = np.diag(matrix).copy()
            return (Template(PrimitiveKind.DIAGONAL, targets=targets, data=entries),)
        return (Template(PrimitiveKind.MATRIX, targets=targets, data=matrix),)


def is_known_gate(name: str) -> bool:
    """Return whether `Gate.named` knows ``name``."""
    return name in RECORDS or name in ALIASES


def _root(template: Template, power: float) -> Template:
    """Raise a rotation or a phase with a known angle to a power, as `unitary_power`."""
    assert isinstance(template.angle, float | int), "others are refused"
    if template.kind == PrimitiveKind.PHASE:
        phase = math.remainder(template.angle, 2 * math.pi)
        if phase < 1e-12 - math.pi:
            phase += 2 * math.pi
        return replace(template, angle=power * phase)
    whole = math.remainder(template.angle, 4 * math.pi)
    if abs(whole) > 2 * math.pi - 2e-12:  # -1, both of whose eigenvalues have the phase pi
        return replace(
            template, kind=PrimitiveKind.PHASE, x_bits=(), z_bits=(), angle=power * math.pi
        )
    return replace(template, angle=power * whole)


def unitary_power(matrix: Matrix, exponent: float) -> Matrix:
    """Raise a unitary to a real power, by the principal root: phases in ``(-pi, pi]``.

    A generic combination of the commuting Hermitian parts has the eigenvectors of the unitary even
    where eigenvalues are degenerate.
    """
    if exponent == round(exponent):
        return np.linalg.matrix_power(matrix, round(exponent))
    real, imaginary = (matrix + matrix.conj().T) / 2, (matrix - matrix.conj().T) / 2j
    _, vectors = np.linalg.eigh(real + 0.7390851332151607 * imaginary)
    phases = np.angle(np.einsum("ij,ik,kj->j", vectors.conj(), matrix, vectors))
    phases[np.isclose(phases, -np.pi, rtol=0, atol=1e-12)] = np.pi
    result: Matrix = (vectors * np.exp(1j * exponent * phases)) @ vectors.conj().T
    return result


def _control_state(count: int, state: int | None) -> int:
    """Return the value of ``count`` controls, all ones by default; refuse one that does not fit."""
    if count < 0:
        raise CircuitError(f"A gate cannot have {count} controls.")
    if state is None:
        return (1 << count) - 1
    if not 0 <= state < 1 << count:
        raise CircuitError(
            f"Control state {state} does not fit {count} controls; possible is "
            f"0..{(1 << count) - 1}."
        )
    return state


def _scale(value: float | Affine, factor: float) -> float | Affine:
    return value * factor


def _lookup(name: str) -> tuple[GateRecord, int]:
    record = RECORDS.get(name)
    if record is not None:
        return record, 0
    alias = ALIASES.get(name)
    if alias is None:
        raise CircuitError(
            f"Unknown gate '{name}'. {near_matches(name, [*RECORDS, *ALIASES, *ARRAY_GATES])}"
        )
    return RECORDS[alias[0]], alias[1]


@lru_cache(maxsize=512)
def _plain_gate(name: str) -> Gate:
    """Return the shared instance of a gate without parameters."""
    record, controls = _lookup(name)
    if record.parameters:
        raise ParameterError(
            f"Gate '{name}' takes {len(record.parameters)} parameters "
            f"({', '.join(record.parameters)}); got 0."
        )
    return Gate(record.name, (), controls, (1 << controls) - 1)


def _width(array: NDArray[Any], rank: int, what: str) -> int:
    """Return ``k`` of an array of shape ``(2**k,) * rank``, or refuse it."""
    size = array.shape[0] if array.ndim else 0
    if array.ndim != rank or len(set(array.shape)) != 1 or size < 1 or size & (size - 1):
        expected = "(2**k, 2**k)" if rank == 2 else "(2**k,)"
        raise ShapeError(f"{what} needs the shape {expected}; got {array.shape}.")
    if not np.isfinite(array).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ShapeError(f"{what} must be finite; entry {place} is {array[place]}.")
    return size.bit_length() - 1


def _pauli_rotation_matrix(x: int, z: int, width: int, theta: float) -> Matrix:
    index = np.arange(1 << width)
    parity = np.array([(int(i) & z).bit_count() & 1 for i in index])
    pauli = np.zeros((1 << width,) * 2, complex)
    pauli[index ^ x, index] = 1j ** (x & z).bit_count() * (1 - 2 * parity)
    result: Matrix = np.cos(theta / 2) * np.eye(1 << width) - 1j * np.sin(theta / 2) * pauli
    return result
