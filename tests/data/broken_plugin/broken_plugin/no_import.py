"""Fails when it is imported."""

raise RuntimeError("the licence server did not answer")
