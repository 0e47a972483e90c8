"""What is computed is what the definition says."""

import itertools

import numpy as np
import pytest
import vulkan_compute
from reference import Reference, kinds
from vulkan_compute import _context

N, D = 67, 9
KINDS = kinds(N, D)


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module", params=[False, True], ids=["as it is", "centred"])
def center(request):
    return request.param


@pytest.fixture(scope="module")
def reference(kind, center):
    return Reference(KINDS[kind], center)


@pytest.fixture
def uploaded(context, kind, center):
    context.upload(KINDS[kind], center)
    return context


def is_array(array, dtype, shape):
    return array.dtype == dtype and array.shape == shape and array.flags.c_contiguous


def test_what_is_uploaded(uploaded, reference, center):
    info = uploaded.embeddings_info()
    assert (info.num_embeddings, info.embedding_dim) == (N, D)
    assert (info.centered, info.weighted) == (center, reference.weighted)


def test_similarities(uploaded, reference):
    matrix = uploaded.similarity_matrix()
    assert is_array(matrix, np.float32, (N, N))
    assert (matrix == reference.matrix()).all()
    for first, count in ((0, N), (60, 7), (66, 1), (3, 0), (N, 0)):
        rows = uploaded.similarity_rows(first, count)
        assert is_array(rows, np.float32, (count, N))
        assert (rows == reference.matrix()[first : first + count]).all()


def test_similarities_of_pairs(uploaded, reference, monkeypatch):
    matrix = reference.matrix()
    first, second = np.random.default_rng(5).integers(0, N, (2, 6, 40))
    for at_once in (100_000, 7):
        monkeypatch.setattr(_context, "_PAIRS_AT_ONCE", at_once)
        found = uploaded.pair_similarities(first, second)
        assert is_array(found, np.float32, (6, 40))
        assert (found == matrix[first, second]).all()
        assert (uploaded.pair_similarities(first[:, :1], second) == matrix[first[:, :1], second]).all()
        assert (uploaded.pair_similarities(3, range(N)) == matrix[3]).all()
        assert (uploaded.pair_similarities(first[::2, ::-3], 66) == matrix[first[::2, ::-3], 66]).all()
        assert uploaded.pair_similarities(3, 5).shape == ()
        assert uploaded.pair_similarities(3, 5) == matrix[3, 5]
        assert uploaded.pair_similarities([], []).shape == (0,)
        assert uploaded.pair_similarities(np.empty((4, 0), int), [[1]] * 4).shape == (4, 0)


def test_sequences(uploaded, reference):
    sequence = uploaded.diversity_sequence(66)
    assert is_array(sequence, np.uint32, (N,))
    assert sequence.tolist() == reference.sequence(66)
    assert uploaded.diversity_sequence(np.int64(5), 10).tolist() == reference.sequence(5, 10)
    assert uploaded.diversity_sequences().tolist() == reference.sequences()
    assert uploaded.diversity_sequences(length=1).tolist() == [[start] for start in range(N)]
    for starts in ([0, 5, 5, 66], (3,), range(9, 0, -2), np.array([1, 64]), np.arange(20)[::4]):
        some = uploaded.diversity_sequences(starts, 20)
        assert is_array(some, np.uint32, (len(starts), 20))
        assert some.tolist() == reference.sequences(starts, 20)
    assert uploaded.diversity_sequences([], 20).shape == (0, 20)


def test_orders(uploaded, reference):
    for order, lambda_ in itertools.product(("away", "toward"), (0, 0.3, 0.5, 1, 0.123456789)):
        found = uploaded.diversity_sequences(order=order, lambda_=lambda_)
        assert found.tolist() == reference.sequences(order=order, lambda_=lambda_)
        assert uploaded.diversity_sequence(5, 10, order, lambda_).tolist() == found[5, :10].tolist()
        if lambda_ == 0.5:
            assert (uploaded.diversity_sequences(order=order) == found).all()
        if (order, lambda_) == ("toward", 1):
            assert (found[:, 1:] == uploaded.nearest_neighbors(N - 1).ids).all()


def test_neighbors(uploaded, reference):
    for k in (1, 5, N - 1):
        ids, similarities = reference.neighbors(k)
        found = uploaded.nearest_neighbors(k)
        assert is_array(found.ids, np.uint32, (N, k))
        assert is_array(found.similarities, np.float32, (N, k))
        assert (found.ids == ids).all()
        assert (found.similarities == similarities).all()
    some = uploaded.nearest_neighbors(5, first=60)
    assert (some.ids == reference.neighbors(5)[0][60:]).all()
    some = uploaded.nearest_neighbors(5, first=3, count=2)
    assert (some.ids == reference.neighbors(5)[0][3:5]).all()
    assert uploaded.nearest_neighbors(5, count=0).ids.shape == (0, 5)


def test_nearest(context, kind, center):
    items = 40
    context.upload(KINDS[kind][:items], center)
    queries = KINDS[kind][items:]
    reference = Reference(KINDS[kind], center, of=items)
    for k in (1, items):
        ids, similarities = reference.nearest(k, items)
        found = context.nearest(queries, k)
        assert is_array(found.ids, np.uint32, (N - items, k))
        assert is_array(found.similarities, np.float32, (N - items, k))
        assert (found.ids == ids).all() and (found.similarities == similarities).all()
    with pytest.raises(vulkan_compute.InvalidArgumentError, match="have 9 dimensions"):
        context.nearest(queries[:, 1:], 3)
    with pytest.raises(vulkan_compute.InvalidLengthError, match="1 to 40"):
        context.nearest(queries, 41)


def test_many_batches(context, psalms):
    """With more starts, and items, than a call of the library is given."""
    context.upload(psalms[:700], center=True)
    reference = Reference(psalms[:700], center=True)
    batches = []
    call = context._call

    def note(function, *parameters):
        if function in ("vkc_compute_diversity_sequences_with", "vkc_compute_nearest_neighbors_of"):
            batches.append(function)
        call(function, *parameters)

    context._call = note
    context._recommended = lambda function, *parameters: 99
    assert context.diversity_sequences(length=30).tolist() == reference.sequences(length=30)
    found = context.nearest_neighbors(7)
    assert (found.ids == reference.neighbors(7)[0]).all()
    assert (found.similarities == reference.neighbors(7)[1]).all()
    assert len(batches) == 2 * 8
    del context._call, context._recommended  # they refer to the context in a circle


def test_the_plan_is_the_memory_of_the_work(context):
    for work in ("upload", "similarity", "diversity", "neighbors"):
        plan = context.plan_memory(N, D, work)
        assert plan.fits is True
        assert plan.device_bytes >= plan.embeddings_bytes + plan.matrix_bytes > 0
        assert (plan.walks_at_once > 0) == (work == "diversity")
    few = context.plan_memory(100_000, 768, "neighbors", count=1, length=10)
    assert 0 < few.device_bytes < context.plan_memory(100_000, 768, "diversity").device_bytes
    assert context.plan_memory(2**31, D).fits is False
    assert few.way == "rows" and few.seconds > 0
    upload = context.plan_memory(N, D, "upload")
    assert (upload.way, upload.seconds) == ("none", 0)
    walk = context.plan_memory(30_000, 512, count=1, length=10)
    assert (walk.way, walk.matrix_bytes) == ("filter", 0)
