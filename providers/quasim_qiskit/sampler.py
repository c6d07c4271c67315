"""The sampler primitive: one compilation a pub, one run a set of parameter values."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import QuantumCircuit
from qiskit.primitives import (
    BaseSamplerV2,
    BitArray,
    DataBin,
    PrimitiveResult,
    SamplerPubLike,
    SamplerPubResult,
)
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.providers import BackendV2

from quasim_backend import Runtime
from quasim_backend.session.jobs import CancelToken
from quasim_qiskit.execution import SEED_STRIDE, open_runtime
from quasim_qiskit.options import Settings
from quasim_qiskit.primitive_base import (
    PrimitiveOptions,
    QuasimPrimitiveJob,
    choose_backend,
    first_seed,
    run_settings,
)
from quasim_qiskit.translate import translate

__all__ = ["SamplerV2"]


class SamplerV2(BaseSamplerV2):
    """Samples circuits; takes the place of Aer's and Qiskit's `SamplerV2`."""

    def __init__(
        self,
        *,
        default_shots: int = 1024,
        seed: int | None = None,
        options: dict[str, Any] | None = None,
        backend: BackendV2 | None = None,
    ) -> None:
        """Make a sampler.

        Args:
            default_shots: Shots where neither the pub nor `run` gives a number.
            seed: Same seed, same samples.
            options: ``backend_options`` for the simulator's constructor, ``run_options`` for runs.
            backend: The simulator to use; default a new one.
        """
        self._default_shots = default_shots
        self._seed = seed
        self._options = PrimitiveOptions(**(options or {}))
        self._backend = choose_backend(backend, self._options.backend_options)

    @classmethod
    def from_backend(cls, backend: BackendV2, **options: Any) -> SamplerV2:
        """Make a sampler that uses a simulator, or one with a device's constraints."""
        return cls(backend=backend, **options)

    @property
    def default_shots(self) -> int:
        """Shots where no number is given."""
        return self._default_shots

    @property
    def seed(self) -> int | None:
        """The seed, if one was given."""
        return self._seed

    @property
    def options(self) -> PrimitiveOptions:
        """Options for the backend and for runs."""
        return self._options

    def run(
        self, pubs: Iterable[SamplerPubLike], *, shots: int | None = None
    ) -> QuasimPrimitiveJob:
        """Start sampling.

        Args:
            pubs: Circuits, each alone or as ``(circuit, parameter values, shots)``.
            shots: Shots for pubs that give none.
        """
        chosen = self._default_shots if shots is None else shots
        coerced = [SamplerPub.coerce(pub, chosen) for pub in pubs]
        for number, pub in enumerate(coerced):
            if not pub.circuit.cregs:
                warnings.warn(
                    f"The circuit of pub {number} has no classical registers, so its result will "
                    f"be empty. Did you mean to add measurements?",
                    stacklevel=2,
                )
        return QuasimPrimitiveJob(lambda token: self._run(coerced, token))

    def _run(self, pubs: list[SamplerPub], cancel: CancelToken) -> PrimitiveResult[Any]:
        chosen = run_settings(self._backend, self._options.run_options)
        runtime = open_runtime(chosen)
        seed = first_seed(self._seed, chosen)
        results = []
        for pub in pubs:
            results.append(_sample(runtime, pub, seed, chosen, cancel))
            seed += SEED_STRIDE * max(1, pub.size)
        return PrimitiveResult(results, metadata={"version": 2})


def _sample(
    runtime: Runtime, pub: SamplerPub, seed: int, chosen: Settings, cancel: CancelToken
) -> SamplerPubResult:
    circuit = pub.circuit
    translation = translate(circuit, starts_at_zero=True, noise=chosen.noise)
    compiled = runtime.compile(translation.circuit)
    parameters = list(circuit.parameters)
    values = pub.parameter_values.as_array(parameters).reshape(pub.size, len(parameters))
    vectors = translation.parameters.vectors(compiled.parameters, parameters, values)
    registers = _registers(circuit)
    arrays = {
        name: np.empty((pub.size, pub.shots, -(-len(places) // 8)), np.uint8)
        for name, places in registers.items()
    }
    metadata: dict[str, Any] = {}
    for row, vector in enumerate(vectors):
        result = runtime.run(
            compiled,
            shots=pub.shots,
            seed=(seed + SEED_STRIDE * row) % 2**64,
            parameters=vector,
            cancel=cancel,
        )
        samples = result.samples
        for name, places in registers.items():
            arrays[name][row] = _packed(samples, places)
        metadata = result.metadata
    data = {
        name: BitArray(array.reshape(*pub.shape, *array.shape[1:]), len(registers[name]))
        for name, array in arrays.items()
    }
    return SamplerPubResult(
        DataBin(**data, shape=pub.shape),
        metadata={
            "shots": pub.shots,
            "circuit_metadata": circuit.metadata,
            "simulator_metadata": metadata,
        },
    )


def _registers(circuit: QuantumCircuit) -> dict[str, list[int]]:
    """Return the places of each classical register's bits."""
    index = {bit: i for i, bit in enumerate(circuit.clbits)}
    return {register.name: [index[bit] for bit in register] for register in circuit.cregs}


def _packed(samples: NDArray[np.uint8], places: list[int]) -> NDArray[np.uint8]:
    """Pack columns into bytes as `BitArray` wants them: highest bit first, filled on the left."""
    bits = samples[:, places[::-1]]
    fill = -len(places) % 8
    if fill:
        bits = np.pad(bits, ((0, 0), (fill, 0)))
    return np.packbits(bits, axis=1)
