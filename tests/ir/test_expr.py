"""Classical expressions, against Python arithmetic and Qiskit's types."""

from __future__ import annotations

import math
import operator
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quasim_backend.errors import CircuitError
from quasim_backend.ir.expr import (
    BOOL,
    FLOAT,
    Binary,
    Bit,
    Bits,
    Cast,
    Const,
    Index,
    Unary,
    Var,
    bits_read,
    compile_expression,
    literal,
    sint,
    uint,
    variables_read,
)
from quasim_backend.testing.classical_oracle import evaluate

U8, U4 = uint(8), uint(4)
X, Y = Var("x", U8), Var("y", U8)
BYTE = st.integers(0, 255)


def run(expr, bits=0, **values):
    slots = sorted(variables_read(expr), key=str)
    function = compile_expression(expr, {v: i for i, v in enumerate(slots)})
    return function(bits, [values[v.name] for v in slots])


@given(BYTE, BYTE, st.sampled_from(["+", "-", "*", "&", "|", "^"]))
def test_unsigned_arithmetic_wraps_to_the_width(x, y, op):
    plain = {"+": operator.add, "-": operator.sub, "*": operator.mul, "&": operator.and_}
    plain |= {"|": operator.or_, "^": operator.xor}
    assert run(Binary(op, X, Y), x=x, y=y) == plain[op](x, y) & 255
    wide = Binary(op, X, Var("w", uint(12)))
    assert wide.type == uint(12)
    assert run(wide, x=x, w=3000) == plain[op](x, 3000) & 4095


@given(BYTE, st.integers(1, 255))
def test_division_and_remainder_round_down(x, y):
    assert run(Binary("/", X, Y), x=x, y=y) == x // y
    assert run(Binary("%", X, Y), x=x, y=y) == x % y


@given(BYTE, BYTE, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]))
def test_comparisons_give_bools(x, y, op):
    names = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
    result = run(Binary(op, X, Y), x=x, y=y)
    assert result is getattr(operator, names[op])(x, y)


@given(BYTE, st.integers(0, 20))
def test_shifts_keep_the_left_width(x, y):
    assert run(Binary("<<", X, Var("s", U4)), x=x, s=y) == x << y & 255
    assert run(Binary(">>", X, Var("s", U4)), x=x, s=y) == x >> y
    assert Binary("<<", X, Var("s", uint(30))).type == U8


def test_an_enormous_shift_is_cheap():
    assert run(Binary("<<", X, Var("s", uint(64))), x=1, s=2**63) == 0


def test_an_enormous_power_is_cheap():
    wide = uint(64)
    power = Binary("**", Var("a", wide), Var("b", wide))
    assert run(power, a=3, b=2**62 + 1) == pow(3, 2**62 + 1, 1 << 64)


def test_bit_operators_on_bools_give_bools():
    a, b = Bit(0), Bit(1)
    for bits in range(4):
        p, q = bool(bits & 1), bool(bits & 2)
        assert run(Binary("&", a, b), bits) is (p and q)
        assert run(Binary("|", a, b), bits) is (p or q)
        assert run(Binary("^", a, b), bits) is (p != q)
        assert run(Unary("~", a), bits) is (not p)
        assert run(Unary("not", a), bits) is (not p)
        assert run(Binary("and", a, b), bits) is (p and q)
        assert run(Binary("or", a, b), bits) is (p or q)


def test_logic_on_integers_gives_bools():
    for op in ("and", "or"):
        result = run(Binary(op, X, Y), x=2, y=4)
        assert result is True
    assert run(Binary("and", X, Y), x=2, y=0) is False
    assert run(Unary("not", X), x=2) is False


def test_unary_operators_on_integers_stay_in_the_width():
    assert run(Unary("~", X), x=0b10101010) == 0b01010101
    assert run(Unary("-", X), x=1) == 255
    assert run(Unary("-", Const(1.5, FLOAT))) == -1.5


