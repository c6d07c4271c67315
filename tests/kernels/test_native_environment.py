"""The instruction set and the number of threads, from the environment or by call."""

from __future__ import annotations

import numpy as np
import pytest

from quasim_backend.errors import OptionError
from quasim_backend.kernels import native

if reason := native.is_available():
    pytest.skip(reason, allow_module_level=True)


def test_the_environment_picks_instruction_set_and_threads(interpreter):
    code = "from quasim_backend.kernels import native as n; print(n.info())"
    output = interpreter(code, QUASIM_ISA="baseline", QUASIM_NUM_THREADS="3")
    assert "'isa': 'baseline'" in output
    assert "'threads': 3" in output


@pytest.mark.parametrize("name", ["mmx", "AVX2", "avx1024", " ", "базис"])
def test_an_impossible_instruction_set_is_an_error_that_names_those_there_are(name):
    before = native.info()["isa"]
    with pytest.raises(OptionError) as caught:
        native.select_isa(name)
    assert str(caught.value) == (
        f"Instruction set '{name}' is not available here. "
        f"This CPU has: {', '.join(native.available_isas())}."
    )
    assert native.info()["isa"] == before


def test_an_impossible_instruction_set_in_the_environment_stops_every_run(interpreter):
    # Importing works, and nothing is computed on other kernels instead.
    code = """
    import quasim_backend as quasim
    from quasim_backend.kernels import native
    for attempt in (
        lambda: native.NativeKernels(),
        lambda: quasim.runtime().simulate(quasim.Circuit(1).x(0)),
        lambda: quasim.runtime(kernels="native").simulate(quasim.Circuit(1).x(0)),
    ):
        try:
            print("computed", attempt())
        except quasim.errors.QuasimError as error:
            print(f"{type(error).__name__}: {error}")
    print(", ".join(native.available_isas()))
    """
    *messages, names = interpreter(code, QUASIM_ISA="avx10").splitlines()
    assert len(messages) == 3
    for message in messages:
        assert (
            f"QUASIM_ISA: Instruction set 'avx10' is not available here. This CPU has: {names}. "
            f"Set one of these, or unset it to get the fastest."
        ) in message


def test_an_impossible_number_of_threads_in_the_environment_is_an_error(interpreter):
    code = """
    from quasim_backend.errors import OptionError
    from quasim_backend.kernels.native import NativeKernels
    try:
        NativeKernels()
    except OptionError as error:
        print(error)
    """
    for text in ("many", "0", "-2", "1025", "2 ", "1e1"):
        message = interpreter(code, QUASIM_NUM_THREADS=text)
        assert f"QUASIM_NUM_THREADS='{text}'" in message
        assert "integer from 1 to 1024" in message


def test_thread_numbers_are_checked():
    before = native.get_num_threads()
    try:
        native.set_num_threads(3)
        assert native.get_num_threads() == 3
        for bad in (0, -1, 5000):
            with pytest.raises(OptionError):
                native.set_num_threads(bad)
            with pytest.raises(OptionError):
                native.NativeKernels(bad)
    finally:
        native.set_num_threads(before)


def test_every_instruction_set_gives_the_same_state_up_to_rounding():
    # Also right after a switch, with a plan that was compiled for another one.
    from workload import Workload

    import quasim_backend as quasim

    work = Workload(7)
    before = native.info()["isa"]
    states = []
    try:
        with quasim.runtime(simulation_precision="fp64", num_threads=2) as session:
            for isa in (*native.available_isas(), *reversed(native.available_isas())):
                native.select_isa(isa)
                work.check(session)
                states.append(session.simulate(work.circuit))
    finally:
        native.select_isa(before)
    for first, last in zip(states, reversed(states), strict=True):
        np.testing.assert_array_equal(first, last)
