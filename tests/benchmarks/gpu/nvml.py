"""The GPU's energy counter and the driver's version, from NVIDIA's management library."""

from __future__ import annotations

import ctypes


class Nvml:
    """The management library for one GPU.

    Raises:
        OSError: If it is not there or refuses.
    """

    def __init__(self, pci_bus_id: str) -> None:
        self._library = ctypes.CDLL("libnvidia-ml.so.1")
        self._check(self._library.nvmlInit_v2())
        self._device = ctypes.c_void_p()
        self._check(
            self._library.nvmlDeviceGetHandleByPciBusId_v2(
                pci_bus_id.encode(), ctypes.byref(self._device)
            )
        )

    def joules(self) -> float:
        """Return the energy the GPU has used since its driver was loaded."""
        millijoules = ctypes.c_ulonglong()
        self._check(
            self._library.nvmlDeviceGetTotalEnergyConsumption(
                self._device, ctypes.byref(millijoules)
            )
        )
        return millijoules.value / 1e3

    def driver(self) -> str:
        """Return the version of the driver."""
        text = ctypes.create_string_buffer(96)
        self._check(self._library.nvmlSystemGetDriverVersion(text, len(text)))
        return text.value.decode()

    @staticmethod
    def _check(status: int) -> None:
        if status != 0:
            raise OSError(f"NVML answers {status}")
