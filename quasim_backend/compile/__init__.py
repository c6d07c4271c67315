"""Compilation: circuits are lowered to primitives, planned, and flattened to linear code."""

from __future__ import annotations

from quasim_backend.compile.code import CompiledCircuit as CompiledCircuit
from quasim_backend.compile.compiler import CompileOptions as CompileOptions
from quasim_backend.compile.compiler import compile_circuit as compile_circuit
from quasim_backend.compile.planner import PlanOptions as PlanOptions
