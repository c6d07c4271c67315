"""The backend: Qiskit's `BackendV2`, with the constructor, options and methods of Aer's."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
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
from quasim_qiskit.noise.active import active_noise, basis_gates
from quasim_qiskit.noise.model import NoiseModel
from quasim_qiskit.options import (
    CONFIGURATION_OPTIONS,
    DEFAULTS,
    DEVICES,
    METHODS,
    check_known,
    check_value,
    log_ignored,
    settings,
)
from quasim_qiskit.target import (
    CUSTOM_INSTRUCTIONS,
    GATE_NAMES,
    build_target,
    edges,
    known_gates,
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
            basis = self._basis
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
    def _basis(self) -> Sequence[str] | None:
        """Gates of the option ``basis_gates``, else of the noise model; None for all."""
        basis = self._configured.get("basis_gates")
        if basis is None and self._base_target is None:
            basis = known_gates(basis_gates(self._options["noise_model"]))
        return basis

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
        check_value(key, value)
        if key == "noise_model":
            active_noise(value)  # refuses what is no noise model here and not in the run
            self._target = None
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
        basis = self._basis
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
        several = isinstance(circuits, Iterable) and not isinstance(circuits, QuantumCircuit)
        listed: list[QuantumCircuit] = list(circuits) if several else [circuits]
        for circuit in listed:
            if not isinstance(circuit, QuantumCircuit):
                raise QuasimQiskitError(
                    f"run() takes a QuantumCircuit or a list of them; got "
                    f"{type(circuit).__module__}.{type(circuit).__qualname__}."
                )
        bindings = _bindings(parameter_binds, len(listed))
        log_ignored(run_options)
        options = self.run_options(run_options)
        # The circuits of the caller may change while the job waits.
        kept = [circuit.copy() for circuit in listed]
        name = self.name

        def work(job_id: str, cancel: CancelToken) -> Any:
            return execute(name, job_id, kept, bindings, settings(options), cancel)

        job = QuasimJob(self, listed, work)
        job.submit()
        return job

    def run_options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options of a run: the given ones, else the backend's, else the defaults.

        The noise model is read here: what happens to it later is for later runs.
        """
        options = {**DEFAULTS, **self._options.__dict__}
        options |= {k: v for k, v in given.items() if k in DEFAULTS and v is not None}
        if "noise_model" in given:  # None is a run without noise, whatever the backend has
            options["noise_model"] = given["noise_model"]
        try:
            noise = active_noise(options["noise_model"])
        except QuasimQiskitError:
            return options  # the job says what is wrong with an option
        if noise is not None:
            noise = noise.with_dt(None if self._base_target is None else self._base_target.dt)
        return {**options, "noise_model": noise}

    @classmethod
    def from_backend(cls, backend: BackendV2, **options: Any) -> QuasimSimulator:
        """Make a simulator with the gates and the coupling map of a device.

        Its noise is made of the error rates, times and qubit properties it reports, as
        `quasim_qiskit.noise.NoiseModel.from_backend` does, unless ``noise_model`` is given.

        Raises:
            TypeError: If it is not a `BackendV2`.
        """
        if not isinstance(backend, BackendV2):
            raise TypeError(f"from_backend takes a BackendV2; got {type(backend)}.")
        if "noise_model" not in options:
            noise_model = NoiseModel.from_backend(backend)
            if not noise_model.is_ideal():
                options["noise_model"] = noise_model
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
