"""Run tests on native modules built with sanitizers: ``sanitize.py [pytest arguments]``.

Builds into ``build/sanitize``, in an environment of its own that holds the instrumented package and
sees the packages of the interpreter this runs in. Any finding ends the test run with its trace.

Environment: ``QUASIM_SANITIZERS``, default ``address;undefined``. ``QUASIM_EMULATE_THREADS=ON``
gives every thread of an emulated CUDA kernel one of the host, so that ``thread`` finds races.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "sanitize"
RUNTIMES = {"undefined": "libubsan.so", "address": "libasan.so", "thread": "libtsan.so"}
FINDINGS = BUILD / "findings"
SUITES = ("tests/kernels", "tests/conformance", "tests/engines", "tests/compile")
# Compilers of others, stand-ins for GPUs, engines in Python (with them go the tests that hold their
# predictions to the clock), and what calls kernels in the way that other tests do.
IN_PYTHON = ("extended_stabilizer", "pauli_propagation", "stabilizer")
REPEATED = (
    "keeps_the_contract and (trajectories or superop or unitary or density_matrix or stabilizer or"
    " matrix_product_state or tensor_network or pauli_propagation)"
)
WITHOUT = (
    *(f"--ignore=tests/engines/{folder}" for folder in IN_PYTHON),
    *(f"--ignore-glob=tests/engines/test_{engine}*" for engine in ("mps", "tensor_network")),
    *("--ignore=tests/engines/test_gate_tree.py", "--ignore=tests/compile/test_lowering.py"),
    *("--ignore=tests/compile/test_noise.py", "--ignore=tests/compile/test_noise_merging.py"),
    *("--ignore=tests/kernels/test_cuda_sources.py", "--ignore=tests/kernels/test_cupy_device.py"),
    *("--ignore=tests/kernels/test_custatevec.py", "--ignore=tests/engines/test_trajectories.py"),
    *("-k", f"not order_of_threads and not reference and not ({REPEATED})"),
)
OPTIONS = {
    # CPython does not free everything at exit. A request that cannot be met must reach our own
    # error handling. Reports go to files: pytest would lose them with the process. GCC's two
    # libraries heed both paths only where that of undefined behaviour comes first.
    "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:verify_asan_link_order=0:"
    f"log_path={FINDINGS}/address",
    "UBSAN_OPTIONS": f"halt_on_error=1:print_stacktrace=1:log_path={FINDINGS}/undefined",
    "TSAN_OPTIONS": f"halt_on_error=1:die_after_fork=0:log_path={FINDINGS}/thread",
    # Each object in memory of its own, so that overruns of NumPy's arrays are seen too.
    "PYTHONMALLOC": "malloc",
    # The bare sources in the current folder must not be imported instead.
    "PYTHONSAFEPATH": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def build(sanitizers: str) -> None:
    """Configure and build the instrumented native modules."""
    folder = BUILD / "cmake"
    scripts = Path(sys.executable).parent
    tools = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    configure = [
        "cmake", "-S", str(ROOT / "kernels"), "-B", str(folder), "-G", "Ninja",
        "-DCMAKE_BUILD_TYPE=None", f"-DQUASIM_SANITIZE={sanitizers}",
        "-DQUASIM_WIDE_KERNELS=ON", f"-DPython_EXECUTABLE={sys.executable}",
        f"-DQUASIM_EMULATE_THREADS={os.environ.get('QUASIM_EMULATE_THREADS', 'OFF')}",
    ]  # fmt: skip
    subprocess.run(configure, check=True, env=tools, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", str(folder)], check=True, env=tools)


def install() -> Path:
    """Make an environment with the instrumented package; return its interpreter."""
    home = BUILD / "venv"
    venv.create(home, with_pip=False, clear=True)
    packages = next((home / "lib").glob("python*/site-packages"))
    for package in (ROOT / "quasim_backend", *(ROOT / "providers").glob("quasim_*")):
        shutil.copytree(package, packages / package.name, ignore=shutil.ignore_patterns("*.so"))
    install = ["cmake", "--install", str(BUILD / "cmake"), "--prefix", str(packages)]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    subprocess.run(install, check=True, env=environment, stdout=subprocess.DEVNULL)
    # Folders named here are searched, but their own .pth files, which lead to the editable
    # installation, are not read.
    others = [p for p in sys.path if Path(p).name in ("site-packages", "dist-packages")]
    (packages / "others.pth").write_text("\n".join(others) + "\n")
    return home / "bin" / "python"


def runtime_libraries(sanitizers: str) -> list[str]:
    """Return the sanitizers' libraries; Python itself is not linked with them."""
    compiler = os.environ.get("CXX", "c++")
    paths = []
    for name in (name for name in RUNTIMES if name in sanitizers.split(";")):
        asked = [compiler, f"-print-file-name={RUNTIMES[name]}"]
        found = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
        if not Path(found).is_absolute():
            raise SystemExit(f"{compiler} has no {RUNTIMES[name]}; install GCC's {name} sanitizer.")
        paths.append(str(Path(found).resolve()))
    return paths


def main() -> int:
    """Build, install, check that the right modules are loaded, and run pytest."""
    sanitizers = os.environ.get("QUASIM_SANITIZERS", "address;undefined")
    build(sanitizers)
    python = install()
    preload = os.pathsep.join(runtime_libraries(sanitizers))
    environment = {**os.environ, **OPTIONS, "LD_PRELOAD": preload}
    environment.setdefault("HYPOTHESIS_PROFILE", "few")
    environment["QUASIM_SANITIZED"] = sanitizers  # for tests of time and of address space
    environment.pop("PYTHONPATH", None)
    shutil.rmtree(FINDINGS, ignore_errors=True)
    FINDINGS.mkdir()
    which = "from quasim_backend.kernels import _cpu; print(_cpu.__file__)"
    loaded = subprocess.run(
        [python, "-c", which], check=True, env=environment, capture_output=True, text=True
    ).stdout
    if not loaded.startswith(str(BUILD)):
        raise SystemExit(f"The instrumented module is not the one that is loaded: {loaded}")
    arguments = sys.argv[1:] or ["-n", "2", "-m", "not slow", *WITHOUT, *SUITES]
    command = [python, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    findings = sorted(FINDINGS.iterdir())
    for finding in findings:
        print(f"\n--- {finding.name}\n{finding.read_text(errors='replace')}")
    return status or len(findings)


if __name__ == "__main__":
    sys.exit(main())
