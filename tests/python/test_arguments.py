"""Whatever numbers callers have are taken, what is wrong is refused, and nothing is lost by that."""

import ctypes
import re

import numpy as np
import pytest
import vulkan_compute as vkc
from reference import Reference, kinds
from vulkan_compute import _arguments as arguments

N, D = 30, 8
DATA = kinds(N, D)["unequal norms"]


def test_float32_in_c_order_is_read_in_place(context, monkeypatch, tmp_path):
    np.save(tmp_path / "embeddings.npy", DATA)
    read_only = DATA.copy()
    read_only.flags.writeable = False
    for array in (DATA, read_only, DATA[5:20], np.load(tmp_path / "embeddings.npy", mmap_mode="r")):
        passed = []
        call = vkc.Context._call

        def note(self, function, *parameters):
            if function == "vkc_upload_embeddings_with":
                passed.append(parameters[0])
            call(self, function, *parameters)

        with monkeypatch.context() as patch:
            patch.setattr(vkc.Context, "_call", note)
            context.upload(array)
        assert passed == [array.ctypes.data]
        assert (context.similarity_matrix() == Reference(array).matrix()).all()


class HasArray:
    """As tensors and data frames do."""

    def __array__(self, dtype=None, copy=None):
        return DATA if dtype is None else DATA.astype(dtype)


def misaligned():
    buffer = bytearray(DATA.nbytes + 1)
    array = np.frombuffer(buffer, np.float32, offset=1).reshape(DATA.shape)
    array[...] = DATA
    return array


@pytest.mark.parametrize(
    "given",
    [
        DATA.tolist(),
        [tuple(row) for row in DATA],
        list(DATA),
        np.asfortranarray(DATA),
        np.repeat(DATA, 2, axis=1)[:, ::2],
        DATA[::-1][::-1],
        DATA.astype(np.float64),
        DATA.astype(np.longdouble),
        DATA.astype(">f4"),
        misaligned(),
        HasArray(),
    ],
    ids=lambda given: type(given).__name__,
)
def test_what_holds_the_same_numbers_gives_the_same(context, given):
    context.upload(given)
    assert (context.similarity_matrix() == Reference(DATA).matrix()).all()


@pytest.mark.parametrize("dtype", [np.float16, np.int8, np.uint8, np.int64, np.uint64])
def test_other_dtypes_are_converted(context, dtype):
    numbers = (DATA * 100).astype(dtype)
    before = numbers.copy()
    context.upload(numbers)
    assert (context.similarity_matrix() == Reference(numbers.astype(np.float32)).matrix()).all()
    assert (numbers == before).all()


def column_of_a_table():
    """As pandas has it."""
    column = np.empty(N, object)
    column[:] = list(DATA)
    return column


REFUSED = [
    ("hello", TypeError, "array of real numbers"),
    (None, TypeError, "array of real numbers"),
    ({1: 2}, TypeError, "array of real numbers"),
    ([["a", "b"]], TypeError, "array of real numbers"),
    (DATA > 0, TypeError, "dtype bool"),
    (DATA * 1j, TypeError, "dtype complex"),
    (DATA.astype(object), TypeError, "give numpy.asarray(embeddings, 'float32'), if all"),
    (column_of_a_table(), TypeError, "give numpy.stack(embeddings), if each"),
    ("embeddings.npy", TypeError, "numpy.load(name) of a file"),
    (["one text", "another"], TypeError, "Give what a model makes of it"),
    (np.ma.masked_less(DATA, 0), TypeError, "masked"),
    ([[1, 2], [3]], ValueError, "n rows of d numbers each"),
    ([1.0, 2.0], ValueError, "embeddings[None]"),
    (5.0, ValueError, "two dimensions"),
    (np.zeros((2, 3, 4)), ValueError, "embeddings.reshape(-1, d)"),
    (np.array([[0, 1], [0, -1e39]]), ValueError, "row 1, column 1, is -1e+39"),
    ([], vkc.EmptyEmbeddingsError, "no embeddings"),
    (np.zeros((0, 3)), vkc.EmptyEmbeddingsError, "num_embeddings is 0"),
    (np.zeros((3, 0)), vkc.EmptyEmbeddingsError, "embedding_dim is 0"),
    ([[1, 2], [3, np.nan]], vkc.NotFiniteError, "row 1"),
    ([[1, np.inf], [3, 4]], vkc.NotFiniteError, "row 0"),
    (np.ones((1, 65537), np.float32), vkc.InvalidArgumentError, "65536"),
    (np.broadcast_to(np.float32(1), (2**32, 1)), ValueError, "number of embeddings"),
    (np.broadcast_to(np.float32(1), (1, 2**32)), ValueError, "dimension"),
]


