"""Print the Markdown sections of docs/performance.md from a result of the benchmark.

Usage: ``python tests/benchmarks/report.py bench-out/result.json``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from harness.report import report

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} RESULT.json")
    print(report(json.loads(Path(sys.argv[1]).read_text())))
