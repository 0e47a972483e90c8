"""Results through Python, C, Lua and the command line are the same bytes."""

import os
import subprocess

import numpy as np
import vulkan_compute as vkc
from conftest import ROOT
from vulkan_compute import _library

HERE = ROOT / "tests" / "python"
LIBRARY = _library.load()._name
N, LENGTH, K = 400, 30, 12


def from_python(folder, embeddings):
    with vkc.Context(validation=True) as context:
        context.upload(embeddings, center=True)
        ids, similarities = context.nearest_neighbors(K)
        results = {
            "sequences": context.diversity_sequences(length=LENGTH),
            "away": context.diversity_sequences(length=LENGTH, order="away", lambda_=0.3),
            "ids": ids,
            "similarities": similarities,
            "matrix": context.similarity_matrix(),
        }
    for name, array in results.items():
        array.tofile(folder / name)


def run(folder, *words):
    environment = os.environ | {
        "VKC_LIBRARY": LIBRARY, "LUA_PATH": f"{ROOT}/lua/?.lua;;", "LD_LIBRARY_PATH": os.path.dirname(LIBRARY),
    }
    subprocess.run([*map(str, words)], check=True, cwd=folder, env=environment)


def from_c(folder, embeddings):
    embeddings.tofile(folder / "array")
    run(
        folder, "cc", "-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-I", ROOT / "include",
        HERE / "same_bytes.c", LIBRARY, "-o", "same_bytes",
    )
    run(folder, "./same_bytes", "array", *embeddings.shape, LENGTH, K)


def from_lua(folder, embeddings):
    np.save(folder / "embeddings.npy", embeddings)
    run(folder, "luajit", HERE / "same_bytes.lua", "embeddings.npy", LENGTH, K)


def from_the_command_line(folder, embeddings):
    np.save(folder / "embeddings.npy", embeddings)
    for command, output, *options in (
        ("cache", "sequences", "--length", LENGTH),
        ("cache", "away", "--length", LENGTH, "--order", "away", "--lambda", 0.3),
        ("neighbors", "ids", "--k", K),
        ("similarity", "matrix"),
    ):
        run(
            folder, "luajit", ROOT / "bin" / "vulkan-compute", command, "embeddings.npy", f"{output}.npy",
            *options, "--center", "--quiet",
        )
        np.load(folder / f"{output}.npy").tofile(folder / output)


def test_same_bytes(psalms, tmp_path):
    """The command line writes no similarities of neighbours."""
    ways = (from_python, from_c, from_lua, from_the_command_line)
    for way in ways:
        (tmp_path / way.__name__).mkdir()
        way(tmp_path / way.__name__, psalms[:N])
    sizes = {"sequences": N * LENGTH, "away": N * LENGTH, "ids": N * K, "similarities": N * K, "matrix": N * N}
    for name, size in sizes.items():
        found = {
            way: (tmp_path / way.__name__ / name).read_bytes()
            for way in ways
            if (way, name) != (from_the_command_line, "similarities")
        }
        assert len(found) >= 3 and len(found[from_python]) == 4 * size
        assert len(set(found.values())) == 1, name