@pytest.mark.parametrize("given, error, words", REFUSED, ids=[words for _, _, words in REFUSED])
def test_what_is_no_embeddings_is_refused_and_leaves_the_earlier_ones(context, given, error, words):
    context.upload(DATA)
    with pytest.raises(error, match=re.escape(words)):
        context.upload(given)
    assert (context.similarity_matrix() == Reference(DATA).matrix()).all()


@pytest.mark.parametrize("number", [-1, 2**32, -(2**40), 2**70])
def test_numbers_are_not_cut_off(context, number):
    context.upload(DATA)
    out_of_range = vkc.ItemOutOfRangeError
    for error, call in (
        (out_of_range, lambda: context.diversity_sequence(number)),
        (out_of_range, lambda: context.diversity_sequences([0, number])),
        (vkc.InvalidLengthError, lambda: context.diversity_sequence(0, number)),
        (vkc.InvalidLengthError, lambda: context.nearest_neighbors(number)),
        (out_of_range, lambda: context.nearest_neighbors(1, first=number)),
        (out_of_range, lambda: context.nearest_neighbors(1, count=number)),
        (out_of_range, lambda: context.pair_similarities(0, [[1], [number]])),
        (out_of_range, lambda: context.similarity_rows(number, 1)),
        (out_of_range, lambda: context.similarity_rows(0, number)),
        (ValueError, lambda: context.plan_memory(number, D)),
        (ValueError, lambda: context.plan_memory(N, number)),
        (vkc.InvalidArgumentError, lambda: context.plan_memory(N, D, count=number)),
        (vkc.InvalidLengthError, lambda: context.plan_memory(N, D, length=number)),
        (vkc.NoSuchDeviceError, lambda: vkc.Context(number)),
    ):
        with pytest.raises((error, TypeError)) as caught:
            call()
        # NumPy has no integers of such a size: they are objects.
        assert caught.type is not TypeError or number == 2**70


@pytest.mark.parametrize(
    "error, call",
    [
        (TypeError, lambda context: context.diversity_sequence("1")),
        (TypeError, lambda context: context.diversity_sequence(1.0)),
        (TypeError, lambda context: context.diversity_sequences([0.0])),
        (TypeError, lambda context: context.diversity_sequences([True, False])),
        (TypeError, lambda context: context.nearest_neighbors("3")),
        (ValueError, lambda context: context.diversity_sequences([[0, 1]])),
        (ValueError, lambda context: context.diversity_sequences(0)),
        (vkc.ItemOutOfRangeError, lambda context: context.diversity_sequence(N)),
        (vkc.ItemOutOfRangeError, lambda context: context.pair_similarities([0, N], 0)),
        (ValueError, lambda context: context.pair_similarities([0, 1], [0, 1, 2])),
        (TypeError, lambda context: context.pair_similarities(0.0, 1)),
        (vkc.ItemOutOfRangeError, lambda context: context.similarity_rows(N - 1, 2)),
        (vkc.ItemOutOfRangeError, lambda context: context.similarity_rows(2**32 - 1, 2**32 - 1)),
        (vkc.ItemOutOfRangeError, lambda context: context.nearest_neighbors(1, first=N + 1)),
        (vkc.ItemOutOfRangeError, lambda context: context.nearest_neighbors(1, count=N + 1)),
        (vkc.InvalidLengthError, lambda context: context.diversity_sequence(0, 0)),
        (vkc.InvalidLengthError, lambda context: context.diversity_sequence(0, N + 1)),
        (vkc.InvalidLengthError, lambda context: context.nearest_neighbors(0)),
        (vkc.InvalidLengthError, lambda context: context.nearest_neighbors(N)),
        (vkc.InvalidLengthError, lambda context: context.plan_memory(N, D, length=0)),
        (vkc.InvalidArgumentError, lambda context: context.plan_memory(N, D, count=0)),
        (vkc.InvalidArgumentError, lambda context: context.plan_memory(N, D, "all")),
        (vkc.EmptyEmbeddingsError, lambda context: context.plan_memory(0, D)),
        (vkc.InvalidArgumentError, lambda context: context.diversity_sequence(0, order="nearest")),
        (vkc.InvalidArgumentError, lambda context: context.diversity_sequence(0, lambda_=0.0)),
        (vkc.InvalidArgumentError, lambda context: context.diversity_sequence(0, 5, "centroid", 0.5)),
        (vkc.InvalidArgumentError, lambda context: context.diversity_sequence(0, 5, "away", -0.1)),
        (vkc.InvalidArgumentError, lambda context: context.diversity_sequence(0, 5, "away", 1 + 1e-12)),
        (vkc.InvalidArgumentError, lambda context: context.diversity_sequence(0, 5, "toward", np.nan)),
        (TypeError, lambda context: context.diversity_sequence(0, 5, "toward", "0.5")),
        (vkc.NoSuchDeviceError, lambda context: vkc.Context("no such device")),
        (vkc.NoSuchDeviceError, lambda context: vkc.Context(77)),
        (ValueError, lambda context: vkc.Context("llvm\0pipe")),
        (TypeError, lambda context: vkc.Context(1.5)),
    ],
)
def test_wrong_arguments_are_refused(context, error, call):
    context.upload(DATA)
    with pytest.raises(error):
        call(context)
    assert context.diversity_sequence(3).tolist() == Reference(DATA).sequence(3)


