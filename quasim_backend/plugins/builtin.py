"""QuASIM's own engines and kernel sets, registered through the public hooks."""

from __future__ import annotations

from collections.abc import Iterator

from quasim_backend.engines.base import Engine
from quasim_backend.kernels.base import KernelSet
from quasim_backend.options import Config
from quasim_backend.plugins.hooks import hookimpl
from quasim_backend.plugins.specs import EngineSpec, KernelSpec

__all__ = ["quasim_engines", "quasim_kernels"]


@hookimpl
def quasim_engines() -> Iterator[EngineSpec]:
    """Yield the built-in engines."""
    yield EngineSpec(
        "statevector",
        _statevector,
        "exact amplitudes; branches on measurement, reset and channels",
        priority=0,
    )
    yield EngineSpec(
        "trajectories",
        _trajectories,
        "the same for noise, shot by shot; what shots have in common is run once",
        priority=-2,
    )
    yield EngineSpec("unitary", _unitary, "the whole matrix of a unitary circuit", priority=-1)
    yield EngineSpec(
        "density_matrix", _density_matrix, "channels and resets exactly, on 4**n entries", -3
    )
    yield EngineSpec("superop", _superop, "the superoperator of gates, channels and resets")
    yield EngineSpec(
        "stabilizer",
        _stabilizer,
        "Clifford circuits and Pauli noise on thousands of qubits; needs Stim",
        priority=-4,
    )
    yield EngineSpec(
        "matrix_product_state",
        _matrix_product_state,
        "circuits of any width with little entanglement along the line of qubits",
        priority=-5,
    )
    yield EngineSpec(
        "pauli_propagation",
        _pauli_propagation,
        "expectation values of Pauli sums, run backwards; noise and any width",
        priority=-7,
    )
    yield EngineSpec(
        "extended_stabilizer",
        _extended_stabilizer,
        "Clifford gates on any number of qubits with few others, exactly",
        priority=-8,
    )
    yield EngineSpec(
        "tensor_network",
        _tensor_network,
        "wide and shallow circuits exactly, one contraction for each thing asked",
        priority=-6,
    )


@hookimpl
def quasim_kernels() -> Iterator[KernelSpec]:
    """Yield the built-in kernel sets."""
    yield KernelSpec("native", "cpu", _native, _native_availability, priority=10)
    yield KernelSpec("custatevec", "gpu", _custatevec, _custatevec_availability, priority=5)
    yield KernelSpec("reference", "cpu", _reference, priority=0)
    yield KernelSpec("null", "cpu", _null)
    yield KernelSpec("cuda", "gpu", _cuda, _cuda_availability, priority=10)
    yield KernelSpec("emulate", "cpu", _emulate, _emulate_availability)


def _statevector() -> Engine:
    from quasim_backend.engines.statevector import StateVectorEngine

    return StateVectorEngine()


def _trajectories() -> Engine:
    from quasim_backend.engines.trajectories import TrajectoriesEngine

    return TrajectoriesEngine()


def _unitary() -> Engine:
    from quasim_backend.engines.unitary import UnitaryEngine

    return UnitaryEngine()


def _density_matrix() -> Engine:
    from quasim_backend.engines.density_matrix import DensityMatrixEngine

    return DensityMatrixEngine()


def _superop() -> Engine:
    from quasim_backend.engines.superop import SuperopEngine

    return SuperopEngine()


def _stabilizer() -> Engine:
    from quasim_backend.engines.stabilizer.engine import StabilizerEngine

    return StabilizerEngine()


def _matrix_product_state() -> Engine:
    from quasim_backend.engines.mps import MpsEngine

    return MpsEngine()


def _pauli_propagation() -> Engine:
    from quasim_backend.engines.pauli_propagation import PauliPropagationEngine

    return PauliPropagationEngine()


def _extended_stabilizer() -> Engine:
    from quasim_backend.engines.extended_stabilizer import ExtendedStabilizerEngine

    return ExtendedStabilizerEngine()


def _tensor_network() -> Engine:
    from quasim_backend.engines.tensor_network import TensorNetworkEngine

    return TensorNetworkEngine()


def _native(config: Config) -> KernelSet:
    from quasim_backend.kernels.native import NativeKernels

    return NativeKernels(config.num_threads)


def _native_availability() -> str | None:
    from quasim_backend.kernels import native

    return native.is_available()


def _custatevec(config: Config) -> KernelSet:
    from quasim_backend.kernels.custatevec import CuStateVecKernels

    return CuStateVecKernels(device_id=config.device_id)


def _custatevec_availability() -> str | None:
    from quasim_backend.kernels.custatevec.availability import is_available

    return is_available()


def _reference(config: Config) -> KernelSet:
    from quasim_backend.kernels.reference import ReferenceKernels

    return ReferenceKernels()


def _null(config: Config) -> KernelSet:
    from quasim_backend.kernels.null import NullKernels

    return NullKernels()


def _cuda(config: Config) -> KernelSet:
    from quasim_backend.kernels.cuda.cupy_device import CupyDevice
    from quasim_backend.kernels.cuda.kernel_set import CudaKernels

    device = CupyDevice(config.device_id, int(config.max_workspace_mb * 2**20))
    return CudaKernels(device, "cuda")


def _cuda_availability() -> str | None:
    from quasim_backend.kernels.cuda import availability

    return availability.is_available()


def _emulate(config: Config) -> KernelSet:
    from quasim_backend.kernels.cuda.emulated import EmulatedDevice
    from quasim_backend.kernels.cuda.kernel_set import CudaKernels

    return CudaKernels(EmulatedDevice(), "emulate")


def _emulate_availability() -> str | None:
    from quasim_backend.kernels.cuda import emulated

    return emulated.is_available()
