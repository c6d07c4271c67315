"""``python -m quasim_backend`` is the command ``quasim``."""

from __future__ import annotations

import sys

from quasim_backend.cli import main

if __name__ == "__main__":
    sys.exit(main())
