"""The PyTorch peer of vulkan_compute_bench: the same batched algorithm, in float32, on a GPU.

All walks advance together. A step adds one row of the similarity matrix to each walk's running sums
and takes the smallest; the sums of chosen items are infinite. Sums in float32 part from exact ones
after some hundred steps, so its walks are like the library's, not the same.

Writes JSON with the figure names of vulkan_compute_bench, which reads it with --torch. Needs PyTorch
with CUDA and NumPy.
"""

import argparse
import json
import statistics
import sys
import time

import numpy
import torch

# As vulkan_compute_bench measures the order `away`: items of a short walk, and lambda.
PAGE = 11
LAMBDA = 0.5


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--embeddings", required=True, help="float32 .npy, n x d")
    parser.add_argument("--json", required=True, help="file to write")
    parser.add_argument("--starts", type=int, default=0, help="walks; 0: one from every item")
    parser.add_argument("--length", type=int, default=0, help="items of each walk; 0: n")
    parser.add_argument("--repeat", type=int, default=5, help="measured repetitions")
    parser.add_argument("--seconds", type=float, default=30, help="most time for them")
    parser.add_argument("--device", default="cuda", help="cpu: for trying the script out")
    return parser.parse_args()


class Clock:
    """Seconds of work on the device, by its own events where it has them."""

    def __init__(self, device):
        self.cuda = device.type == "cuda"

    def synchronize(self):
        if self.cuda:
            torch.cuda.synchronize()

    def wall(self, body):
        self.synchronize()
        begin = time.perf_counter()
        body()
        self.synchronize()
        return time.perf_counter() - begin

    def kernel(self, body):
        if not self.cuda:
            return self.wall(body)
        begin = torch.cuda.Event(enable_timing=True)
        end = torch.cuda.Event(enable_timing=True)
        self.synchronize()
        begin.record()
        body()
        end.record()
        self.synchronize()
        return begin.elapsed_time(end) / 1e3


def repeated(measure, options):
    """Seconds of the measured runs; the first, which compiles, is left out."""
    first = measure()
    again = measure()
    runs = [again]
    affordable = int(options.seconds / max(again, 1e-9))
    for _ in range(min(options.repeat, affordable) - 1):
        runs.append(measure())
    print(f"  first {first:.4g} s, then {statistics.median(runs):.4g} s", file=sys.stderr)
    return runs


def unit_vectors(embeddings, center):
    rows = embeddings.double()
    if center:
        rows = rows - rows.mean(dim=0)
    norms = rows.norm(dim=1, keepdim=True)
    return torch.where(norms > 0, rows / norms, 0.0).float(), norms[:, 0]


def weights(norms):
    """As step 6 of the definition: None where all norms agree."""
    positive = norms[norms > 0]
    if positive.numel() == 0 or positive.max() - positive.min() <= 1e-5 * positive.max():
        return None
    return (norms / norms.max()).float()


def step(sums, rows, latest):
    """Adds the rows of the latest items to the sums and returns the next ones.

    Infinity first, then the sum: so a compiler can make one pass of the addition and the argmin.
    """
    sums.scatter_(1, latest.unsqueeze(1), float("inf"))
    sums += rows[latest]
    return sums.argmin(dim=1)


def away_step(greatest, with_start, rows, latest, share):
    """The order `away`: takes the rows of the latest items into the greatest cosines with an item
    chosen, and returns the items with the smallest share * cosine with the start + (1 - share) *
    greatest."""
    torch.maximum(greatest, rows[latest], out=greatest)
    greatest.scatter_(1, latest.unsqueeze(1), float("inf"))
    return torch.add(share * with_start, greatest, alpha=1 - share).argmin(dim=1)


def walk_away(step_function, cosines, starts, length, share):
    with_start = cosines[starts]
    greatest = with_start.clone()
    sequences = torch.empty(length, len(starts), dtype=torch.int64, device=cosines.device)
    sequences[0] = latest = starts
    for k in range(1, length):
        latest = step_function(greatest, with_start, cosines, latest, share)
        sequences[k] = latest
    return sequences


