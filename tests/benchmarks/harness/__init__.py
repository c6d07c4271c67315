"""The benchmark harness: circuits, simulators, measurements and their report."""
