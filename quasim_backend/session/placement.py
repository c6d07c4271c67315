"""Where runs compute: the kernel sets of a session, one a device, and which of them a run gets."""

from __future__ import annotations

import os
from dataclasses import replace

from quasim_backend.errors import DeviceError, OptionError
from quasim_backend.options import Config
from quasim_backend.plugins.manager import PluginManager
from quasim_backend.session.memory import device_memory, format_bytes
from quasim_backend.session.select import ChosenKernels, choose_kernels, usable

__all__ = ["CROSSOVER", "CROSSOVER_VARIABLE", "Placement", "crossover", "in_powers"]

CROSSOVER = 1 << 18
"""Amplitudes from which ``device="auto"`` takes a GPU.

Predicted, not measured: a pass over 2**18 amplitudes in complex64 (2 MiB read, 2 MiB written) takes
a CPU of a few cores about 50 microseconds out of its caches, and a GPU hardly more than the 10 to
20 microseconds in which Python starts a kernel. Below, the GPU waits for its orders.
"""

CROSSOVER_VARIABLE = "QUASIM_GPU_CROSSOVER"


def crossover() -> int:
    """Return the amplitudes from which a GPU is taken: the variable's, else `CROSSOVER`.

    Raises:
        OptionError: If the variable is no whole number from 0.
    """
    text = os.environ.get(CROSSOVER_VARIABLE, "").strip()
    if not text:
        return CROSSOVER
    if not text.isdecimal():
        raise OptionError(
            f"{CROSSOVER_VARIABLE} is a number of amplitudes, such as {CROSSOVER}; got {text!r}."
        )
    return int(text)


class Placement:
    """The kernel sets of one session; each is made when a run first needs it, and kept.

    May be used by several threads at the same time.
    """

    def __init__(self, config: Config, plugins: PluginManager) -> None:
        """Take a session's settings."""
        self._config = config
        self._plugins = plugins
        chosen = config.kernels is not None or config.require_gpu or config.device != "auto"
        self._crossover = None if chosen else crossover()
        self._default: ChosenKernels | None = None
        self._gpu: ChosenKernels | None = None

    def kernels(self, amplitudes: int = 0, itemsize: int = 8) -> ChosenKernels:
        """Return the kernel set for work on so many amplitudes of ``itemsize`` bytes.

        Raises:
            DeviceError: If no kernel set, or not the one asked for, can be used.
            OptionError: If the configuration contradicts itself.
        """
        if self._crossover is None or amplitudes < self._crossover:
            return self._otherwise()
        return self._above(amplitudes, amplitudes * itemsize)

    def _otherwise(self) -> ChosenKernels:
        if self._default is None:
            chosen = choose_kernels(self._config, self._plugins)
            if self._crossover is not None:
                below = f"CPU: below the crossover of {in_powers(self._crossover)} amplitudes"
                chosen = replace(chosen, reason=below)
            self._default = chosen
        return self._default

    def _above(self, amplitudes: int, needed: int) -> ChosenKernels:
        """Return the GPU's set, or the CPU's and why."""
        # Asked each time: a GPU that has failed is not usable any more.
        spec, reasons = usable(self._plugins, "gpu")
        if spec is None:
            why = "; ".join(reasons) or "no plug-in has GPU kernels"
            return replace(self._otherwise(), reason=f"CPU: no GPU is usable ({why})")
        try:
            if self._gpu is None:
                self._gpu = ChosenKernels(spec.make(self._config), "gpu")
            free = device_memory(self._gpu.kernels, self._config)
        except DeviceError as cause:
            return self._cpu_with_note(f"CPU: {cause}")
        if free is not None and needed > free:
            return self._cpu_with_note(
                f"CPU: the GPU has {format_bytes(free)} of memory free, {format_bytes(needed)} are "
                f"needed"
            )
        count, limit = in_powers(amplitudes), in_powers(self._crossover or 0)
        reason = f"GPU: {count} amplitudes, from the crossover of {limit} up"
        return replace(self._gpu, reason=reason)

    def _cpu_with_note(self, reason: str) -> ChosenKernels:
        chosen = self._otherwise()
        return replace(chosen, reason=reason, notes=(*chosen.notes, reason))


def in_powers(count: int) -> str:
    """Write a number for people: ``"2**18"`` if it is a power of two and not small."""
    if count >= 1024 and count & (count - 1) == 0:
        return f"2**{count.bit_length() - 1}"
    return str(count)
