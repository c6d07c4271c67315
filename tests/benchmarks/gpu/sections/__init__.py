"""What is measured, in this order: the most important first, what fills the rest of the time last.

A section has a title, a share of the time in seconds, `run`, which is a generator of rows, and
`table`, which makes Markdown of them. A row appears as soon as it is measured.
"""

from __future__ import annotations

from types import ModuleType

from gpu.sections import batches, families, gradients, naive, sampling, widths

SECTIONS: dict[str, ModuleType] = {
    "families": families,
    "sampling": sampling,
    "gradients": gradients,
    "batches": batches,
    "naive": naive,
    "widths": widths,
}
