"""Parameter expressions: read into postfix code, run on a stack.

Neither reading nor running recurses with the length of an expression, so no input, however deep,
can exhaust Python's stack.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from quasim_backend.errors import near_matches
from quasim_backend.ir.qasm2.lexer import INDEX, NAME, NUMBER, SYMBOL, Cursor

__all__ = ["Code", "evaluate", "read_arguments"]

Code: TypeAlias = float | tuple[float | int | str, ...]
"""A number, or postfix code: floats are pushed, ints are parameter numbers, texts are operators."""

_FUNCTIONS: dict[str, Callable[[float], float]] = {
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "exp": math.exp,
    "ln": math.log,
    "sqrt": math.sqrt,
    # Not in the paper; Qiskit's reader and writer know them.
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
}
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "neg": 3, "pos": 3, "^": 4}
_RIGHT = frozenset({"^", "neg", "pos"})


def read_arguments(cursor: Cursor, names: Mapping[str, int]) -> list[Code]:
    """Read ``(expression, ...)``, the cursor being on the opening parenthesis.

    Args:
        cursor: Left behind the closing parenthesis.
        names: Formal parameters that may be used, with their numbers.

    Raises:
        QasmError: If it is no list of expressions, or a constant one has no finite value.
    """
    tokens = cursor.tokens
    cursor.at += 1
    found: list[Code] = []
    if tokens[cursor.at][SYMBOL] == ")":
        cursor.at += 1
        return found
    while True:
        token = tokens[cursor.at]
        if token[NUMBER] and tokens[cursor.at + 1][SYMBOL] in (",", ")"):
            found.append(_number(cursor))
            cursor.at += 1
        else:
            found.append(_read(cursor, names))
        symbol = tokens[cursor.at][SYMBOL]
        if symbol == ")":
            cursor.at += 1
            return found
        if symbol != ",":
            raise cursor.error(
                f"Expected an operator, ',' or ')' in the parameters, found {cursor.seen()}."
            )
        cursor.at += 1


def _number(cursor: Cursor) -> float:
    value = float(cursor.tokens[cursor.at][NUMBER])
    if value == math.inf:
        raise cursor.error("The number is too large for a 64-bit float.")
    return value


def _read(cursor: Cursor, names: Mapping[str, int]) -> Code:
    """Read one expression by operator precedence (Dijkstra's shunting yard)."""
    start = cursor.at
    code: list[float | int | str] = []
    waiting: list[str] = []  # operators, functions and "(" that wait for their right operand
    operand_next = True
    symbolic = False
    while True:
        token = cursor.tokens[cursor.at]
        symbol = token[SYMBOL]
        if operand_next:
            if token[NUMBER]:
                code.append(_number(cursor))
                operand_next = False
            elif token[NAME] and not token[INDEX]:
                name = token[NAME]
                if name in names:
                    code.append(names[name])
                    symbolic, operand_next = True, False
                elif name == "pi":
                    code.append(math.pi)
                    operand_next = False
                elif name in _FUNCTIONS:
                    cursor.at += 1
                    if cursor.tokens[cursor.at][SYMBOL] != "(":
                        raise cursor.error(f"Expected '(' after the function '{name}'.")
                    waiting += [name, "("]
                else:
                    known = near_matches(name, [*names, *_FUNCTIONS, "pi"])
                    raise cursor.error(f"Unknown name '{name}' in an expression. {known}")
            elif symbol == "(":
                waiting.append("(")
            elif symbol == "-" or symbol == "+":
                waiting.append("neg" if symbol == "-" else "pos")
            else:
                raise cursor.error(
                    f"Expected a number, a parameter, 'pi', a function or '(', found "
                    f"{cursor.seen()}."
                )
        elif symbol == ")" and "(" in waiting:
            while (operator := waiting.pop()) != "(":
                code.append(operator)
            if waiting and waiting[-1] in _FUNCTIONS:
                code.append(waiting.pop())
        elif symbol in _PRECEDENCE:
            rank = _PRECEDENCE[symbol]
            while waiting and waiting[-1] != "(":
                top = _PRECEDENCE[waiting[-1]]
                if top < rank or (top == rank and symbol in _RIGHT):
                    break
                code.append(waiting.pop())
            waiting.append(symbol)
            operand_next = True
        else:
            break
        cursor.at += 1
    if "(" in waiting:
        raise cursor.error(f"Expected an operator or ')', found {cursor.seen()}.")
    code += reversed(waiting)
    if symbolic:
        return tuple(code)
    try:
        return evaluate(tuple(code), ())
    except ValueError as cause:
        raise cursor.error(f"{cause}", start) from None


def evaluate(code: Code, values: Sequence[float]) -> float:
    """Run postfix code on parameter values.

    Raises:
        ValueError: If the result is not a finite real number; says why.
    """
    if isinstance(code, float):
        return code
    stack: list[float] = []
    for item in code:
        if isinstance(item, float):
            stack.append(item)
        elif isinstance(item, int):
            stack.append(values[item])
        elif item == "neg":
            stack[-1] = -stack[-1]
        elif item != "pos":
            right = stack.pop()
            left = stack.pop() if item in _PRECEDENCE else None
            try:
                stack.append(_apply(item, left, right))
            except (ArithmeticError, ValueError):
                shown = f"{item}({right:g})" if left is None else f"{left:g} {item} {right:g}"
                raise ValueError(f"'{shown}' is not a finite real number.") from None
    if not math.isfinite(stack[0]):
        raise ValueError("A number in the expression is too large.")
    return stack[0]


def _apply(operator: str, left: float | None, right: float) -> float:
    if left is None:
        return _FUNCTIONS[operator](right)
    if operator == "+":
        result = left + right
    elif operator == "-":
        result = left - right
    elif operator == "*":
        result = left * right
    elif operator == "/":
        result = left / right
    else:
        result = math.pow(left, right)
    if not math.isfinite(result):
        raise OverflowError
    return result
