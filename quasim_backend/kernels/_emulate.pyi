"""The CUDA kernels, run on the host; use quasim_backend.kernels.cuda."""

from collections.abc import Sequence


def kernels() -> list[str]:
    """Return the names of all kernels."""

def launch(kernel: str, single: bool, blocks: int, members: int, threads: int, shared_bytes: int, backwards: bool, arguments: Sequence[int]) -> None:
    """
    Run a kernel; an argument is an address, an integer or the bits of a double.
    """
