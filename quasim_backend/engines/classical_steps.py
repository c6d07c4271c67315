"""Steps that touch classical memory and the place in the code only."""

from __future__ import annotations

from collections.abc import Sequence

from quasim_backend.compile.code import AssignStep, BranchStep, ForStep, JumpStep, SwitchStep
from quasim_backend.engines.shot_nodes import Node

__all__ = ["assign", "condition", "jump", "loop", "switch", "write"]


def assign(step: AssignStep, node: Node) -> None:
    """Store a value in a variable or in classical bits."""
    value = step.value(node.bits, node.variables)
    if step.slot >= 0:
        node.variables[step.slot] = value
    else:
        write(node, step.clbits, int(value))
    node.pc += 1


def jump(step: JumpStep, node: Node) -> None:
    """Go to the target."""
    node.pc = step.target


def condition(step: BranchStep, node: Node) -> None:
    """Go on, or elsewhere if the condition does not hold."""
    holds = step.condition(node.bits, node.variables)
    node.pc = node.pc + 1 if holds else step.otherwise


def switch(step: SwitchStep, node: Node) -> None:
    """Go to the target of the subject's value."""
    value = int(step.subject(node.bits, node.variables))
    node.pc = step.targets.get(value, step.default)


def loop(step: ForStep, node: Node) -> None:
    """Begin the next round, or leave the loop."""
    rounds = int(node.variables[step.counter])
    if rounds < len(step.values):
        node.variables[step.counter] = rounds + 1
        if step.value >= 0:
            node.variables[step.value] = step.values[rounds]
        node.pc += 1
    else:
        node.variables[step.counter] = 0
        node.pc = step.exit


def write(node: Node, clbits: Sequence[int], value: int) -> None:
    """Store the bits of a value, lowest first."""
    for i, c in enumerate(clbits):
        bit = value >> i & 1
        node.bits = (node.bits & ~(1 << c)) | bit << c
