"""NVIDIA's cuStateVec as a kernel set: an optional second opinion on a GPU, and the baseline there.

Each operation is one call of the library, with neighbours multiplied together before; our own GPU
kernels run whole stages. Needs the packages of the extras ``cuquantum12`` or ``cuquantum13``.
"""

from __future__ import annotations

from quasim_backend.kernels.custatevec.availability import is_available as is_available
from quasim_backend.kernels.custatevec.kernel_set import CuStateVecKernels as CuStateVecKernels