@given(st.integers(0, 2**100 - 1), st.lists(st.integers(0, 99), min_size=1, unique=True))
def test_bits_read_in_the_given_order(memory, indices):
    expected = sum((memory >> b & 1) << i for i, b in enumerate(indices))
    assert run(Bits(tuple(indices)), memory) == expected
    start = indices[0]
    row = tuple(range(start, start + 5))
    assert run(Bits(row), memory) == memory >> start & 31


def test_casts_and_indices():
    assert run(Cast(BOOL, X), x=2) is True
    assert run(Cast(BOOL, X), x=0) is False
    assert run(Cast(U4, X), x=0x5A) == 0xA
    assert run(Cast(U4, Const(3.9, FLOAT))) == 3
    assert run(Cast(FLOAT, X), x=3) == 3.0
    assert type(run(Cast(FLOAT, X), x=3)) is float
    assert run(Cast(U8, Bit(1)), 2) == 1
    assert type(run(Cast(U8, Bit(1)), 2)) is int
    assert run(Index(X, Const(3, U4)), x=8) is True
    assert run(Index(X, Y), x=8, y=2) is False


def test_floats():
    half = Const(0.5, FLOAT)
    assert run(Binary("/", half, Const(0.25, FLOAT))) == 2.0
    assert Binary("+", half, X).type == FLOAT
    assert run(Binary("<", half, Const(0.25, FLOAT))) is False


def test_types():
    assert Binary("==", X, Y).type == BOOL
    assert Binary("+", X, Const(1, U4)).type == U8
    assert Binary("&", Bit(0), Bit(1)).type == BOOL
    assert Bits((3, 4)).type == uint(2)
    assert Unary("not", X).type == BOOL
    assert Index(X, Y).type == BOOL
    assert str(U8) == "uint[8]"
    assert str(BOOL) == "bool"


def test_literals_take_the_narrowest_type():
    assert literal(True) == Const(True, BOOL)
    assert literal(5) == Const(5, uint(3))
    assert literal(0) == Const(0, uint(1))
    assert literal(0.5) == Const(0.5, FLOAT)


def test_constants_are_cut_to_their_type():
    assert run(Const(19, U4)) == 3
    assert run(Const(2, BOOL)) is True
    assert run(Const(3, FLOAT)) == 3.0


def test_what_an_expression_reads():
    expr = Binary("+", Binary("*", X, Bits((4, 2))), Cast(U8, Bit(7)))
    assert bits_read(expr) == {2, 4, 7}
    assert variables_read(expr) == {X}


def test_division_by_zero_is_a_circuit_error():
    with pytest.raises(CircuitError, match=r"divi|zero"):
        run(Binary("/", X, Y), x=1, y=0)
    minus, none = Const(-2.0, FLOAT), Const(0.0, FLOAT)
    for op, right in (("/", none), ("%", none), ("**", Const(0.5, FLOAT))):
        with pytest.raises(CircuitError, match="no real value"):
            run(Binary(op, minus, right))


@pytest.mark.parametrize(
    ("expr", "words"),
    [
        (Binary("@", X, Y), ["'@'", "known", "<<"]),
        (Unary("!", X), ["'!'", "not"]),
        (Binary("__import__('os')", X, Y), ["Unknown operator"]),
        ("x + 1", ["Not a classical expression"]),
    ],
)
def test_wrong_expressions_are_refused(expr, words):
    with pytest.raises(CircuitError) as caught:
        compile_expression(expr, {X: 0, Y: 1})
    for word in words:
        assert word in str(caught.value)


def test_an_undeclared_variable_is_named():
    with pytest.raises(CircuitError, match="'x' is used but not declared"):
        compile_expression(X, {})


def test_a_width_is_at_least_one():
    with pytest.raises(CircuitError, match="at least 1 bit"):
        uint(0)


