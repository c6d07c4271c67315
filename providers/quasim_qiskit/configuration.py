"""What ``backend.configuration()`` returns: facts under the names older code reads."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from quasim_backend.session.memory import free_memory

__all__ = ["BackendConfiguration", "max_qubits"]


@dataclass
class BackendConfiguration:
    """Facts about a backend.

    Attributes:
        backend_name: Its name.
        backend_version: Version of QuASIM.
        n_qubits: Number of qubits that fit into free memory, or of the coupling map.
        num_qubits: The same.
        basis_gates: Names of gates and simulator instructions.
        custom_instructions: Names of simulator instructions.
        coupling_map: Pairs of qubits, or None.
        max_shots: Advice only.
        description: One line.
    """

    backend_name: str
    backend_version: str
    n_qubits: int
    num_qubits: int
    basis_gates: list[str]
    custom_instructions: list[str]
    coupling_map: list[list[int]] | None
    max_shots: int
    description: str | None
    simulator: bool = True
    local: bool = True
    conditional: bool = True
    open_pulse: bool = False
    memory: bool = True
    max_experiments: int | None = None
    url: str | None = None
    gates: list[Any] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as a dictionary."""
        return asdict(self)


def max_qubits() -> int:
    """Return the number of qubits whose double-precision state fits into free memory."""
    free = free_memory() or 16 << 30
    return max(1, (free // 16).bit_length() - 1)