def test_a_lambda_that_is_no_number_is_named(context):
    context.upload(DATA)
    for lambda_ in ("0.5", [0.5], 1j):
        with pytest.raises(TypeError, match="^lambda_ must be a number, but is "):
            context.diversity_sequence(0, order="away", lambda_=lambda_)
    expected = context.diversity_sequence(0, order="away", lambda_=0.5)
    for lambda_ in (np.float32(0.5), np.float64(0.5)):
        found = context.diversity_sequence(0, order="away", lambda_=lambda_)
        assert found.tolist() == expected.tolist()


def test_what_refusals_say_to_do(context):
    context.upload(np.stack(column_of_a_table()))
    assert (context.similarity_matrix() == Reference(DATA).matrix()).all()
    context.upload(np.asarray(DATA.astype(object), "float32"))
    assert (context.similarity_matrix() == Reference(DATA).matrix()).all()

    query = DATA[3]
    with pytest.raises(ValueError, match=re.escape("give queries[None], if it is one embedding")):
        context.nearest(query, 1)
    assert context.nearest(query[None], 1).ids.tolist() == [[3]]

    mask = np.arange(N) % 7 == 0
    with pytest.raises(TypeError, match=re.escape("give numpy.flatnonzero(starts)")):
        context.diversity_sequences(mask, 1)
    assert context.diversity_sequences(np.flatnonzero(mask), 1)[:, 0].tolist() == list(range(0, N, 7))


def test_center_is_yes_or_no(context):
    for center in ("yes", "no", 2, None, [True]):
        with pytest.raises(TypeError, match="center must be True or False"):
            context.upload(DATA, center=center)
    context.upload(DATA, center=np.True_)
    assert context.embeddings_info().centered


def test_computing_needs_embeddings(context):
    for call in (
        context.similarity_matrix,
        lambda: context.similarity_rows(0, 0),
        lambda: context.pair_similarities([], []),
        lambda: context.diversity_sequence(0),
        context.diversity_sequences,
        lambda: context.nearest_neighbors(1),
    ):
        with pytest.raises(vkc.NoEmbeddingsError):
            call()


def test_devices_are_chosen_by_index_and_by_name():
    listed = vkc.list_devices()
    assert [device.index for device in listed] == list(range(len(listed)))
    cpu = next(device for device in listed if device.type == "CPU")
    assert cpu.usable and cpu.missing == "" and cpu.memory_bytes > 0
    assert re.fullmatch(r"1\.\d+\.\d+", cpu.vulkan_version)
    for device in (cpu.index, np.uint8(cpu.index), "LLVMpipe"):
        with vkc.Context(device) as context:
            assert context.device_info() == cpu


def test_ids_are_not_copied_where_they_fit():
    ids = np.arange(5, dtype=np.uint32)
    assert arguments.ids(ids, "starts") is ids


def test_every_result_code_has_its_exception():
    for code in vkc.Result:
        if code != vkc.Result.SUCCESS:
            error = vkc.errors.of_result(code, "words")
            assert type(error) is not vkc.Error and isinstance(error, vkc.Error)
            assert getattr(vkc, type(error).__name__) is type(error)
            assert error.code is code and str(error) == "words"
    newer = vkc.errors.of_result(-1000, "words")
    assert type(newer) is vkc.Error and newer.code == -1000


def test_messages_are_those_of_the_library(context):
    with pytest.raises(vkc.NoEmbeddingsError) as caught:
        context.similarity_matrix()
    library = context._library
    assert str(caught.value) == library.vkc_last_error().decode()
    assert isinstance(ctypes.c_int(caught.value.code).value, int) and caught.value.code == -7