def test_deep_expressions_compile_or_are_refused():
    parity = Bit(0)
    for k in range(1, 250):
        parity = Binary("^", parity, Bit(k))
    for bits in (0, 1 << 249, (1 << 250) - 1, 0b1011 << 100):
        assert run(parity, bits) is bool(bits.bit_count() & 1)
    both = Binary("-", Cast(U8, parity), Cast(U8, Binary("==", parity, Unary("not", parity))))
    assert run(both, 1) == 1
    for k in range(5000):
        parity = Binary("^", parity, Bit(k))
    with pytest.raises(CircuitError, match="too deep"):
        run(parity, 1)


LEAVES = st.one_of(
    BYTE.map(lambda v: Const(v, U8)), st.just(X), st.just(Y), st.just(Bits(tuple(range(8))))
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Binary, st.sampled_from(["+", "-", "*", "&", "|", "^"]), inner, inner),
        st.builds(Unary, st.sampled_from(["~", "-"]), inner),
    ),
    max_leaves=12,
)


def interpret(expr, bits, x, y):
    """Evaluate by walking the tree: an independent reading of the same rules."""
    match expr:
        case Const(value, _):
            return value
        case Bits():
            return bits & 255
        case Var(name):
            return x if name == "x" else y
        case Unary(op, inner):
            value = interpret(inner, bits, x, y)
            return (~value if op == "~" else -value) % 256
    table = {"+": operator.add, "-": operator.sub, "*": operator.mul}
    table |= {"&": operator.and_, "|": operator.or_, "^": operator.xor}
    left, right = (interpret(e, bits, x, y) for e in (expr.left, expr.right))
    return table[expr.op](left, right) % 256


@given(TREES, BYTE, BYTE, BYTE)
def test_trees_compile_to_what_they_mean(expr, bits, x, y):
    slots = {X: 0, Y: 1}
    assert compile_expression(expr, slots)(bits, [x, y]) == interpret(expr, bits, x, y)


S8, S5 = sint(8), sint(5)
SIGNED = st.integers(-128, 127)


@given(SIGNED, SIGNED, st.sampled_from(["+", "-", "*", "&", "|", "^", "/", "%", "<<", ">>"]))
def test_signed_arithmetic_wraps_and_divides_as_c_does(x, y, op):
    y = abs(y) % 10 + 1 if op in ("<<", ">>") else y or 1
    plain = {
        **{"+": x + y, "-": x - y, "*": x * y, "&": x & y, "|": x | y, "^": x ^ y},
        **{"/": int(Fraction(x, y)), "%": int(math.fmod(x, y))},
        **({"<<": x << y, ">>": x >> y} if op in ("<<", ">>") else {}),
    }[op]
    kind = U8 if op in ("<<", ">>") else S8
    expr = Binary(op, Var("x", S8), Var("y", kind))
    wrapped = (plain + 128) % 256 - 128
    assert run(expr, x=x, y=y) == wrapped
    assert evaluate(expr, 0, [(Var("x", S8), x), (Var("y", kind), y)]) == wrapped


@given(SIGNED)
def test_signed_unary_operators_casts_and_constants(x):
    value = Var("x", S8)
    assert run(Unary("-", value), x=x) == (-x + 128) % 256 - 128
    assert run(Unary("~", value), x=x) == ~x
    assert run(Cast(U8, value), x=x) == x % 256
    assert run(Cast(S5, value), x=x) == (x + 16) % 32 - 16
    assert run(Const(x, S5)) == (x + 16) % 32 - 16
    assert run(Cast(S8, Cast(U8, value)), x=x) == x
    assert run(Cast(S8, Const(-7.9, FLOAT))) == -7
    assert run(Index(value, Const(7, U4)), x=x) is (x < 0)
    assert str(S8) == "int[8]"


def test_a_negative_power_of_a_whole_number_is_refused():
    with pytest.raises(CircuitError, match="no negative power"):
        run(Binary("**", Var("x", S8), Var("y", S8)), x=2, y=-1)
    with pytest.raises(CircuitError, match="at least 1 bit"):
        sint(0)
