"""The backend: Qiskit's `BackendV2`, with the constructor, options and methods of Aer's."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from qiskit.circuit import QuantumCircuit
from qiskit.providers import BackendV2, Options
from qiskit.transpiler import Target

from quasim_backend import __version__
from quasim_backend.session.jobs import CancelToken
from quasim_qiskit.circuit_methods import install_methods
from quasim_qiskit.configuration import BackendConfiguration, max_qubits
from quasim_qiskit.errors import QuasimQiskitError
from quasim_qiskit.execution import Binding, execute
from quasim_qiskit.job import QuasimJob
from quasim_qiskit.options import (
    CONFIGURATION_OPTIONS,
    DEFAULTS,
    DEVICES,
    METHODS,
    check_choice,
    check_known,
    log_ignored,
    settings,
)
from quasim_qiskit.target import (
    CUSTOM_INSTRUCTIONS,
    GATE_NAMES,
    build_target,
    edges,
    with_simulator_instructions,
)

__all__ = ["AerSimulator", "QuasimSimulator"]

install_methods()


class QuasimSimulator(BackendV2):
    """A simulator of quantum circuits that takes the place of Qiskit Aer's `AerSimulator`.

    >>> backend = QuasimSimulator(seed_simulator=7)
    >>> counts = backend.run(circuit, shots=1000).result().get_counts()  # doctest: +SKIP
    """

    def __init__(
        self,
        configuration: Any = None,
        properties: Any = None,
        provider: Any = None,
        target: Target | None = None,
        **backend_options: Any,
    ) -> None:
        """Make a backend.

        Args:
            configuration: Configuration of a device to take names and coupling map from, or None.
            properties: Properties of a device; only handed out again by `properties`.
            provider: Handed out again by the attribute ``provider``.
            target: Constraints for the transpiler; None allows every gate everywhere.
            **backend_options: Options as in Aer, see ``options``; also ``coupling_map``,
                ``basis_gates`` and ``n_qubits``.

        Raises:
            QuasimQiskitError: If an option is unknown; near matches are listed.
        """
        super().__init__(
            provider=provider,
            name=getattr(configuration, "backend_name", None) or "aer_simulator",
            description=getattr(configuration, "description", None)
            or "QuASIM: exact simulation on CPU, drop-in for Qiskit Aer",
            backend_version=__version__,
        )
        self._properties = properties
        self._derived = False  # whether the name is that of a device this one stands in for
        self._base_target = target
        self._target: Target | None = None
        self._configured: dict[str, Any] = {}
        if configuration is not None and getattr(configuration, "coupling_map", None):
            self._configured["coupling_map"] = configuration.coupling_map
            self._configured["n_qubits"] = getattr(configuration, "n_qubits", None)
        for name, value in backend_options.items():
            self.set_option(name, value)

    # --- constraints --------------------------------------------------------------------------

    @property
    def target(self) -> Target:
        """What the transpiler may use; made once and kept until an option changes it."""
        if self._target is None:
            basis = self._configured.get("basis_gates")
            coupling = edges(self._configured.get("coupling_map"))
            if self._base_target is not None and basis is None and coupling is None:
                self._target = with_simulator_instructions(self._base_target)
            else:
                self._target = build_target(
                    None if basis is None else tuple(basis),
                    coupling,
                    self._configured.get("n_qubits"),
                )
        return self._target

    @property
    def max_circuits(self) -> None:
        """None: a job may hold any number of circuits."""
        return None

    @classmethod
    def _default_options(cls) -> Options:
        return Options(**DEFAULTS)

    # --- options ------------------------------------------------------------------------------

    def set_options(self, **fields: Any) -> None:
        """Set several options; see `set_option`."""
        for name, value in fields.items():
            self.set_option(name, value)

    def set_option(self, key: str, value: Any) -> None:
        """Set one option; None brings back the default.

        Raises:
            QuasimQiskitError: If it is unknown or the value not possible.
        """
        check_known(key)
        if key in CONFIGURATION_OPTIONS:
            if value is None:
                self._configured.pop(key, None)
            else:
                self._configured[key] = value
            self._target = None
            if key in ("basis_gates", "coupling_map"):
                _ = self.target  # refuses an unknown gate here and not in the transpiler
            return
        value = DEFAULTS.get(key) if value is None else value
        check_choice(key, value)
        self._options[key] = value
        log_ignored({key: value})
        if key in ("method", "device") and not self._derived:
            method, device = self._options["method"], self._options["device"]
            name = "aer_simulator" + (f"_{method}" if method != "automatic" else "")
            self.name = f"{name}_gpu" if device == "GPU" else name

    def clear_options(self) -> None:
        """Bring all options back to their defaults."""
        self._options = self._default_options()
        self._configured = {}
        self._target = None

    def available_methods(self) -> tuple[str, ...]:
        """Return the names the option ``method`` can have."""
        return METHODS

    def available_devices(self) -> tuple[str, ...]:
        """Return the names the option ``device`` can have; without a GPU it is the CPU."""
        return DEVICES

    def configuration(self) -> BackendConfiguration:
        """Return facts about the backend under the names older code reads."""
        coupling = edges(self._configured.get("coupling_map"))
        if coupling is None and self._base_target is not None:
            built = self._base_target.build_coupling_map()
            coupling = edges(built)
        basis = self._configured.get("basis_gates")
        width = self._configured.get("n_qubits") or self.target.num_qubits or max_qubits()
        custom = list(self._configured.get("custom_instructions", CUSTOM_INSTRUCTIONS))
        known = self.target.operation_names if self._base_target is not None else GATE_NAMES
        gates = list(basis) if basis is not None else sorted({*known} - {*custom})
        return BackendConfiguration(
            backend_name=self.name,
            backend_version=self.backend_version,
            n_qubits=width,
            num_qubits=width,
            basis_gates=[*gates, *custom],
            custom_instructions=custom,
            coupling_map=None if coupling is None else [list(pair) for pair in coupling],
            max_shots=self._configured.get("max_shots", 10**6),
            description=self._configured.get("description", self.description),
        )

    def properties(self) -> Any:
        """Return the device properties given to the constructor, or None."""
        return copy.copy(self._properties)

    def set_max_qubits(self, max_qubits: int) -> None:
        """Set the number of qubits `configuration` reports."""
        self.set_option("n_qubits", int(max_qubits))

    # --- running ------------------------------------------------------------------------------

    def run(
        self,
        circuits: QuantumCircuit | Sequence[QuantumCircuit],
        parameter_binds: Sequence[Binding] | Binding | None = None,
        **run_options: Any,
    ) -> QuasimJob:
        """Start a run and return its job at once.

        Args:
            circuits: One circuit or several. They need not be transpiled.
            parameter_binds: One mapping a circuit, from parameters to lists of values; each list
                entry gives a result of its own.
            **run_options: Options for this run only. Unknown ones are ignored, as Aer does.

        Raises:
            QuasimQiskitError: If something is no circuit or the number of mappings is wrong.
        """
        listed = [circuits] if isinstance(circuits, QuantumCircuit) else list(circuits)
        for circuit in listed:
            if not isinstance(circuit, QuantumCircuit):
                raise QuasimQiskitError(
                    f"run() takes a QuantumCircuit or a list of them; got "
                    f"{type(circuit).__module__}.{type(circuit).__qualname__}."
                )
        bindings = _bindings(parameter_binds, len(listed))
        log_ignored(run_options)
        options = {**DEFAULTS, **self._options.__dict__}
        options |= {k: v for k, v in run_options.items() if k in DEFAULTS and v is not None}
        # The circuits of the caller may change while the job waits.
        kept = [circuit.copy() for circuit in listed]
        name = self.name

        def work(job_id: str, cancel: CancelToken) -> Any:
            return execute(name, job_id, kept, bindings, settings(options), cancel)

        job = QuasimJob(self, listed, work)
        job.submit()
        return job

    @classmethod
    def from_backend(cls, backend: BackendV2, **options: Any) -> QuasimSimulator:
        """Make a simulator with the gates and the coupling map of a device.

        Its noise is not copied in this version: a warning says so unless the device reports none
        or ``noise_model=None`` is given.

        Raises:
            TypeError: If it is not a `BackendV2`.
        """
        if not isinstance(backend, BackendV2):
            raise TypeError(f"from_backend takes a BackendV2; got {type(backend)}.")
        if "noise_model" not in options and _is_noisy(backend.target):
            warnings.warn(
                f"The noise of '{backend.name}' is not simulated: this version runs without "
                f"noise. Pass noise_model=None to say that this is meant.",
                stacklevel=2,
            )
        simulator = cls(target=backend.target, **options)
        simulator._derived = True
        simulator.name = f"aer_simulator_from({backend.name})"
        simulator.description = backend.description or "created by from_backend"
        return simulator


AerSimulator = QuasimSimulator
"""The name under which Qiskit users know the class."""


def _bindings(given: Sequence[Binding] | Binding | None, circuits: int) -> Sequence[Binding] | None:
    if given is None:
        return None
    listed = [given] if isinstance(given, Mapping) else list(given)
    if not listed:
        return None
    if len(listed) != circuits:
        raise QuasimQiskitError(
            f"parameter_binds needs one mapping a circuit; got {len(listed)} for {circuits}."
        )
    return listed


def _is_noisy(target: Target) -> bool:
    """Return whether a target reports an error rate or a relaxation time."""
    rates = (
        properties.error
        for name in target.operation_names
        for properties in (target[name] or {}).values()
        if properties is not None
    )
    if any(rates):
        return True
    qubits = target.qubit_properties or []
    return any(q is not None and (q.t1 or q.t2) for q in qubits)