def walk(step_function, rows, starts, length):
    sums = torch.zeros(len(starts), rows.shape[0], device=rows.device)
    sequences = torch.empty(length, len(starts), dtype=torch.int64, device=rows.device)
    sequences[0] = latest = starts
    for k in range(1, length):
        latest = step_function(sums, rows, latest)
        sequences[k] = latest
    return sequences


def check_walks(sequences, starts):
    """Each walk has each item at most once, and begins at its start."""
    ordered = sequences.sort(dim=0).values
    if not torch.equal(sequences[0], starts) or (ordered[1:] == ordered[:-1]).any():
        sys.exit("a walk visits an item twice")


def measure_all(embeddings, center, options, clock):
    n, d = embeddings.shape
    subject = {"n": n, "d": d, "center": center}
    figures = []

    def figure(name, by, runs, **more):
        figures.append({"name": name, "by": by, **subject, **more, "seconds": runs})

    units, norms = unit_vectors(embeddings, center)
    similarity = torch.empty(n, n, device=units.device)
    ordinary = torch.zeros(n, n)
    pinned = torch.zeros(n, n, pin_memory=clock.cuda)

    def product():
        torch.matmul(units, units.T, out=similarity)

    def to_pinned():
        product()
        pinned.copy_(similarity)

    def to_ordinary():
        product()
        ordinary.copy_(similarity)

    def to_new():
        product()
        similarity.cpu()

    print(f"similarity, center = {center}", file=sys.stderr)
    figure("similarity_kernel", "PyTorch matmul, float32",
           repeated(lambda: clock.kernel(product), options))
    for by, body in (("to ordinary memory", to_ordinary), ("to newly allocated memory", to_new),
                     ("to pinned memory", to_pinned)):
        figure("similarity_to_memory", f"PyTorch, {by}",
               repeated(lambda body=body: clock.wall(body), options))

    share = weights(norms)
    rows = similarity if share is None else similarity * share.unsqueeze(1)
    length = min(options.length or n, n)
    wanted = min(options.starts or n, n)
    variants = {
        "PyTorch, float32, eager": step,
        "PyTorch, float32, compiled": torch.compile(step, dynamic=False),
    }
    for by, function in variants.items():
        for name, count in (("one_walk", 1), ("all_walks", wanted)):
            print(f"{name}, {by}, center = {center}", file=sys.stderr)
            starts = torch.arange(count, device=rows.device) * n // count
            walked = []

            def walk_all():
                walked[:] = [walk(function, rows, starts, length)]

            runs = repeated(lambda: clock.wall(walk_all), options)
            check_walks(walked[0], starts)
            figure(name, by, runs, starts=count, length=length)

    variants = {
        "PyTorch, float32, eager": away_step,
        "PyTorch, float32, compiled": torch.compile(away_step, dynamic=False),
    }
    for by, function in variants.items():
        for name, count, items in (("away_walks_short", n, min(PAGE, length)),
                                   ("away_walks", wanted, length)):
            print(f"{name}, {by}, center = {center}", file=sys.stderr)
            starts = torch.arange(count, device=similarity.device) * n // count
            walked = []

            def walk_all_away():
                walked[:] = [walk_away(function, similarity, starts, items, LAMBDA)]

            runs = repeated(lambda: clock.wall(walk_all_away), options)
            check_walks(walked[0], starts)
            figure(name, by, runs, starts=count, length=items)
    return figures


def main():
    options = arguments()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("torch_walks.py needs PyTorch with CUDA; --device cpu only tries the script out")
    # The matrix product is to be of float32, not of the shorter TF32.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")
    device = torch.device(options.device)
    embeddings = torch.from_numpy(numpy.load(options.embeddings)).to(device)
    clock = Clock(device)
    figures = []
    with torch.no_grad():
        for center in (False, True):
            figures += measure_all(embeddings, center, options, clock)
    name = torch.cuda.get_device_name() if clock.cuda else "CPU"
    with open(options.json, "w", encoding="utf-8") as file:
        json.dump({"program": f"PyTorch {torch.__version__} on {name}, TF32 off",
                   "figures": figures}, file, indent=2)


if __name__ == "__main__":
    main()
