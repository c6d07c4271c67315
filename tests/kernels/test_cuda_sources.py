"""The CUDA sources are one text, and compilers take it for every generation of GPUs."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from quasim_backend.errors import DeviceError
from quasim_backend.kernels.cuda import sources

ROOT = Path(__file__).resolve().parents[2] / "kernels" / "cuda"

MAX_REGISTERS = {"float": 128, "double": 168}
MAX_SPILL_BYTES = {"float": 0, "double": 128}  # of hundreds of registers, in the tile kernels only
# One compilation takes a minute or two of a processor; one of them is for every day.
COMPILED = [
    pytest.param(architecture, real, marks=() if number == 0 else pytest.mark.slow)
    for number, (architecture, real) in enumerate(
        itertools.product(("sm_90", "sm_75", "sm_80", "sm_100"), ("float", "double"))
    )
]

_USED = re.compile(r"Compiling entry function '(\w+)'.*?Used (\d+) registers", re.DOTALL)
_SPILLED = re.compile(r"(\d+) bytes spill (?:stores|loads)")


def test_the_installed_sources_are_those_of_the_tree():
    installed = {f.name: f.read_text() for f in sources._folder().iterdir()}
    wanted = {f.name: f.read_text() for f in ROOT.glob("*.cu*")}
    assert {name: installed.get(name) for name in wanted} == wanted
    assert sources.are_installed()


def test_the_text_stands_alone_and_holds_each_header_once():
    text = sources.module_source()
    assert "#include" not in text
    assert "#pragma once" not in text
    for header in ROOT.glob("*.cuh"):
        lines = header.read_text().splitlines()
        longest = max((line for line in lines if not line.startswith("//")), key=len)
        assert text.count(longest) == 1, f"{header.name}: {longest}"


def test_every_line_is_told_where_it_comes_from():
    name, number = "", 0
    for line in sources.module_source().splitlines():
        if mark := re.fullmatch(r'#line (\d+) "([\w.]+)"', line):
            number, name = int(mark[1]), mark[2]
            continue
        wanted = (ROOT / name).read_text().splitlines()[number - 1]
        assert line in (wanted, ""), f"{name}:{number}"
        number += 1


def test_any_change_of_a_header_changes_the_text(tmp_path, monkeypatch):
    def text() -> str:
        sources.module_source.cache_clear()
        return sources.module_source()

    whole = text()
    shutil.copytree(ROOT, tmp_path / "source")
    monkeypatch.setattr(sources, "_folder", lambda: tmp_path / "source")
    try:
        assert text() == whole
        for file in (tmp_path / "source").iterdir():
            before = text()
            file.write_text(file.read_text() + "// changed\n")
            assert text() != before, file.name
        (tmp_path / "source" / "types.cuh").unlink()
        with pytest.raises(DeviceError, match=r"'types\.cuh' is not installed"):
            text()
    finally:
        sources.module_source.cache_clear()


def _entries():
    entries = (ROOT / "entries.cuh").read_text()
    return re.findall(r"^QUASIM_(?:TILE_)?KERNEL\((\w+)", entries, re.MULTILINE)


def test_there_is_a_kernel_for_each_entry():
    names = _entries()
    assert len(names) == len(set(names)) > 0
    emulated = pytest.importorskip("quasim_backend.kernels._emulate")
    assert sorted(emulated.kernels()) == sorted(names)


@pytest.mark.parametrize(("architecture", "real"), COMPILED)
def test_nvcc_compiles_every_kernel_without_spills(architecture, real, tmp_path):
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        pytest.skip("nvcc is not installed")
    source = tmp_path / "kernels.cu"
    source.write_text(sources.module_source())
    command = [nvcc, f"-arch={architecture}", "-std=c++17", f"-DQUASIM_REAL={real}", "-cubin"]
    command += ["-Werror", "all-warnings", "-Xptxas", "-v,-Werror", "-o", str(tmp_path / "cubin")]
    done = subprocess.run([*command, str(source)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = done.stdout + done.stderr
    registers = {name: int(used) for name, used in _USED.findall(report)}
    assert len(registers) == len(_entries())
    assert max(registers.values()) <= MAX_REGISTERS[real], registers
    assert max(map(int, _SPILLED.findall(report))) <= MAX_SPILL_BYTES[real], report


@pytest.mark.slow
@pytest.mark.parametrize("real", ["float", "double"])
@pytest.mark.parametrize("capability", ["75", "80", "90", "100"])
def test_nvrtc_compiles_the_module_as_cupy_asks_it_to(capability, real):
    pytest.importorskip("cupy", reason="CuPy is not installed")
    from cupy.cuda import compiler, nvrtc

    try:
        nvrtc.getVersion()
    except RuntimeError as reason:
        pytest.skip(str(reason))
    # With the options that CuPy adds. Its own function asks the driver for the GPU.
    options = ("-std=c++17", f"-DQUASIM_REAL={real}", "-ftz=true", f"-arch=sm_{capability}")
    program = compiler._NVRTCProgram(sources.module_source(), "kernels.cu", method="cubin")
    cubin, _ = program.compile((*options, "--device-as-default-execution-space"))
    for name in re.findall(
        r"^QUASIM_(?:TILE_)?KERNEL\((\w+)", (ROOT / "entries.cuh").read_text(), re.M
    ):
        assert name.encode() in cubin
