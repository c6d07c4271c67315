"""The batteries are scripts too; their tests import them, and each other, by file name."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
