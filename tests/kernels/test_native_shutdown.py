"""The interpreter may end while kernels run in other threads."""

from __future__ import annotations

import pytest

from quasim_backend.kernels import native

if reason := native.is_available():
    pytest.skip(reason, allow_module_level=True)

PREAMBLE = """
import threading, time
import numpy as np
import quasim_backend as quasim
from quasim_backend.kernels.native import NativeKernels

kernels = NativeKernels(2)
small = kernels.zero_state(16, np.dtype("complex64"))
session = quasim.runtime(num_threads=2)
circuit = quasim.Circuit(15)
for q in range(15):
    circuit.rx(0.1 * q, q)
long = quasim.Circuit(20)
for layer in range(500):
    for q in range(20):
        long.rx(0.1 + layer / 1000, q)
    for q in range(19):
        long.cx(q, q + 1)

def for_ever(function):
    while True:
        function()
"""


@pytest.mark.parametrize(
    "function",
    [
        "lambda: kernels.norm_squared(small)",
        "lambda: session.simulate(circuit)",
        "lambda: session.sample(circuit, 1000)",
        "lambda: session.simulate(long)",
    ],
    ids=["reduction", "short runs", "samples", "long run"],
)
def test_daemon_threads_at_work_do_not_disturb_the_exit(interpreter, function):
    code = f"""
work = {function}
for _ in range(3):
    threading.Thread(target=for_ever, args=(work,), daemon=True).start()
time.sleep(0.3)
print("leaving")
"""
    for _ in range(3):
        assert interpreter(PREAMBLE + code) == "leaving\n"


def test_background_jobs_are_stopped_at_exit(interpreter):
    code = """
long.measure_all()
jobs = [session.submit_async(long, shots=5) for _ in range(6)]
while not jobs[0].running():
    time.sleep(0.01)
print("leaving")
"""
    assert interpreter(PREAMBLE + code, patience=60) == "leaving\n"


def test_an_exit_in_a_forked_child_does_not_disturb_it(interpreter):
    code = """
import os, sys, warnings
warnings.simplefilter("ignore")  # Python warns of a fork with threads
session.simulate(circuit)
child = os.fork()
if child == 0:
    threading.Thread(
        target=for_ever, args=(lambda: session.simulate(circuit),), daemon=True
    ).start()
    time.sleep(0.2)
    sys.exit(5)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
"""
    interpreter(PREAMBLE + code)
