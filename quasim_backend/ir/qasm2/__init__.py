"""OpenQASM 2 (Cross et al., arXiv:1707.03429): text to `Circuit` and back.

The reader takes the complete language. Gates the table knows become table gates; other definitions
are expanded where they are used. Text can only ever become a circuit or a `QasmError`: names in it
are looked up in tables and never run.

A circuit that is read keeps its registers in ``circuit.registers`` and ``circuit.qregisters``; the
first register holds the lowest bits. OpenQASM 2 does not define global phases, so they are those of
the gate table and agree with Qiskit's reader, and a written file does not keep them.
"""

from __future__ import annotations

from quasim_backend.ir.qasm2.reader import load as load
from quasim_backend.ir.qasm2.reader import loads as loads
from quasim_backend.ir.qasm2.writer import dumps as dumps
