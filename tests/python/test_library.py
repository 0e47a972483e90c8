"""How the package finds libvulkan_compute: copies of it in folders of all kinds, each in a process of its own."""

import os
import shutil
import subprocess
import sys
import sysconfig

import pytest
from conftest import ROOT
from vulkan_compute import _library

LIBRARY = _library.load()._name
VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"


def loader():
    """The dynamic loader, which can be told to leave out the system's list of libraries."""
    with open("/proc/self/maps") as maps:
        return next(line.split()[-1] for line in maps if "/ld-linux" in line)


def run(package_folder, **environment):
    """What the package says of where it found the library: (exit code, output)."""
    script = "import vulkan_compute as v; v.version(); print(v._library.load()._name)"
    inherited = {name: os.environ[name] for name in os.environ if name != "VKC_LIBRARY"}
    done = subprocess.run(
        [loader(), "--inhibit-cache", sys.executable, "-c", script],
        env=inherited | {"PYTHONPATH": str(package_folder)} | environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/",
    )
    return done.returncode, done.stdout


def install_package(folder):
    shutil.copytree(ROOT / "python" / "vulkan_compute", folder / "vulkan_compute")
    return folder


def install_library(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(LIBRARY, path)
    return path


def test_by_vkc_library_before_all_else(tmp_path):
    folder = install_package(tmp_path / "python")
    install_library(tmp_path / "build" / "libvulkan_compute.so")
    chosen = install_library(tmp_path / "elsewhere" / "libvulkan_compute.so.7")
    assert run(folder, VKC_LIBRARY=str(chosen)) == (0, f"{chosen}\n")


def test_in_the_built_tree(tmp_path):
    folder = install_package(tmp_path / "python")
    library = install_library(tmp_path / "build" / "libvulkan_compute.so")
    assert run(folder) == (0, f"{library}\n")
    assert run(folder, VKC_LIBRARY="") == (0, f"{library}\n")


def test_in_the_packages_folder(tmp_path):
    folder = install_package(tmp_path)
    library = install_library(tmp_path / "vulkan_compute" / "libvulkan_compute.so")
    assert run(folder) == (0, f"{library}\n")


@pytest.mark.parametrize("python", ["python3", VERSION])
@pytest.mark.parametrize("packages", ["dist-packages", "site-packages"])
def test_in_the_prefix_of_the_package(tmp_path, python, packages):
    folder = install_package(tmp_path / "lib" / python / packages)
    multiarch = sysconfig.get_config_var("MULTIARCH")
    for lib in [f"lib/{multiarch}"] * bool(multiarch) + ["lib64", "lib"]:
        library = install_library(tmp_path / lib / "libvulkan_compute.so.0")
        assert run(folder) == (0, f"{library}\n")


def test_by_the_systems_search(tmp_path):
    folder = install_package(tmp_path / "packages")
    for name in ("libvulkan_compute.so", "libvulkan_compute.so.0"):
        install_library(tmp_path / "system" / name)
        assert run(folder, LD_LIBRARY_PATH=str(tmp_path / "system")) == (0, f"{name}\n")


def test_where_there_is_none_the_places_are_told(tmp_path):
    folder = install_package(tmp_path / "python")
    code, output = run(folder)
    assert code == 1
    for words in (
        "LibraryError: libvulkan_compute was not found. Tried:",
        f"  {folder}/vulkan_compute/libvulkan_compute.so\n",
        f"  {tmp_path}/build/libvulkan_compute.so\n",
        "  libvulkan_compute.so.0 (the system's search: ",
        "set VKC_LIBRARY",
    ):
        assert words in output
    code, output = run(folder, VKC_LIBRARY="/no/such/file")
    assert code == 1 and "  /no/such/file (VKC_LIBRARY)\n" in output


def compile_library(path, source):
    (path.parent / "library.c").write_text(source)
    subprocess.run(["cc", "-shared", "-fPIC", path.parent / "library.c", "-o", path], check=True)


def test_what_does_not_fit_is_refused(tmp_path):
    folder = install_package(tmp_path / "python")
    other = tmp_path / "other.so"
    for version, words in ((0, "version 0.0.0"), (1_000_000, "version 1.0.0")):
        compile_library(other, f"unsigned vkc_version(void) {{ return {version}; }}")
        code, output = run(folder, VKC_LIBRARY=str(other))
        assert code == 1 and f"{other} is {words}, but this package needs 0." in output
    compile_library(other, "int nothing;")
    code, output = run(folder, VKC_LIBRARY=str(other))
    assert code == 1 and f"{other} is not libvulkan_compute: it has no vkc_version" in output
    other.write_text("text")
    code, output = run(folder, VKC_LIBRARY=str(other))
    assert code == 1 and "cannot load libvulkan_compute" in output
