"""Every operation of the Python package, again and again, to see that memory holds steady and that
results stay what they were: with exceptions and interrupts in the middle of computations, and with
contexts and arrays that are dropped in every order.

    python3 tests/python/soak.py [ROUNDS]        2,000 by default; memory is compared from 40 rounds on

Prints what the process has in RAM, blocks of Python and open files, and exits with 1 where one has
grown by more than its bound from the second third of the rounds to the last, the first being for
what allocators and drivers take once, or where a result differs.
"""

import ctypes
import gc
import os
import random
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "tests" / "python")]

import numpy as np  # noqa: E402
import vulkan_compute as vkc  # noqa: E402
from reference import Reference, kinds  # noqa: E402
from vulkan_compute import _library  # noqa: E402

N, D, K, LENGTH = 67, 9, 5, 20
# By so much they may grow: what the driver's threads hold wanders by 3 MB. The embeddings of
# 2,000 x 64 (512 kB) that every round uploads, lost in each of 60 rounds, would be 10 MB from third
# to third; a context, far more.
MOST_GROWTH = {"kilobytes in RAM": 5120, "blocks of Python": 500, "open files": 0}

DATA = kinds(N, D)["unequal norms"]
EXPECTED = Reference(DATA)
SEQUENCES = np.array(EXPECTED.sequences(length=LENGTH))
AWAY = EXPECTED.sequence(66, LENGTH, "away", 0.3)
IDS, SIMILARITIES = EXPECTED.neighbors(K)
LARGER = kinds(300, 64)["unequal norms"]
LARGEST = kinds(2000, 64)["unequal norms"]


class Mine(Exception):
    """What rounds raise themselves."""


def check(context):
    """All that a context computes is what it should be."""
    assert (context.similarity_matrix() == EXPECTED.matrix()).all()
    assert (context.similarity_rows(60, 7) == EXPECTED.matrix()[60:]).all()
    assert (context.pair_similarities(range(7), 5) == EXPECTED.matrix()[:7, 5]).all()
    assert (context.diversity_sequences(length=LENGTH) == SEQUENCES).all()
    assert (context.diversity_sequence(66, LENGTH) == SEQUENCES[66]).all()
    assert (context.diversity_sequence(66, LENGTH, "away", 0.3) == AWAY).all()
    found = context.nearest_neighbors(K)
    assert (found.ids == IDS).all() and (found.similarities == SIMILARITIES).all()
    assert context.nearest(DATA, 1).ids.shape == (N, 1)
    assert context.embeddings_info().num_embeddings == N
    assert context.plan_memory(N, D).fits
    assert context.device_info().usable


def raises(error, call):
    try:
        call()
    except error:
        return
    raise AssertionError(f"no {error.__name__} was raised")


def fail_in_progress(error, at):
    def progress(finished, *, total):
        for number in finished:
            if number == at:
                raise error
            yield number

    return progress


def refused(context):
    raises(vkc.NotFiniteError, lambda: context.upload([[1, np.nan]]))
    raises(ValueError, lambda: context.upload([[1, 2], [3]]))
    raises(vkc.ItemOutOfRangeError, lambda: context.diversity_sequence(N))
    raises(vkc.InvalidLengthError, lambda: context.nearest_neighbors(N))
    raises(vkc.NoSuchDeviceError, lambda: vkc.Context("no such device"))
    for error in (Mine, KeyboardInterrupt, GeneratorExit):
        at = random.randint(1, N)
        raises(error, lambda: context.diversity_sequences(progress=fail_in_progress(error, at)))
        raises(error, lambda: context.nearest_neighbors(K, progress=fail_in_progress(error, at)))


def interrupted(signal_number, frame):
    raise KeyboardInterrupt


def interrupt_somewhere():
    """A signal at any moment of a context's life, from making it to its end."""
    signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0001, 0.03))
    try:
        with vkc.Context() as context:
            while True:
                context.upload(LARGER, center=True)
                context.diversity_sequences(length=10)
                context.nearest_neighbors(3)
    except KeyboardInterrupt:
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def drop_in_any_order():
    """Contexts, their arrays and what circles hold them together, dropped one by one."""
    held = []
    for _ in range(2):
        context = vkc.Context()
        embeddings = LARGER.copy()
        context.upload(embeddings)
        rows = context.similarity_rows(0, 30)
        circle = [context]
        circle.append(circle)
        held += [context, embeddings, rows, rows[3:5], context.nearest_neighbors(3), circle]
    del context, embeddings, rows, circle
    random.shuffle(held)
    while held:
        held.pop()
        if random.random() < 0.2:
            gc.collect()


def read_cache(path):
    cache = vkc.load_cache(path, DATA)
    assert (cache[66] == SEQUENCES[66]).all()
    cache.check()
    raises(vkc.ItemOutOfRangeError, lambda: cache[N])
    raises(vkc.CacheError, lambda: vkc.load_cache(path, LARGER))
    raises(vkc.CacheError, lambda: vkc.load_cache(str(path) + ".none"))


def round_of(number, kept, cache):
    kept.upload(DATA)
    check(kept)
    refused(kept)
    check(kept)
    kept.upload(LARGEST.astype(np.float64))
    kept.upload(LARGEST[::-1])
    read_cache(cache)
    interrupt_somewhere()
    if number % 5 == 0:
        drop_in_any_order()
    if number % 10 == 0:
        assert vkc.list_devices() and vkc.version() and vkc.definition_version() == 1


def make_cache(folder):
    np.save(folder / "embeddings.npy", DATA)
    command = [
        "luajit", ROOT / "bin" / "vulkan-compute", "cache", folder / "embeddings.npy", folder / "cache.npy",
        "--length", str(LENGTH), "--quiet",
    ]
    subprocess.run(command, check=True, env=os.environ | {"VKC_LIBRARY": _library.load()._name})
    return folder / "cache.npy"


def measure():
    gc.collect()
    # What drivers have freed is no longer theirs, though malloc may keep it for the next context.
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/status") as status:
        resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    amounts = (resident, sys.getallocatedblocks(), len(os.listdir("/proc/self/fd")))
    return dict(zip(MOST_GROWTH, amounts))


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    random.seed(4711)
    signal.signal(signal.SIGALRM, interrupted)
    every = max(1, rounds // 20)
    # The least that was seen in the second third of the rounds and in the last: what allocators take
    # and give back wanders above it.
    least = [{}, {}]
    print(" round" + "".join(f"{what:>18}" for what in MOST_GROWTH), flush=True)
    with tempfile.TemporaryDirectory() as folder, vkc.Context() as kept:
        cache = make_cache(Path(folder))
        for number in range(1, rounds + 1):
            round_of(number, kept, cache)
            if number % every == 0:
                now = measure()
                print(f"{number:6}" + "".join(f"{amount:18}" for amount in now.values()), flush=True)
                if number > rounds / 3:
                    third = least[number > rounds * 2 / 3]
                    for what, amount in now.items():
                        third[what] = min(third.get(what, amount), amount)

    problems = []
    for what, most in MOST_GROWTH.items():
        growth = least[1][what] - least[0][what]
        if rounds >= 40 and growth > most:
            problems.append(f"{what} have grown by {growth}; at most {most} is right")
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    if not problems:
        print(f"{rounds} rounds: memory is steady, all results are right")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
