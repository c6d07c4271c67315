"""Steps that touch classical memory and the place in the code only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from quasim_backend.compile.code import AssignStep, BranchStep, ForStep, JumpStep, SwitchStep
from quasim_backend.ir.expr import Value

__all__ = ["CLASSICAL", "Course", "write"]


class Course(Protocol):
    """A place in the code, and what classical memory and variables hold there."""

    pc: int
    bits: int
    variables: list[Value]


def _assign(step: AssignStep, course: Course) -> None:
    """Store a value in a variable or in classical bits."""
    value = step.value(course.bits, course.variables)
    if step.slot >= 0:
        course.variables[step.slot] = value
    else:
        write(course, step.clbits, int(value))
    course.pc += 1


def _jump(step: JumpStep, course: Course) -> None:
    """Go to the target."""
    course.pc = step.target


def _condition(step: BranchStep, course: Course) -> None:
    """Go on, or elsewhere if the condition does not hold."""
    holds = step.condition(course.bits, course.variables)
    course.pc = course.pc + 1 if holds else step.otherwise


def _switch(step: SwitchStep, course: Course) -> None:
    """Go to the target of the subject's value."""
    value = int(step.subject(course.bits, course.variables))
    course.pc = step.targets.get(value, step.default)


def _loop(step: ForStep, course: Course) -> None:
    """Begin the next round, or leave the loop."""
    rounds = int(course.variables[step.counter])
    if rounds < len(step.values):
        course.variables[step.counter] = rounds + 1
        if step.value >= 0:
            course.variables[step.value] = step.values[rounds]
        course.pc += 1
    else:
        course.variables[step.counter] = 0
        course.pc = step.exit


def write(course: Course, clbits: Sequence[int], value: int) -> None:
    """Store the bits of a value, lowest first."""
    for i, c in enumerate(clbits):
        bit = value >> i & 1
        course.bits = (course.bits & ~(1 << c)) | bit << c


CLASSICAL: Mapping[type, Callable[[Any, Course], None]] = {
    AssignStep: _assign,
    JumpStep: _jump,
    BranchStep: _condition,
    SwitchStep: _switch,
    ForStep: _loop,
}
"""What each of these steps does."""
