"""setuptools, as pip calls it to build this package.

pip builds in an environment of its own, into which it downloads setuptools. This module lets the
build see the setuptools that is installed, so that `pip install ./python` needs no network. Only
where there is none, pip is told to fetch it.
"""

import importlib.util
import os
import shutil
import site
import sys
import tempfile

sys.path += site.getsitepackages()


def _installed(module):
    return importlib.util.find_spec(module) is not None


def get_requires_for_build_wheel(config_settings=None):
    if not _installed("setuptools"):
        return ["setuptools>=70.1"]
    # Since 70.1 setuptools makes wheels by itself.
    makes_wheels = _installed("setuptools.command.bdist_wheel") or _installed("wheel")
    return [] if makes_wheels else ["wheel"]


get_requires_for_build_sdist = get_requires_for_build_wheel


def _build(function, output, config_settings):
    from setuptools import build_meta

    # setuptools leaves folders beside what it builds, and takes files that are no longer in the
    # tree from those that it left before: it gets a copy.
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "python")
        shutil.copytree(os.getcwd(), copy, ignore=shutil.ignore_patterns("__pycache__"))
        os.chdir(copy)
        return getattr(build_meta, function)(output, config_settings)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    return _build("build_wheel", wheel_directory, config_settings)


def build_sdist(sdist_directory, config_settings=None):
    return _build("build_sdist", sdist_directory, config_settings)
