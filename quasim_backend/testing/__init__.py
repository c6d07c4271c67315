"""What tests of engines and kernel sets need: oracles, random circuits, statistics, a battery.

Third parties run `check_kernel_set` and `check_engine` on their own plug-ins. Hypothesis strategies
live in `quasim_backend.testing.strategies`, which needs ``hypothesis``; the rest needs NumPy only.
"""

from __future__ import annotations

from quasim_backend.testing.conformance import ConformanceReport as ConformanceReport
from quasim_backend.testing.conformance import check_engine as check_engine
from quasim_backend.testing.conformance import check_kernel_set as check_kernel_set
from quasim_backend.testing.density_oracle import exact_branches as exact_branches
from quasim_backend.testing.density_oracle import exact_distribution as exact_distribution
from quasim_backend.testing.dynamic_generators import DYNAMIC_KINDS as DYNAMIC_KINDS
from quasim_backend.testing.dynamic_generators import (
    random_dynamic_circuit as random_dynamic_circuit,
)
from quasim_backend.testing.generators import GATE_KINDS as GATE_KINDS
from quasim_backend.testing.generators import haar_unitary as haar_unitary
from quasim_backend.testing.generators import random_circuit as random_circuit
from quasim_backend.testing.generators import random_state as random_state
from quasim_backend.testing.generators import random_values as random_values
from quasim_backend.testing.goals import GOALS as GOALS
from quasim_backend.testing.goals import Goals as Goals
from quasim_backend.testing.goals import goals_of as goals_of
from quasim_backend.testing.oracles import apply_matrix as apply_matrix
from quasim_backend.testing.oracles import dense_state as dense_state
from quasim_backend.testing.oracles import dense_unitary as dense_unitary
from quasim_backend.testing.oracles import observable_matrix as observable_matrix
from quasim_backend.testing.statistics import FALSE_ALARM as FALSE_ALARM
from quasim_backend.testing.statistics import goodness_of_fit as goodness_of_fit
from quasim_backend.testing.statistics import two_sample as two_sample
