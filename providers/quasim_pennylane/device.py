"""The PennyLane devices `quasim.cpu`, `quasim.gpu` and `quasim.auto`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pennylane.devices import Device, ExecutionConfig
from pennylane.devices.modifiers import simulator_tracking, single_tape_support
from pennylane.exceptions import DeviceError, QuantumFunctionError
from pennylane.tape import QuantumScript

from quasim_backend import NoiseModel, Runtime
from quasim_backend.ir import Circuit
from quasim_pennylane.derivatives import ADJOINT_METHODS, Derivatives, uses_products
from quasim_pennylane.execution import Executor
from quasim_pennylane.noise import DeviceNoise, with_readout
from quasim_pennylane.options import config_of, generator_of, noise_of, precision_of
from quasim_pennylane.preprocess import pipeline
from quasim_pennylane.without_states import METHODS

__all__ = ["QuasimAuto", "QuasimCPU", "QuasimGPU"]

_ENGINES = {"auto": "auto"} | {name: engine for engine, name in METHODS.items()}


class _QuasimDevice(Derivatives, Device):
    """What the devices share; see `QuasimCPU`."""

    config_filepath = Path(__file__).with_name("device.toml")
    _name = ""
    _kind = "auto"

    def __init__(
        self,
        wires: Any = None,
        shots: Any = None,
        *,
        seed: Any = "global",
        c_dtype: Any = np.complex128,
        num_threads: int | None = None,
        max_memory_mb: float | None = None,
        noise_model: Any = None,
        readout: Any = None,
        readout_prob: float | None = None,
        method: str = "auto",
        max_bond_dim: int | None = None,
        cutoff: float | None = None,
        engine_options: Mapping[str, Any] | None = None,
    ) -> None:
        """Make a device.

        Args:
            wires: Number of wires, or their labels; None takes those of each circuit.
            shots: Default number of shots; PennyLane prefers `qml.set_shots`.
            seed: As for `numpy.random.default_rng`; ``"global"`` draws from NumPy's global
                generator, None is fresh each time. A JAX key is taken as numbers.
            c_dtype: complex128 (``"double"``) or complex64 (``"single"``).
            num_threads: Threads of the CPU kernels; None leaves the process's number as it is.
            max_memory_mb: Limit in MiB for what a circuit allocates; None: what is free.
            noise_model: Noise of every circuit: a `qml.NoiseModel`, applied as `qml.add_noise`
                does; or a `quasim_backend.NoiseModel`, a dictionary, or a model of another SDK
                whose adapter is installed, whose qubit ``q`` is wire number ``q``. It is read now.
            readout: The probability to read a bit wrong, a matrix ``[true, read]``, or a mapping
                from wires to these.
            readout_prob: A name for ``readout`` that ``default.mixed`` knows.
            method: ``"stabilizer"`` runs Clifford circuits of any width: expectation values and
                variances of Pauli operators, probabilities of some wires, samples and counts; no
                states. ``"mps"`` takes wide circuits with little entanglement between neighbours,
                ``"tn"`` wide and shallow ones as tensor networks, ``"extended_stabilizer"`` those
                with few gates that are no Cliffords, and ``"pauli_propagation"`` gives averages.
                ``"auto"`` computes states.
            max_bond_dim: For ``"mps"``: largest bond dimension.
            cutoff: For ``"mps"``: Schmidt weight that one truncation may discard.
            engine_options: Settings of engines by name, such as ``{"max_bond_dimension": 64}`` or
                ``{"fallback": ("matrix_product_state",)}``; see
                `quasim_backend.options.ENGINE_OPTIONS`.

        Raises:
            DeviceError: If an option has an impossible value.
        """
        super().__init__(wires=wires, shots=shots)
        if readout_prob is not None and readout is not None:
            raise DeviceError("Give readout= or readout_prob=, which are the same, not both.")
        readout = readout_prob if readout is None else readout
        self._insertion, model = noise_of(noise_model)
        model = with_readout(model, readout, self.wires)
        if self._insertion is not None and model is None:
            model = NoiseModel()  # states are density matrices, whether noise falls on them or not
        self._noise = None if model is None else DeviceNoise(model, self.wires)
        if method not in _ENGINES:
            raise DeviceError(
                f"method={method!r} is not possible; possible are {', '.join(map(repr, _ENGINES))}."
            )
        self._runtime = Runtime(
            config_of(
                engine_options,
                method=_ENGINES[method],
                max_bond_dimension=max_bond_dim,
                truncation_threshold=1e-16 if cutoff is None else cutoff,
                device=self._kind,
                simulation_precision=precision_of(c_dtype),
                num_threads=num_threads,
                max_memory_mb=max_memory_mb,
            )
        )
        self._c_dtype = c_dtype
        self._debugger: Any = None  # where PennyLane puts what collects snapshots
        self._executor = Executor(self._runtime, generator_of(seed), self._noise)

    @property
    def name(self) -> str:
        """The name that `qml.device` knows."""
        return self._name

    @property
    def c_dtype(self) -> Any:
        """The precision asked for."""
        return self._c_dtype

    # --- set-up -------------------------------------------------------------------------------

    def setup_execution_config(
        self, config: ExecutionConfig | None = None, circuit: QuantumScript | None = None
    ) -> ExecutionConfig:
        """Decide how circuits are differentiated and how mid-circuit measurements are run.

        Raises:
            DeviceError: If an option is unknown.
            QuantumFunctionError: If a way to run mid-circuit measurements is not possible.
        """
        config = config or ExecutionConfig()
        if config.device_options:
            raise DeviceError(
                f"Unknown device options {', '.join(config.device_options)} of {self.name}; it "
                f"takes its options when it is made: c_dtype, seed, num_threads, max_memory_mb, "
                f"noise_model, readout, method, max_bond_dim, cutoff, engine_options."
            )
        changes: dict[str, Any] = {"mcm_config": self._mcm_config(config.mcm_config, circuit)}
        if config.gradient_method in ADJOINT_METHODS:
            changes |= {
                "gradient_method": "adjoint",
                "use_device_gradient": True,
                "use_device_jacobian_product": uses_products(config),
                "grad_on_execution": False,
            }
        return replace(config, **changes)

    def _mcm_config(self, given: Any, circuit: QuantumScript | None) -> Any:
        has_shots = circuit is not None and bool(circuit.shots)
        method = given.mcm_method
        if method not in (None, "deferred", "one-shot", "tree-traversal", "device"):
            raise QuantumFunctionError(
                f"mcm_method={method!r} is not possible on {self.name}. Possible: 'device', "
                f"'deferred', 'one-shot', 'tree-traversal'."
            )
        if method == "one-shot" and not has_shots:
            raise QuantumFunctionError(
                "mcm_method='one-shot' needs shots; without shots use 'deferred' or leave it out."
            )
        if method != "deferred":
            # The engine walks the tree of outcomes: the distribution of one shot after another, at
            # less cost. Without shots there are no outcomes to walk along.
            method = "device" if has_shots else "deferred"
        return replace(given, mcm_method=method)

    def preprocess_transforms(self, config: ExecutionConfig | None = None) -> Any:
        """Return the device's compile pipeline."""
        noisy = self._noise is not None and not self._noise.model.is_ideal
        config = config or ExecutionConfig()
        return pipeline(config, self.wires, self.name, noisy, self._insertion)

    # --- results ------------------------------------------------------------------------------

    def execute(
        self, circuits: Sequence[QuantumScript], execution_config: ExecutionConfig | None = None
    ) -> tuple[Any, ...]:
        """Run circuits; one result each, nested as PennyLane expects.

        Raises:
            DeviceError: If a circuit cannot be run here; the message names what is in the way.
        """
        config = execution_config or ExecutionConfig()
        if self._debugger is not None and self._debugger.active:
            for circuit in circuits:
                self._executor.snapshots(circuit, config, self._debugger.snapshots)
        return self._executor.execute(circuits, config)


