"""The networks of one run's questions: built, simplified, planned, and remembered.

What is known of a question is kept with its circuit, so that another run with other parameters, or
one more thing to save, does not search again. Only what starts from a given state is forgotten: its
amplitudes are in the network.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import numpy as np

from quasim_backend.compile.code import CompiledCircuit
from quasim_backend.engines.base import EngineRequest
from quasim_backend.engines.tensor_network.contraction import (
    Contraction,
    Reduced,
    planned,
    reduced,
)
from quasim_backend.engines.tensor_network.memory import Memory
from quasim_backend.engines.tensor_network.network import Array
from quasim_backend.engines.tensor_network.questions import Question
from quasim_backend.engines.tensor_network.search import SearchOptions
from quasim_backend.engines.tensor_network.timeline import Timeline
from quasim_backend.engines.tensor_network.wires import Wires
from quasim_backend.errors import MemoryLimitError
from quasim_backend.kernels.base import ArrayKernels, state_of
from quasim_backend.options import Config

__all__ = ["LONGEST", "Networks"]

LONGEST = 86400.0
"""Predicted seconds of one contraction beyond which a run is refused: a day."""


class Networks:
    """What the questions of a run come to.

    Attributes:
        num_gates: Of the circuit, in and outside light cones.
        device: Where contractions can be done besides the host, or None.
        options: How paths are searched; a result that is wanted may take more memory.
        memory: What is known of the circuit's questions.
        check: Raises where the run is cancelled.
        simplify_seconds: Spent on making networks smaller.
        search_seconds: Spent on the search for paths.
    """

    def __init__(self, code: CompiledCircuit, timeline: Timeline, request: EngineRequest) -> None:
        """Note what networks depend on; nothing is built yet."""
        self._timeline = timeline
        self.num_gates = code.num_gates
        self._request = request
        self.check = request.cancel.check
        config, kernels = request.config, request.kernels
        self.device = kernels if isinstance(kernels, ArrayKernels) else None
        self.options = SearchOptions(
            config.contraction_strategy,
            config.contraction_seconds,
            request.dtype.itemsize,
            max(_workspace(request, self.device), 1 << 20),
            library=config.contraction_library,
        )
        # Questions about a circuit are remembered with the circuit itself, not with the code that
        # has one more save at its end.
        while "before" in code.cache:
            code = code.cache["before"]
        self.memory: Memory = code.cache.setdefault("tensor_network", Memory())
        self.simplify_seconds = 0.0
        self.search_seconds = 0.0

    def key(self, question: Question, *, keep: bool = False) -> Hashable:
        """Return what decides a question's network and its price."""
        return (question.key, question.doubled, self.options, self._starts_from_given, keep)

    def reduced(self, question: Question) -> Reduced:
        """Return the simplified network of a question to be looked at, kept until it is planned."""
        key = ("reduced", self.key(question))
        found: Reduced | None = None if self._starts_from_given else self.memory.get(key)
        if found is None:
            found = self._built(question)
            if not self._starts_from_given:
                self.memory.put(key, found)
        return found

    def known(self, question: Question, *, keep: bool = False) -> Contraction | None:
        """Return the planned network of a question, if there is one."""
        if self._starts_from_given:
            return None
        found: Contraction | None = self.memory.get(self.key(question, keep=keep))
        return found

    def contraction(self, question: Question, *, keep: bool = False) -> Contraction:
        """Return the planned network of a question.

        Args:
            question: The question.
            keep: Whether all intermediate tensors stay, as they do for derivatives.

        Raises:
            MemoryLimitError: If it needs more memory or time than is allowed.
            UnsupportedError: If the strategy asked for cannot be used.
        """
        found = self.known(question, keep=keep)
        if found is None:
            # Planning makes the network its own, so that no other run may have it.
            kept: Reduced | None = None
            if not self._starts_from_given:
                kept = self.memory.take(("reduced", self.key(question)))
            network = kept or self._built(question)
            options = replace(self.options_for(network, keep=keep), again=question.again)
            found = planned(network, options, self.check)
            self.simplify_seconds += network.seconds
            self.search_seconds += found.plan.seconds
            if not self._starts_from_given:
                self.memory.put(self.key(question, keep=keep), found)
        self._check(found)
        return found

    def options_for(self, network: Reduced, *, keep: bool = False) -> SearchOptions:
        """Return the options of a search: a result that is wanted is no workspace."""
        result = self.options.itemsize << network.problem.open.bit_count()
        most = max(self.options.most_bytes, 4 * result)
        # Only our own contractions keep what derivatives need.
        library = None if keep else self.options.library
        return replace(self.options, most_bytes=most, keep=keep, library=library)

    @property
    def _starts_from_given(self) -> bool:
        return self._request.initial_state is not None

    def _built(self, question: Question) -> Reduced:
        wires = Wires(self._timeline.num_qubits, question.doubled)
        question.ask(wires)
        self._timeline.go_back(wires, question.events, self._initial_state())
        return reduced(wires.finish())

    def _initial_state(self) -> Array | None:
        """Return the amplitudes to start from, on the host."""
        given, kernels = self._request.initial_state, self._request.kernels
        if given is None or isinstance(given, np.ndarray):
            return given
        return kernels.to_host(state_of(kernels, given, self._request.dtype))

    def _check(self, contraction: Contraction) -> None:
        cost, itemsize = contraction.plan.cost, self.options.itemsize
        most = contraction.options.most_bytes
        if cost.peak * itemsize > most:
            problem = (
                f"needs more than the {most / 2**20:.4g} MiB of "
                f"max_workspace_mb, however it is sliced"
            )
        elif cost.seconds(itemsize) > LONGEST:
            problem = f"is predicted to take more than {LONGEST:.0f} s"
        else:
            return
        raise MemoryLimitError(
            f"The tensor network of this circuit {problem}. The best path found in "
            f"{contraction.plan.seconds:.2g} s takes {cost.describe(itemsize)}. Try "
            f"contraction_strategy='hyper' with more contraction_seconds, a larger "
            f"max_workspace_mb, fewer layers of gates, or method='matrix_product_state'."
        )


def _workspace(request: EngineRequest, device: ArrayKernels | None) -> int:
    """Return the limit for the tensors of a contraction, in bytes.

    On a device: half of what is free there, since tensors are copied to bring axes into order, if
    ``max_workspace_mb`` is left at its default. A power of two, so that paths are found again.
    """
    free: Any = None if device is None else device.free_bytes()
    if free is None or request.config.max_workspace_mb != Config.max_workspace_mb:
        return request.workspace_bytes
    return int(1 << max(free // 2, 1).bit_length() - 1)
