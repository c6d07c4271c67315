"""OpenQASM 3 (Cross et al., arXiv:2104.14722): text to `Circuit` and back.

The reader takes the language without subroutines, pulses and external functions: registers, aliases
and slices, gate definitions and modifiers, classical variables and expressions, control flow,
constants and inputs. What it does not take is refused by name and place. Text can only ever become
a circuit or a `QasmError`: names in it are looked up in tables and never run.

``U`` and ``u3`` have the global phase that Qiskit gives them. The text of the specification gives
``U`` another one, which can be seen under a control only; the writer avoids the difference.
"""

from __future__ import annotations

from quasim_backend.ir.qasm3.reader import load as load
from quasim_backend.ir.qasm3.reader import loads as loads
from quasim_backend.ir.qasm3.writer import dumps as dumps
