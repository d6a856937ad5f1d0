"""Arithmetic, read as a syntax tree and never executed; every step is bounded."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import TypeAlias

Number: TypeAlias = "int | float"

CHARACTERS = 200
_BITS = 4096
"""No value, on the way or at the end, is longer."""


class NotComputed(Exception):
    """The expression has no value here; the text is an answer for the user."""


def calculate(expression: str) -> str:
    """The value of an expression of numbers, + - * / // % ** and parentheses.

    Raises:
        NotComputed: it is too long, no arithmetic, divides by zero, or leads to a number too large.
    """
    if len(expression) > CHARACTERS:
        raise NotComputed(f"the expression is longer than {CHARACTERS} characters")
    try:
        return _written(_value(ast.parse(expression.strip(), mode="eval").body))
    except ZeroDivisionError:
        raise NotComputed("division by zero has no value") from None
    except (OverflowError, RecursionError, MemoryError):
        raise NotComputed("the number is too large") from None
    except (SyntaxError, ValueError):
        raise NotComputed("that is no arithmetic") from None


def _value(node: ast.expr) -> Number:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return _bounded(number)
        case ast.UnaryOp(op=ast.UAdd() | ast.USub() as sign, operand=operand):
            value = _value(operand)
            return -value if isinstance(sign, ast.USub) else value
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _bounded(_power(_value(left), _value(right)))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATIONS:
            return _bounded(_OPERATIONS[type(op)](_value(left), _value(right)))
    raise NotComputed("that is no arithmetic")


_OPERATIONS: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def _power(base: Number, exponent: Number) -> Number:
    """Refused before it is computed where the result would not fit: 9**9**9 must cost nothing."""
    if isinstance(base, int) and isinstance(exponent, int) and max(base.bit_length(), 1) * abs(exponent) > 2 * _BITS:
        if base in (-1, 0, 1) and exponent >= 0:
            return base if exponent % 2 else abs(base)
        raise OverflowError
    result: object = base**exponent
    if not isinstance(result, int | float):
        raise NotComputed("the value is no real number")
    return result


def _bounded(value: Number) -> Number:
    if isinstance(value, int):
        if value.bit_length() > _BITS:
            raise OverflowError
    elif value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - only NaN differs from itself
        raise OverflowError
    return value


def _written(value: Number) -> str:
    """As a person writes it: 0.1+0.2 is 0.3, 6/2 is 3."""
    return str(value) if isinstance(value, int) else format(value, ".12g")
