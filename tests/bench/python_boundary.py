"""What it costs to call the library from Python: each call of the package, in turns with the calls of C
that do the same work, in the same process; and Python's part alone, with the library's functions
replaced by ones that do nothing. Prints a Markdown table.

    /usr/bin/python3 tests/bench/python_boundary.py --device llvmpipe

Upload takes all rows, as many as fit the device; neighbours are those of the first --items among
themselves, sequences those of the first --walks.
"""

import argparse
import ctypes
import json
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "python")]

import numpy as np  # noqa: E402
import vulkan_compute as vkc  # noqa: E402
from vulkan_compute import _declarations as declarations  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(description="Measures what calls from Python cost over calls of C.")
    parser.add_argument("--n", type=int, default=1_000_000, help="rows (1,000,000)")
    parser.add_argument("--d", type=int, default=384, help="columns (384)")
    parser.add_argument("--items", type=int, default=2000, help="rows of which all neighbours are found (2,000)")
    parser.add_argument("--k", type=int, default=10, help="neighbours of each (10)")
    parser.add_argument("--walks", type=int, default=2000, help="rows of which all sequences are computed (2,000)")
    parser.add_argument("--length", type=int, default=100, help="ids of each sequence (100)")
    parser.add_argument("--device", help="index or part of the name of a device")
    parser.add_argument("--repeat", type=int, default=5, help="measured repetitions (5)")
    parser.add_argument("--json", help="also writes the figures there")
    return parser.parse_args()


class Idle:
    """The library with its functions that compute replaced by ones that do nothing and succeed."""

    def __init__(self, library):
        self.library = library

    def __getattr__(self, name):
        if name in ("vkc_upload_embeddings_with", "vkc_compute_nearest_neighbors_of",
                    "vkc_compute_diversity_sequences_with"):
            return lambda *parameters: 0
        return getattr(self.library, name)


def seconds_of(body):
    begin = time.perf_counter()
    body()
    return time.perf_counter() - begin


def measure(label, context, from_python, from_c, repeat, prepare=lambda: None):
    """Medians and the ratio; the first turn is not counted. What prepares each call is not timed."""
    turns = []
    for turn in range(repeat + 1):
        prepare()
        python = seconds_of(from_python)
        prepare()
        c = seconds_of(from_c)
        library = context._library
        context._library = Idle(library)
        alone = seconds_of(from_python)
        context._library = library
        if turn > 0:
            turns.append((python, c, alone))
    python, c, alone = zip(*turns)
    return {
        "label": label,
        "python": python,
        "c": c,
        "python_alone": alone,
        "ratio": statistics.median(p / q for p, q in zip(python, c)),
        "part": statistics.median(alone) / statistics.median(c),
    }


def main():
    options = arguments()
    context = vkc.Context(options.device)
    while not context.plan_memory(options.n, options.d, "upload").fits:
        options.n //= 2
    options.items, options.walks = min(options.items, options.n), min(options.walks, options.n)
    embeddings = np.random.default_rng(1).standard_normal((options.n, options.d), np.float32)
    library, handle = context._library, context._handle
    count = ctypes.c_uint32()

    def check(result):
        assert result == 0, library.vkc_last_error()

    upload_options = declarations.UploadOptions()

    def upload_in_c():
        check(library.vkc_upload_embeddings_with(
            handle, embeddings.ctypes.data, *embeddings.shape, ctypes.byref(upload_options)))

    def give_room():
        """An upload leaves what was there before in place until it has succeeded: there is no room for both."""
        context.upload(embeddings[:1])

    # Memory that results have been written to before: what the system hands out page by page is part of
    # Python's calls alone.
    ids = np.zeros((options.items, options.k), np.uint32)
    similarities = np.zeros(ids.shape, np.float32)

    def neighbors_in_c():
        done = 0
        while done < options.items:
            check(library.vkc_recommended_neighbors_batch(handle, options.k, ctypes.byref(count)))
            batch = min(count.value, options.items - done)
            check(library.vkc_compute_nearest_neighbors_of(
                handle, done, batch, options.k, ids[done:].ctypes.data, similarities[done:].ctypes.data))
            done += batch

    starts = np.arange(options.walks, dtype=np.uint32)
    sequences = np.zeros((options.walks, options.length), np.uint32)
    sequence_options = declarations.SequenceOptions()

    def sequences_in_c():
        done = 0
        while done < options.walks:
            check(library.vkc_recommended_batch_with(
                handle, options.length, ctypes.byref(sequence_options), ctypes.byref(count)))
            batch = min(count.value, options.walks - done)
            check(library.vkc_compute_diversity_sequences_with(
                handle, starts[done:].ctypes.data, batch, options.length, ctypes.byref(sequence_options),
                sequences[done:].ctypes.data))
            done += batch

    figures = [
        measure(f"upload of {options.n:,} x {options.d}", context,
                lambda: context.upload(embeddings), upload_in_c, options.repeat, give_room)]
    context.upload(embeddings[: options.items])
    figures.append(
        measure(f"{options.k} neighbours of each of {options.items:,}", context,
                lambda: context.nearest_neighbors(options.k), neighbors_in_c, options.repeat))
    assert (context.nearest_neighbors(options.k).ids == ids).all()
    context.upload(embeddings[: options.walks])
    figures.append(
        measure(f"{options.walks:,} sequences of {options.length}", context,
                lambda: context.diversity_sequences(length=options.length), sequences_in_c, options.repeat))
    assert (context.diversity_sequences(length=options.length) == sequences).all()

    print(f"## Python, {context.device_info().name}\n")
    print("| call | median | that of the C calls | ratio | Python's part | over the C calls |")
    print("|---|---|---|---|---|---|")
    for each in figures:
        python, c, alone = (statistics.median(each[name]) * 1e3 for name in ("python", "c", "python_alone"))
        print(f"| {each['label']} | {python:.2f} ms | {c:.2f} ms | {each['ratio']:.3f} | {alone:.3f} ms"
              f" | {each['part']:.2%} |")
    if options.json:
        description = {"program": "python_boundary.py", "library_version": vkc.version(),
                       "device": {"name": context.device_info().name}, "options": vars(options)}
        Path(options.json).write_text(json.dumps(description | {"figures": figures}) + "\n")
    context.close()


if __name__ == "__main__":
    main()
