"""``quasim info``: versions, kernel sets, engines and plug-ins, with the reasons for what fails."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import warnings
from importlib import metadata
from typing import Any

import numpy as np

from quasim_backend import __version__
from quasim_backend.compile import planner
from quasim_backend.errors import QuasimError
from quasim_backend.kernels import native
from quasim_backend.kernels.cuda import availability
from quasim_backend.options import Config
from quasim_backend.plugins import EngineSpec, PluginManager, default_manager
from quasim_backend.session.memory import format_bytes, free_memory
from quasim_backend.session.placement import CROSSOVER_VARIABLE, crossover, in_powers
from quasim_backend.session.select import choose_kernels, usable

__all__ = ["add_arguments", "gather", "run"]

_PACKAGES = {
    "qiskit": "qiskit",
    "cirq": "cirq-core",
    "pennylane": "pennylane",
    "pytket": "pytket",
    "stim": "stim",
    "cotengra": "cotengra",
    "cupy (CUDA 12)": "cupy-cuda12x",
    "cupy (CUDA 13)": "cupy-cuda13x",
}
_HELPERS = {
    "stabilizer": ("Stim", "stim", "stim", "cannot run"),
    "tensor_network": ("cotengra", "cotengra", "tn", "looks for paths itself"),
}
"""What engines take from elsewhere: its name, distribution and extra, and what is without it."""
_VARIABLES = (
    "QUASIM_NUM_THREADS",
    "OMP_NUM_THREADS",
    "QUASIM_ISA",
    "QUASIM_REQUIRE_GPU",
    CROSSOVER_VARIABLE,
    "CUDA_VISIBLE_DEVICES",
    "CUPY_CACHE_DIR",
    "QUASIM_STRICT_PLUGINS",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Print what this installation can do."""
    facts = gather(default_manager())
    if arguments.json:
        json.dump(facts, sys.stdout, indent=2)
        print()
    else:
        for section, entries in facts.items():
            print(f"{section}:")
            for name, value in entries.items():
                print(f"  {name}: {value}")
            if not entries:
                print("  none")
    return 0


def gather(plugins: PluginManager) -> dict[str, dict[str, Any]]:
    """Return the facts by section; what fails is listed with its cause, not warned about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        failures = plugins.failures
        defaults = _default_kernels(plugins)
    return {
        "versions": {
            "quasim-backend": __version__,
            "python": f"{platform.python_version()} ({sys.platform}, {platform.machine()})",
            "numpy": np.__version__,
            **{name: version for name in _PACKAGES if (version := _version(_PACKAGES[name]))},
        },
        "machine": _machine(),
        "kernel sets": {
            name: _kernel_line(spec.device, spec.is_available(), defaults.get(name))
            for name, spec in plugins.kernels.specs.items()
        },
        "planner": {"native": planner.is_available() or "usable"},
        "engines": {name: _engine_line(spec) for name, spec in plugins.engines.specs.items()},
        "passes": {n: f"from plug-in '{plugins.passes.owners[n]}'" for n in plugins.passes.specs},
        "plug-ins": {
            info.name: f"{info.distribution or 'built in'}; {', '.join(info.hooks) or 'no hooks'}"
            for info in plugins.plugins
        },
        "plug-ins that failed": {
            name: "; ".join(
                f"{f.distribution}; {f.cause}" if f.distribution else f.cause
                for f in failures
                if f.name == name
            )
            for name in dict.fromkeys(f.name for f in failures)
        },
        "environment": {name: os.environ[name] for name in _VARIABLES if name in os.environ},
    }


def _machine() -> dict[str, Any]:
    facts: dict[str, Any] = {"cpus": os.cpu_count()}
    if native.is_available() is None:
        try:
            details = native.info()
        except QuasimError as error:
            facts["native kernels"] = str(error)
        else:
            facts["instruction set"] = (
                f"{details['isa']} (usable: {', '.join(details['available_isas'])})"
            )
            facts["threads"] = details["threads"]
    free = free_memory()
    facts["free memory"] = "unknown" if free is None else format_bytes(free)
    facts |= {f"gpu {gpu.number}": gpu.description for gpu in availability.gpus()}
    return facts


def _engine_line(spec: EngineSpec) -> str:
    line = spec.description + ("" if spec.priority is not None else " (only by name)")
    if spec.name not in _HELPERS:
        return line
    name, distribution, extra, without = _HELPERS[spec.name]
    version = _version(distribution)
    if version is None:
        return (
            f"{line} ({name} is not installed, so it {without}: "
            f"pip install 'quasim-backend[{extra}]')"
        )
    return f"{line} ({name} {version} is installed)"


def _kernel_line(device: str, reason: str | None, default: str | None) -> str:
    if reason is not None:
        return f"{device}, not usable: {reason}"
    return f"{device}, usable" + (f", {default}" if default else "")


def _default_kernels(plugins: PluginManager) -> dict[str, str]:
    """Return what is said of the kernel sets that are taken without a name."""
    found: dict[str, str] = {}
    try:
        spec, _ = usable(plugins, "gpu")
        if spec is not None:
            found[spec.name] = f"default from {in_powers(crossover())} amplitudes"
        found[choose_kernels(Config(), plugins).kernels.name] = "default"
    except QuasimError:
        pass
    return found


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
