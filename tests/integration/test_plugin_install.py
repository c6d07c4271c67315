"""A third party's distribution is installed by pip, and its plug-in takes part."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

import quasim_backend

DATA = Path(__file__).resolve().parents[1] / "data"
SOURCE = Path(quasim_backend.__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment that sees this one's packages, with both plug-ins installed by pip."""
    pytest.importorskip("setuptools")
    pytest.importorskip("pip")
    folder = tmp_path_factory.mktemp("plugins")
    home = folder / "venv"
    venv.create(home, with_pip=False, symlinks=os.name != "nt")
    executable = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    site = subprocess.run(
        [executable, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    here = sysconfig.get_path("purelib")
    # An editable install of ours announces itself in a .pth file, which addsitedir reads.
    (Path(site) / "parent.pth").write_text(
        f"import site; site.addsitedir({here!r})\n{SOURCE}\n", encoding="utf-8"
    )
    for name in ("sample_plugin", "broken_plugin"):
        # A copy: a build leaves files in the source folder.
        source = folder / name
        _copy(DATA / name, source)
        subprocess.run(
            [
                sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input",
                "install", "-q", "--no-deps", "--no-build-isolation", "--no-index",
                "--target", site, str(source),
            ],
            check=True,
            capture_output=True,
            text=True,
        )  # fmt: skip
    return executable


def _copy(source: Path, target: Path) -> None:
    for file in source.rglob("*"):
        if file.is_file() and file.suffix in (".py", ".toml"):
            place = target / file.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.read_bytes())


def _run(
    executable: Path, folder: Path, *words: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "QUASIM_"))}
    return subprocess.run(
        [str(executable), *words],
        capture_output=True,
        text=True,
        cwd=folder,
        env=clean | environment,
        check=False,
    )


USE = """
import warnings
import numpy as np
import quasim_backend as quasim
from quasim_backend.plugins import default_manager

bell = quasim.Circuit(2).h(0).cx(0, 1)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    with quasim.runtime(method="sample", kernels="sample_numpy") as rt:
        assert abs(abs(rt.simulate(bell)[3]) ** 2 - 0.5) < 1e-6
    with quasim.runtime() as rt:
        assert rt.run(bell, save="statevector").metadata["engine"] == "statevector"
from sample_plugin.noise import SampleNoise
assert default_manager().translate_noise(SampleNoise(0.5)) == {
    "depolarizing": {"single_qubit": 0.5}
}
print(*sorted(str(w.message).partition(":")[0] for w in caught), sep="\\n")
"""


def test_an_installed_plugin_works_and_broken_ones_only_warn(
    interpreter: Path, tmp_path: Path
) -> None:
    done = _run(interpreter, tmp_path, "-c", USE)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"Plug-in '{name}' of distribution 'quasim-broken-plugin 0.0.1' is broken"
        for name in ("missing", "misspelt", "no_import", "wrong_spec")
    ]


def test_info_shows_what_is_installed_and_what_failed(interpreter: Path, tmp_path: Path) -> None:
    done = _run(interpreter, tmp_path, "-m", "quasim_backend", "info", "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["plug-ins"]["sample"].startswith("quasim-sample-plugin 1.2.3; quasim_engines")
    assert facts["engines"]["sample"].endswith("(only by name)")
    assert facts["kernel sets"]["sample_gpu"].endswith("not usable: the sample GPU is a drawing")
    failed = facts["plug-ins that failed"]
    assert set(failed) == {"no_import", "misspelt", "wrong_spec", "missing"}
    assert "the licence server did not answer" in failed["no_import"]
    assert done.stderr == ""


def test_strict_plugins_stop_with_the_first_cause(interpreter: Path, tmp_path: Path) -> None:
    done = _run(interpreter, tmp_path, "-m", "quasim_backend", "info", QUASIM_STRICT_PLUGINS="1")
    assert done.returncode == 2
    assert done.stderr.startswith("quasim: Plug-in '")
    assert "Traceback" not in done.stderr
