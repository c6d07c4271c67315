"""QuASIM for Qiskit: change one import line and keep the circuits.

>>> from quasim_qiskit import AerSimulator  # was: from qiskit_aer import AerSimulator
"""
