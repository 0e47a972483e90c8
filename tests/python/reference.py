"""The definition of vulkan_compute.h, step by step, with nothing in it for speed."""

import numpy as np

ONE = 2**30
HALF = 2**29


def _scale_down(products):
    return (products + HALF) >> 30


class Reference:
    """What must come of n x d embeddings. All of it is in integers, as numpy.int64."""

    def __init__(self, embeddings, center=False, of=None):
        """Those behind the first `of`, where it is given, are queries: they do not count in the mean."""
        rows = np.asarray(embeddings, np.float32).astype(np.float64)
        self.n, d = rows.shape
        if center:
            mean = np.zeros(d)
            for row in rows[:of]:
                mean += row
            rows = rows - mean / len(rows[:of])
        squares = np.zeros(self.n)
        for column in rows.T:
            squares += column * column
        norms = np.sqrt(squares)

        largest = norms.max()
        nonzero = norms[norms > 0]
        self.weighted = bool(nonzero.size) and (largest - nonzero.min()) / largest > 1e-5
        self.weights = np.full(self.n, ONE)
        if self.weighted:
            self.weights = np.rint(norms / largest * ONE).astype(np.int64)

        units = np.zeros((self.n, d), np.int64)
        filled = norms > 0
        units[filled] = np.rint(rows[filled] / norms[filled, None] * ONE).astype(np.int64)
        self.cosines = np.clip(_scale_down(units @ units.T), -ONE, ONE)
        self.cosines[filled, filled] = ONE

    def matrix(self):
        return (self.cosines / ONE).astype(np.float32)

    def sequence(self, start, length=None, order="centroid", lambda_=0.0):
        share = int(np.rint(float(np.float32(lambda_)) * ONE))
        to_start = self.cosines[start]
        sums = np.zeros(self.n, np.int64)
        greatest = np.full(self.n, -(2**31))
        left = np.ones(self.n, bool)
        sequence = [start]
        while len(sequence) < (length or self.n):
            item = sequence[-1]
            left[item] = False
            if order == "centroid":
                sums += _scale_down(self.weights[item] * self.cosines[item])
                keys = sums
            else:
                if order == "away" or item != start:
                    greatest = np.maximum(greatest, self.cosines[item])
                nearest = greatest if order == "away" or len(sequence) > 1 else np.zeros_like(greatest)
                sign = 1 if order == "away" else -1
                keys = sign * share * to_start + (ONE - share) * nearest
            # The first of the smallest: the lowest id on a tie.
            sequence.append(int(np.flatnonzero(left)[keys[left].argmin()]))
        return sequence

    def sequences(self, starts=None, length=None, order="centroid", lambda_=0.0):
        starts = range(self.n) if starts is None else starts
        return [self.sequence(start, length, order, lambda_) for start in starts]

    def neighbors(self, k):
        """ids and similarities, n x k each."""
        ids = [
            sorted(set(range(self.n)) - {i}, key=lambda j: (-self.cosines[i, j], j))[:k]
            for i in range(self.n)
        ]
        return np.array(ids), np.take_along_axis(self.matrix(), np.array(ids), axis=1)

    def nearest(self, k, of):
        """ids and similarities of the queries behind the first `of` items."""
        cosines = self.cosines[of:, :of]
        ids = np.array([sorted(range(of), key=lambda j: (-row[j], j))[:k] for row in cosines])
        return ids, np.take_along_axis(self.matrix()[of:, :of], ids, axis=1)


def kinds(n, d):
    """Kinds of embeddings by name, n x d float32, the same in every run."""
    numbers = np.random.default_rng(4711).uniform(-0.5, 0.5, (n, d)).astype(np.float32)
    zeros = numbers.copy()
    zeros[::3] = 0
    return {
        "unequal norms": numbers,
        "unit norms": numbers / np.linalg.norm(numbers, axis=1, keepdims=True),
        "duplicates": numbers[np.arange(n) % 7],
        "zero rows": zeros,
        "a large common direction": numbers + np.float32(2),
    }
