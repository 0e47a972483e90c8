"""The PyTorch peer of vulkan_compute_bench --large: walks, neighbours and queries without a matrix, on a GPU.

A step of walks multiplies all units with the sums of those chosen, in float32, and takes the smallest; neighbours are
blocks of rows by one matrix product each, and topk. Both are like the library's, not the same. TF32 is off, and on for
a second peer of neighbours.

Writes JSON with the figure names of vulkan_compute_bench, which reads it with --torch. Needs PyTorch with CUDA and
NumPy.
"""

import argparse
import json
import sys

import numpy
import torch

from torch_walks import Clock, repeated, unit_vectors, weights


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--embeddings", required=True, help="float32 .npy: items, and behind them queries")
    parser.add_argument("--json", required=True, help="file to write")
    parser.add_argument("--walks", default="1x100,8x20", help="walks x items of each, ...")
    parser.add_argument("--rows", type=int, default=1000, help="items whose neighbours are sought")
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--k", type=int, default=100)
    parser.add_argument("--repeat", type=int, default=5, help="measured repetitions")
    parser.add_argument("--seconds", type=float, default=30, help="most time for them")
    parser.add_argument("--device", default="cuda", help="cpu: for trying the script out")
    return parser.parse_args()


def walk(units, share, starts, length):
    """Sequences from the starts, length x starts. Items chosen are marked where they are."""
    chosen = torch.zeros(len(units), len(starts), dtype=torch.bool, device=units.device)
    sums = torch.zeros(units.shape[1], len(starts), device=units.device)
    sequences = torch.empty(length, len(starts), dtype=torch.int64, device=units.device)
    of_walks = torch.arange(len(starts), device=units.device)
    latest = starts
    for k in range(length):
        sequences[k] = latest
        if k + 1 == length:
            return sequences
        chosen[latest, of_walks] = True
        rows = units[latest]
        sums += (rows if share is None else rows * share[latest].unsqueeze(1)).T
        products = units @ sums
        latest = products.masked_fill_(chosen, float("inf")).argmin(dim=0)


def nearest(units, wanted, first_own, k):
    """Ids and cosines in the host's memory. first_own: the item that the first of those wanted is; None: none is."""
    step = max(1, min(4096, 1_500_000_000 // len(units)))
    for first in range(0, len(wanted), step):
        cosines = wanted[first : first + step] @ units.T
        if first_own is not None:
            own = torch.arange(len(cosines), device=units.device)
            cosines[own, first_own + first + own] = -2
        values, ids = torch.topk(cosines, k, dim=1)
        values.cpu(), ids.to(torch.int32).cpu()


def measure(items, queries, center, options, clock):
    units, norms = unit_vectors(items, center)
    share = weights(norms)
    rows = queries.double()
    if center:
        rows = rows - items.double().mean(dim=0)
    wanted = torch.nn.functional.normalize(rows).float()
    figures = []

    def figure(name, by, body, **more):
        print(f"{name}, {by}, center = {center}", file=sys.stderr)
        runs = repeated(lambda: clock.wall(body), options)
        figures.append({"name": name, "by": by, "n": len(items), "d": items.shape[1], "center": center, **more,
                        "seconds": runs})

    for size in options.walks.split(","):
        count, length = (int(number) for number in size.split("x"))
        starts = torch.arange(count, device=units.device) * len(items) // count
        figure("large_walks", "PyTorch, float32", lambda: walk(units, share, starts, length), starts=count,
               length=length)
    k = min(options.k, len(items) - 1)
    for by, tf32 in (("PyTorch, float32", False), ("PyTorch, TF32", True)):
        torch.backends.cuda.matmul.allow_tf32 = tf32
        figure("large_neighbors", by, lambda: nearest(units, units[: options.rows], 0, k))
        figure("large_queries", by, lambda: nearest(units, wanted, None, k))
    torch.backends.cuda.matmul.allow_tf32 = False
    return figures


def main():
    options = arguments()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("torch_large.py needs PyTorch with CUDA; --device cpu only tries the script out")
    torch.backends.cuda.matmul.allow_tf32 = False
    rows = torch.from_numpy(numpy.load(options.embeddings)).to(options.device)
    items, queries = rows[: len(rows) - options.queries], rows[len(rows) - options.queries :]
    clock = Clock(torch.device(options.device))
    figures = []
    with torch.no_grad():
        for center in (False, True):
            figures += measure(items, queries, center, options, clock)
    name = torch.cuda.get_device_name() if clock.cuda else "CPU"
    with open(options.json, "w", encoding="utf-8") as file:
        json.dump({"program": f"PyTorch {torch.__version__} on {name}, TF32 off but where it is named",
                   "figures": figures}, file, indent=2)


if __name__ == "__main__":
    main()
