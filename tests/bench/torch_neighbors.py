"""Nearest neighbours of many embeddings beside PyTorch, on a GPU: by the filter, by rows, and outside queries.

PyTorch computes blocks of rows by one matrix product each, in float32 (and in TF32), and takes topk; its neighbours
are nearly the library's, not the same. The library's ways are compared with each other, bit by bit. Needs PyTorch with
CUDA, NumPy, and the Python package (PYTHONPATH=python).
"""

import argparse
import os
import time

import numpy as np
import torch

import vulkan_compute


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=1_000_000)
    parser.add_argument("--d", type=int, default=768)
    parser.add_argument("--k", type=int, default=100)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=40_960, help="rows of PyTorch's, scaled up to n")
    parser.add_argument("--ways", default="filter=100000,filter-float32=50000,rows=128",
                        help="values of VKC_NEIGHBORS, and rows of each, scaled up to n")
    parser.add_argument("--write", help="a .npy file for the embeddings, for a whole run of the command")
    return parser.parse_args()


def embeddings(n, d, seed):
    """Rows in 64 directions and noise, with a common direction and norms that differ a little."""
    random = torch.Generator("cuda").manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, device="cuda", generator=random)

    rows = normal(n, 64) @ normal(64, d) / 8 + 0.5 * normal(n, d) + 0.7 * normal(1, d)
    return (rows / rows.norm(dim=1, keepdim=True) * (1 + 0.1 * normal(n, 1).abs())).cpu().numpy()


def peer(items, k, queries, rows, tf32):
    """Seconds for all rows; those of the items themselves where queries is None."""
    torch.backends.cuda.matmul.allow_tf32 = tf32
    units = torch.from_numpy(items).cuda()
    units /= units.norm(dim=1, keepdim=True)
    wanted = units if queries is None else torch.from_numpy(queries).cuda()
    rows = min(rows, len(wanted))
    step = max(1, min(4096, 1_500_000_000 // len(items)))

    def run(count):
        for first in range(0, count, step):
            cosines = wanted[first : min(first + step, count)] @ units.T
            if queries is None:
                own = torch.arange(len(cosines))
                cosines[own, first + own] = -2
            values, ids = torch.topk(cosines, k, dim=1)
            values.cpu(), ids.to(torch.int32).cpu()
        torch.cuda.synchronize()

    run(min(step, rows))
    begin = time.perf_counter()
    run(rows)
    return (time.perf_counter() - begin) * len(wanted) / rows


def seconds_of(call):
    begin = time.perf_counter()
    result = call()
    return time.perf_counter() - begin, result


def main():
    given = arguments()
    items = embeddings(given.n, given.d, 1)
    queries = embeddings(given.queries, given.d, 2)
    if given.write:
        np.save(given.write, items)
    for tf32 in (False, True):
        name = "PyTorch, TF32" if tf32 else "PyTorch, float32"
        print(f"{name}: {peer(items, given.k, None, given.rows, tf32):.3f} s,"
              f" queries {peer(items, given.k, queries, given.queries, tf32):.4f} s", flush=True)
    torch.cuda.empty_cache()
    first = None
    for way in given.ways.split(","):
        name, rows = way.split("=")
        rows = min(int(rows), given.n)
        os.environ["VKC_NEIGHBORS"] = name
        with vulkan_compute.Context() as context:
            upload = seconds_of(lambda: context.upload(items))[0]
            context.nearest_neighbors(given.k, count=min(rows, 4096))  # compiles, and learns the speed
            seconds, found = seconds_of(lambda: context.nearest_neighbors(given.k, count=rows))
            context.nearest(queries[:1], given.k)
            of_queries = seconds_of(lambda: context.nearest(queries, given.k))[0] if name != "rows" else None
        print(f"{name}: {seconds * given.n / rows:.3f} s (of {rows} rows), upload {upload:.3f} s,"
              f" queries {of_queries and round(of_queries, 4)} s", flush=True)
        first = first or found
        rows = min(len(first.ids), rows)
        assert (first.ids[:rows] == found.ids[:rows]).all()
        assert (first.similarities[:rows] == found.similarities[:rows]).all()


if __name__ == "__main__":
    main()