@simulator_tracking
@single_tape_support
class QuasimCPU(_QuasimDevice):
    """`quasim.cpu`: exact state vectors on the CPU.

    >>> import pennylane as qml
    >>> device = qml.device("quasim.cpu", wires=2)
    >>> @qml.qnode(device)
    ... def circuit(theta):
    ...     qml.RX(theta, 0)
    ...     qml.CNOT([0, 1])
    ...     return qml.expval(qml.Z(1))
    >>> round(float(circuit(0.0)), 6)
    1.0
    """

    _name = "quasim.cpu"
    _kind = "cpu"


@simulator_tracking
@single_tape_support
class QuasimGPU(_QuasimDevice):
    """`quasim.gpu`: exact state vectors on a GPU; without one on the CPU, with a warning."""

    _name = "quasim.gpu"
    _kind = "gpu"

    def __init__(self, wires: Any = None, shots: Any = None, **options: Any) -> None:
        """Make a device, as `QuasimCPU`; say at once if there is no GPU."""
        super().__init__(wires, shots, **options)
        self._runtime.explain(Circuit(0))  # chooses the kernels, and warns


@simulator_tracking
@single_tape_support
class QuasimAuto(_QuasimDevice):
    """`quasim.auto`: exact state vectors wherever they are fastest."""

    _name = "quasim.auto"
    _kind = "auto"
