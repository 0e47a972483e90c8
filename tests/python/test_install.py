"""`pip install ./python`, without a network."""

import os
import subprocess
import sys
import venv

import pytest
from conftest import ROOT
from vulkan_compute import _library


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder of a virtual environment into which the package was installed as users do."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, system_site_packages=True, with_pip=True)
    before = files_of(ROOT / "python")
    pip(folder, "install", "./python")
    assert files_of(ROOT / "python") == before
    return folder


def files_of(folder):
    return {path for path in folder.rglob("*") if "__pycache__" not in path.parts}


def pip(folder, *words):
    """pip without any index, which would be asked over the network."""
    environment = os.environ | {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [folder / "bin" / "pip", *words],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def python(folder, script):
    environment = os.environ | {"VKC_LIBRARY": _library.load()._name}
    environment.pop("PYTHONPATH", None)
    return subprocess.run(
        [folder / "bin" / "python", "-c", script], cwd="/", env=environment, capture_output=True, text=True,
    )


def test_it_computes(installed):
    done = python(
        installed,
        "import vulkan_compute as v\n"
        "with v.Context() as context:\n"
        "    context.upload([[1, 0, 0.1], [0.9, 0.1, 0], [-1, 0.2, 0], [0, 0, -1]])\n"
        "    print(context.diversity_sequence(0), v.__file__)\n",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"[0 2 3 1] {installed}/lib/python")


def test_all_of_it_is_there_and_nothing_else(installed):
    package = next(installed.glob("lib/python3*/site-packages/vulkan_compute"))
    ours = ROOT / "python" / "vulkan_compute"
    assert {path.relative_to(package) for path in files_of(package)} == {
        path.relative_to(ours) for path in files_of(ours)
    }
    assert (package / "py.typed").exists()
    shown = pip(installed, "show", "vulkan_compute")
    assert f"\nVersion: {_library.load().vkc_version_string().decode()}\n" in shown
    assert "\nRequires: numpy\n" in shown


def test_without_setuptools_pip_is_told_to_fetch_it():
    script = (
        "import site, sys\n"
        "site.getsitepackages = lambda: []\n"
        "sys.path = [path for path in sys.path if '-packages' not in path]\n"
        "import build_backend\n"
        "print(build_backend.get_requires_for_build_wheel())\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT / "python")}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("['setuptools>=70.1']\n", "")


def test_it_can_be_replaced_and_removed(installed):
    """The last of those that use it."""
    pip(installed, "install", "--force-reinstall", "--no-deps", "./python")
    pip(installed, "uninstall", "--yes", "vulkan_compute")
    assert not list(installed.glob("lib/python3*/site-packages/vulkan_compute*"))
    assert "ModuleNotFoundError" in python(installed, "import vulkan_compute").stderr
