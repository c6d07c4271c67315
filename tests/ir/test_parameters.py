"""Symbolic angles."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quasim_backend.errors import ParameterError
from quasim_backend.ir import Affine, Parameter
from quasim_backend.ir.parameters import angle, bind, parameters_of

A, B, C = (Parameter(n) for n in "abc")
NUMBER = st.floats(-1e6, 1e6)


def value(expression, a, b, c):
    return bind(angle(expression), {A: a, B: b, C: c})


@given(NUMBER, NUMBER, NUMBER, st.floats(-100, 100), st.floats(-100, 100))
def test_arithmetic_agrees_with_numbers(a, b, c, x, y):
    def formula(a, b, c):
        return x - (2 * a + b * y - c / 4 + 1) * 0.5 + (-a) + (b - c) + (3 - b) - x

    assert value(formula(A, B, C), a, b, c) == pytest.approx(formula(a, b, c), rel=1e-9, abs=1e-6)


def test_terms_that_cancel_disappear():
    assert (A + B - A).terms == ((B, 1.0),)
    assert angle(A - A + 2) == 2.0
    assert (A * 0).terms == ()
    assert parameters_of(angle(A * 0)) == ()


def test_equal_names_are_one_parameter():
    assert Parameter("a") == A
    assert (Parameter("a") + A).terms == ((A, 2.0),)


def test_binding_some_parameters_keeps_the_others():
    partly = bind(A * 2 + B + 1, {A: 3.0})
    assert partly == Affine(7.0, ((B, 1.0),))
    assert bind(A + B, {A: B * 2 + 1}) == Affine(1.0, ((B, 3.0),))
    assert bind(A + B, {A: B, B: A}) == Affine(0.0, ((B, 1.0), (A, 1.0)))
    assert bind(1.5, {A: 3.0}) == 1.5
    assert type(bind(A + 1, {A: 2})) is float


def test_parameters_are_listed_in_order():
    assert parameters_of(B + A + B) == (B, A)
    assert parameters_of(0.3) == ()


def test_expressions_print_readably():
    assert str(A) == "a"
    assert str(A * 2 + 1) == "1 + 2*a"
    assert str(A - B) == "1*a + -1*b"
    assert str(A - A) == "0"


@pytest.mark.parametrize(
    "number", [1, True, np.float32(0.5), np.int8(3), np.array(2.0), Fraction(1, 3), math.pi]
)
def test_every_real_number_is_an_angle(number):
    result = angle(number)
    assert type(result) is float
    assert result == pytest.approx(float(number))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: angle("1.5"), ["real number", "'1.5'", "str"]),
        (lambda: angle(1 + 2j), ["real number", "complex"]),
        (lambda: angle(np.complex64(1)), ["real number", "complex64"]),
        (lambda: angle(None), ["real number", "NoneType"]),
        (lambda: angle([1.0]), ["real number", "list"]),
        (lambda: angle(math.nan), ["finite", "nan"]),
        (lambda: angle(10**400), ["real number"]),
        (lambda: angle(Affine(math.inf)), ["finite"]),
        (lambda: A * B, ["sum of multiples", "new Parameter"]),
        (lambda: A * math.inf, ["finite", "inf"]),
        (lambda: A / 0, ["divided", "0"]),
        (lambda: A / B, ["divided"]),
        (lambda: A + "x", ["real number", "'x'"]),
        (lambda: bind(A + 1, {A: "x"}), ["real number"]),
        (lambda: bind(A + 1, {A: math.nan}), ["finite"]),
    ],
)
def test_what_is_no_angle_is_refused(make, words):
    with pytest.raises(ParameterError) as caught:
        make()
    for word in words:
        assert word in str(caught.value)
