"""The intermediate representation: what every SDK's circuit is translated to."""

from __future__ import annotations

from quasim_backend.ir.array_observables import DiagonalObservable as DiagonalObservable
from quasim_backend.ir.array_observables import MatrixObservable as MatrixObservable
from quasim_backend.ir.array_observables import SparseObservable as SparseObservable
from quasim_backend.ir.channels import Channel as Channel
from quasim_backend.ir.channels import ReadoutError as ReadoutError
from quasim_backend.ir.circuit import Circuit as Circuit
from quasim_backend.ir.gates import Gate as Gate
from quasim_backend.ir.observables import PauliString as PauliString
from quasim_backend.ir.observables import PauliSum as PauliSum
from quasim_backend.ir.parameters import Affine as Affine
from quasim_backend.ir.parameters import Parameter as Parameter
from quasim_backend.ir.plan import ExecutionPlan as ExecutionPlan
from quasim_backend.ir.program import Program as Program
