"""Contexts: what computes."""

from __future__ import annotations

import ctypes
import numbers
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, NoReturn, Protocol

import numpy as np
import numpy.typing as npt

from . import _arguments as arguments
from . import _declarations as declarations
from . import _devices, errors
from ._library import check, load


# As many as the library's header advises.
_PAIRS_AT_ONCE = 100_000


class Progress(Protocol):
    """What shows progress: `tqdm.tqdm`, `rich.progress.track`, or any function like them."""

    def __call__(self, finished: Iterator[int], /, *, total: int) -> Iterable[object]: ...


class Neighbors(NamedTuple):
    """Nearest neighbours, a row for each item.

    Attributes
    ----------
    ids : (count, k) array of uint32
        The most similar first.
    similarities : (count, k) array of float32
        Their cosine similarities.
    """

    ids: npt.NDArray[np.uint32]
    similarities: npt.NDArray[np.float32]


@dataclass(frozen=True)
class EmbeddingsInfo:
    """What is uploaded.

    Attributes
    ----------
    num_embeddings : int
        n; 0 before the first upload.
    embedding_dim : int
        d.
    centered : bool
        Whether the mean embedding was subtracted.
    weighted : bool
        Whether norms differ so much (by 1e-5, relative) that they count in the centroids.
    """

    num_embeddings: int
    embedding_dim: int
    centered: bool
    weighted: bool


@dataclass(frozen=True)
class MemoryPlan:
    """What memory some work takes, in bytes, and about how long.

    Attributes
    ----------
    fits : bool
        Whether both peaks are within what is available.
    shared_memory : bool
        Whether the device's memory is the host's (CPUs, integrated GPUs); host_bytes then counts
        both.
    walks_at_once : int
        Sequences under way together.
    device_bytes, host_bytes : int
        The most memory at any moment; embeddings and results, which are the caller's, not counted.
    available_device_bytes, available_host_bytes : int
        Now.
    embeddings_bytes, matrix_bytes, work_bytes : int
        Parts of device_bytes.
    way : str
        "matrix", "rows" (of the similarity matrix, as they are needed) or "filter" (without that
        matrix); "none" of an upload.
    seconds : float
        About how long walks or neighbours will be computed, an estimate from rates of an H100 or
        of two cores of a CPU; without the upload. 0 of other work.
    """

    fits: bool
    shared_memory: bool
    walks_at_once: int
    device_bytes: int
    host_bytes: int
    available_device_bytes: int
    available_host_bytes: int
    embeddings_bytes: int
    matrix_bytes: int
    work_bytes: int
    way: str
    seconds: float


class _Listener:
    """Passes on what the library tells of a call."""

    def __init__(self, function: Callable[[str, int, int], object] | None) -> None:
        self._function = function
        # An exception cannot pass through the library: it is kept until the call has ended.
        self.raised: BaseException | None = None
        self.callback = declarations.ProgressFunction(self._hear) if function else _NOBODY

    def _hear(self, phase: int, done: int, total: int, _user: object) -> int:
        try:
            assert self._function is not None
            names = {each.value: each.name.lower() for each in declarations.Phase}
            return int(self._function(names.get(phase, "other"), done, total) is False)
        except BaseException as problem:  # an interrupt, too
            self.raised = problem
            return 1

    def take_raised(self) -> BaseException | None:
        raised, self.raised = self.raised, None
        return raised


_NOBODY = declarations.ProgressFunction(0)


class _Handle:
    """Owns a context of the library, and destroys it when nothing refers to it any more.

    A call that is under way refers to it: so a context that one thread closes while another computes
    with it is destroyed when that call has ended. Methods must not keep it in a variable, which a
    traceback would keep alive.
    """

    # What ctypes passes where a handle is an argument. None where an interrupt came before all else.
    _as_parameter_: ctypes.c_void_p | None = None
    # What the library calls as long as the context is there.
    listener: object = None

    def __init__(self, library: ctypes.CDLL) -> None:
        self._destroy = library.vkc_destroy
        self._process = os.getpid()
        # The library fills it, so that there is no moment at which an exception could lose what it
        # made.
        self._as_parameter_ = ctypes.c_void_p()

    def created_in(self, process: int) -> bool:
        return self._process == process

    def address(self) -> object:
        assert self._as_parameter_ is not None
        return ctypes.byref(self._as_parameter_)

    def __del__(self) -> None:
        # The driver's state does not survive a fork: the parent's contexts are left alone.
        if self._as_parameter_ and self._process == os.getpid():
            self._destroy(self._as_parameter_)


def _sequence_options(order: str, lambda_: float | None) -> declarations.SequenceOptions:
    orders = {each.name.lower(): each for each in declarations.Order}
    if order not in orders:
        raise errors.InvalidArgumentError(
            f"order must be one of {', '.join(orders)}, but is {order!r:.60}"
        )
    options = declarations.SequenceOptions(order=orders[order])
    if order == "centroid":
        if lambda_ is not None:
            raise errors.InvalidArgumentError("lambda_ goes with orders other than centroid")
        return options
    if lambda_ is None:
        lambda_ = 0.5
    # Before it is rounded to the library's float32, which could bring it within.
    if not isinstance(lambda_, numbers.Real):
        raise TypeError(f"lambda_ must be a number, but is {lambda_!r:.60}")
    if not 0 <= lambda_ <= 1:
        raise errors.InvalidArgumentError(f"lambda_ must be from 0 to 1, but is {lambda_!r:.60}")
    # As an attribute the word is Python's own.
    setattr(options, "lambda", lambda_)
    return options


def _device_option(device: int | str | None) -> bytes | None:
    if device is None or isinstance(device, str):
        if device and "\0" in device:
            raise ValueError("device holds a null character, which no device's name does")
        return None if device is None else device.encode()
    return b"%d" % arguments.uint32(device, "device, as an index,", errors.NoSuchDeviceError)


class Context:
    """A device, what has been uploaded to it and what was computed from that.

    Used as ``with Context() as context:``, it frees all that it holds on the device at the end of
    the block; else `close` does, or the collector.

    Contexts are independent: one for each thread needs no locks, and a call lets other threads of
    Python run. Of two calls on one context at the same time the later one raises
    `ContextBusyError`. A failed call leaves the context as it was. After a fork the child must make
    contexts of its own.

    Parameters
    ----------
    device
        Index in the list of devices, UUID, PCI address or part of a device's name, any case. By default the
        environment variable VKC_DEVICE, read the same way; where that is not set, the first usable
        discrete GPU, else integrated GPU, else virtual GPU, else CPU.
    validation
        Whether to load the Khronos validation layer, to look for defects of this library.

    Raises
    ------
    LibraryError
        libvulkan_compute was not found; the message lists where it was looked for.
    NoVulkanLoaderError, NoVulkanDriverError, NoSuchDeviceError, DeviceUnsuitableError
    NoValidationLayerError, OutOfHostMemoryError, OutOfDeviceMemoryError
    """

    def __init__(self, device: int | str | None = None, *, validation: bool = False) -> None:
        self._library = load()
        self._handle: _Handle | None = None
        self._uploads = 0
        self._listener = _Listener(None)
        options = declarations.Options(device=_device_option(device), validation=int(validation))
        handle = _Handle(self._library)
        check(self._library, self._library.vkc_create(ctypes.byref(options), handle.address()))
        self._handle = handle

    def __enter__(self) -> Context:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a context cannot be copied or pickled: it belongs to its process and device")

    def close(self) -> None:
        """Frees the context and all that it holds on the device, at once.

        Where another thread is in a call on it, that call goes on, and the context is freed at its
        end. Closing again does nothing; any other use raises `ContextClosedError`.
        """
        self._handle = None

    def _open(self) -> _Handle:
        if self._handle is None:
            raise errors.ContextClosedError("this context was closed: make a new one")
        if not self._handle.created_in(os.getpid()):
            raise errors.ContextClosedError(
                "this context belongs to the process that this one was forked from: make another"
                " here, or start processes with multiprocessing's spawn"
            )
        return self._handle

    def _call(self, function: str, *parameters: object) -> None:
        listener = self._listener
        result = getattr(self._library, function)(self._open(), *parameters)
        raised = listener.take_raised()
        if raised is not None:
            raise raised
        check(self._library, result)

    def set_progress(self, listener: Callable[[str, int, int], object] | None) -> None:
        """Sets what is told how far a call on this context is, while it computes.

        Parameters
        ----------
        listener
            Called as ``listener(phase, done, total)`` several times a second, and at the beginning
            and the end of each phase. phase is "upload" (preparing and uploading embeddings or
            queries), "matrix" (building the similarity matrix that stays on the device),
            "similarities", "walks" or "neighbors"; units of done and total are the phase's own.
            Phases may come within others: walks that build the matrix tell of that, too. Where it returns
            False, and nothing else that is false, the call stops and raises `StoppedError`. What is
            uploaded stays, and of the matrix what is done: the next call that needs it goes on
            there. An exception in it, Ctrl-C's KeyboardInterrupt for one, stops the call, too, and
            comes out of it unchanged. Other calls on the context are refused meanwhile. None: nothing
            is told, as at first.
        """
        if listener is not None and not callable(listener):
            raise TypeError(f"listener must be a function or None, but is {listener!r:.60}")
        hearing = _Listener(listener)
        self._call("vkc_set_progress", hearing.callback, None)
        # Kept for as long as the library may call it; what it replaces is called no more.
        self._listener = self._open().listener = hearing

    def device_info(self) -> _devices.Device:
        """Describes the context's device."""
        info = declarations.DeviceInfo()
        self._call("vkc_get_device_info", ctypes.byref(info))
        return _devices.describe(info)

    def plan_memory(
        self,
        n: int,
        d: int,
        work: str = "diversity",
        *,
        count: int | None = None,
        length: int | None = None,
    ) -> MemoryPlan:
        """Tells what memory, and about what time, some work with embeddings takes.

        Allocates nothing and needs no upload. The context is taken to be empty: what it holds by
        now counts as not available.

        Parameters
        ----------
        n, d
            Number and dimension of the embeddings.
        work
            "upload" (nothing more), "similarity", "diversity" or "neighbors".
        count
            Rows, starts or items of the largest single call of the library; n by default.
        length
            Ids of each sequence, n by default; or neighbours of each item, n - 1 by default.

        Raises
        ------
        InvalidArgumentError, EmptyEmbeddingsError, ItemOutOfRangeError, InvalidLengthError
        """
        works = {each.name.lower(): each for each in declarations.Work}
        if work not in works:
            raise errors.InvalidArgumentError(
                f"work must be one of {', '.join(works)}, but is {work!r:.60}"
            )
        request = declarations.PlanRequest(
            work=works[work],
            num_embeddings=arguments.uint32(n, "n", ValueError),
            embedding_dim=arguments.uint32(d, "d", ValueError),
        )
        # To the library 0 stands for the default.
        for name, value, error in (
            ("count", count, errors.InvalidArgumentError),
            ("length", length, errors.InvalidLengthError),
        ):
            if value is not None:
                if arguments.uint32(value, name, error) == 0:
                    raise error(f"{name} must be 1 or more")
                setattr(request, name, value)
        plan = declarations.MemoryPlan()
        self._call("vkc_plan_memory", ctypes.byref(request), ctypes.byref(plan))
        names = MemoryPlan.__dataclass_fields__
        found = {name: getattr(plan, name) for name in names}
        found["fits"], found["shared_memory"] = plan.fits == 1, plan.shared_memory == 1
        found["way"] = declarations.Way(plan.way).name.lower()
        return MemoryPlan(**found)

    # ---- Embeddings ------------------------------------------------------------------------------

    def upload(self, embeddings: npt.ArrayLike, center: bool = False) -> None:
        """Uploads embeddings, in place of those uploaded before; on an error these stay.

        Parameters
        ----------
        embeddings : (n, d) array_like
            An array of float32 in C order is read in place. Anything else that NumPy makes an array
            of real numbers of (other dtypes and orders, lists, tensors on the CPU, DataFrames) is
            converted, which takes 4 n d bytes for as long as the call lasts. Nothing is kept or
            changed. An item's id is its row, from 0. A row of zeros is taken: its cosine to all
            others is 0.
        center
            Whether to subtract the mean embedding first.

        Raises
        ------
        TypeError, ValueError
            What is not numbers in n rows of d, or more than float32 can hold.
        EmptyEmbeddingsError, NotFiniteError, InvalidArgumentError (d above 65,536)
        DoesNotFitError, OutOfHostMemoryError, OutOfDeviceMemoryError, DeviceLostError
        """
        if not isinstance(center, (bool, np.bool_)):
            raise TypeError(f"center must be True or False, but is {center!r:.60}")
        array = arguments.embeddings(embeddings)
        options = declarations.UploadOptions(center=int(center))
        self._call(
            "vkc_upload_embeddings_with", array.ctypes.data, *array.shape, ctypes.byref(options)
        )
        self._uploads += 1

    def embeddings_info(self) -> EmbeddingsInfo:
        """Describes what is uploaded."""
        info = declarations.EmbeddingsInfo()
        self._call("vkc_get_embeddings_info", ctypes.byref(info))
        return EmbeddingsInfo(
            num_embeddings=info.num_embeddings,
            embedding_dim=info.embedding_dim,
            centered=info.centered == 1,
            weighted=info.weighted == 1,
        )

    def _n(self) -> int:
        return self.embeddings_info().num_embeddings

    # ---- Similarity ------------------------------------------------------------------------------

    def similarity_matrix(self) -> npt.NDArray[np.float32]:
        """Computes the cosine similarity of every embedding to every other.

        Returns
        -------
        (n, n) array of float32
            Symmetric, with a diagonal of exactly 1 (0 for a zero row).

        Raises
        ------
        NoEmbeddingsError, DoesNotFitError, OutOfHostMemoryError, OutOfDeviceMemoryError
        DeviceLostError
        MemoryError
            There is no room for the result, 4 n^2 bytes: see `similarity_rows`.
        """
        n = self._n()
        matrix = np.empty((n, n), np.float32)
        self._call("vkc_compute_similarity_matrix", matrix.ctypes.data)
        return matrix

    def similarity_rows(self, first: int, count: int) -> npt.NDArray[np.float32]:
        """Computes rows first to first + count - 1 of the similarity matrix.

        Returns
        -------
        (count, n) array of float32

        Raises
        ------
        ItemOutOfRangeError
            Rows that are not there.
        Others as `similarity_matrix`.
        """
        first = arguments.uint32(first, "first", errors.ItemOutOfRangeError)
        count = arguments.uint32(count, "count", errors.ItemOutOfRangeError)
        n = self._n()
        # Rows that are not there get no memory: the library refuses them before it writes.
        rows = np.empty((count if first + count <= n else 0, n), np.float32)
        self._call("vkc_compute_similarity_rows", first, count, rows.ctypes.data)
        return rows

    def pair_similarities(
        self, first_ids: npt.ArrayLike, second_ids: npt.ArrayLike
    ) -> npt.NDArray[np.float32]:
        """Computes the cosine similarities of arbitrary pairs of items, without their rows.

        Parameters
        ----------
        first_ids, second_ids : array_like of int
            Ids, of shapes that NumPy broadcasts: ``pair_similarities(walks[:, :1], walks[:, 1:])``
            is how similar the first of each walk is to each of the others.

        Returns
        -------
        array of float32
            Of the shape of both, as in the similarity matrix.

        Raises
        ------
        ItemOutOfRangeError, NoEmbeddingsError
        OutOfHostMemoryError, OutOfDeviceMemoryError, DeviceLostError
        """
        first, second = (
            np.asarray(ids, order="C")
            for ids in np.broadcast_arrays(
                arguments.ids(first_ids, "first_ids"), arguments.ids(second_ids, "second_ids")
            )
        )
        similarities = np.empty(first.shape, np.float32)
        # In pieces, between which Ctrl-C stops it; one even where there is nothing to compute, so
        # that the library can refuse.
        for done in range(0, max(first.size, 1), _PAIRS_AT_ONCE):
            self._call(
                "vkc_compute_pair_similarities",
                first.ctypes.data + done * first.itemsize,
                second.ctypes.data + done * second.itemsize,
                min(_PAIRS_AT_ONCE, first.size - done),
                similarities.ctypes.data + done * similarities.itemsize,
            )
        return similarities

    # ---- Batches ---------------------------------------------------------------------------------

    def _recommended(self, function: str, *parameters: object) -> int:
        count = ctypes.c_uint32()
        self._call(function, *parameters, ctypes.byref(count))
        return count.value

    def _in_batches(
        self, total: int, compute: Callable[[int, int], int], progress: Progress | None
    ) -> int:
        """Computes total results in batches, and shows progress.

        compute(done, left) computes the next ones, at most left, and returns how many. Returns how
        many there are in the end: fewer than total where progress stopped.
        """
        done = 0
        uploads = self._uploads

        def finished() -> Iterator[int]:
            nonlocal done
            while done < total:
                if self._uploads != uploads:
                    raise RuntimeError("the embeddings that were being computed with were replaced")
                before = done
                done += compute(done, total - done)
                yield from range(before + 1, done + 1)

        for _ in finished() if progress is None else progress(finished(), total=total):
            pass
        return done

    # ---- Diversity sequences ---------------------------------------------------------------------

    def _length(self, length: int | None) -> int:
        if length is None:
            return self._n()
        return arguments.uint32(length, "length", errors.InvalidLengthError)

    def diversity_sequence(
        self,
        start: int,
        length: int | None = None,
        order: str = "centroid",
        lambda_: float | None = None,
    ) -> npt.NDArray[np.uint32]:
        """Computes the diversity sequence from one item.

        That is the item, then again and again the one not yet chosen that an order prefers, the
        lowest id on a tie. vulkan_compute.h defines the orders.

        Parameters
        ----------
        start
            Id of the first.
        length
            How many ids, 1 to n; n by default.
        order
            "centroid", a varied tour of everything: the next one is the farthest, by cosine
            distance, from the centroid of those chosen. "away": as unlike the start as can be, and
            unlike one another. "toward": like the start, but not like one another.
        lambda_
            Of "away" and "toward", from 0 to 1, how much the start counts against the others; 0.5
            by default. With 1 it alone counts: the least similar items, or the nearest neighbours.

        Returns
        -------
        (length,) array of uint32
            Ids, each at most once, start first.

        Raises
        ------
        InvalidArgumentError
            An order that does not exist, or a lambda_ that it does not have.
        ItemOutOfRangeError, InvalidLengthError, NoEmbeddingsError
        DoesNotFitError, OutOfHostMemoryError, OutOfDeviceMemoryError, DeviceLostError
        """
        start = arguments.uint32(start, "start", errors.ItemOutOfRangeError)
        sequence: npt.NDArray[np.uint32]
        (sequence,) = self.diversity_sequences([start], length, order, lambda_)
        return sequence

    def diversity_sequences(
        self,
        starts: npt.ArrayLike | None = None,
        length: int | None = None,
        order: str = "centroid",
        lambda_: float | None = None,
        *,
        progress: Progress | None = None,
    ) -> npt.NDArray[np.uint32]:
        """Computes the diversity sequences from many items, in batches of about half a second.

        Much faster than one at a time. Ctrl-C stops it at the end of a batch.

        Parameters
        ----------
        starts : (count,) array_like of int, optional
            Ids, which may repeat; every item by default.
        length
            How many ids of each, 1 to n; n by default.
        order, lambda_
            See `diversity_sequence`.
        progress
            A function that is called as ``progress(finished, total=count)`` and gives an iterable:
            `tqdm.tqdm`, or any like it. `finished` is an iterator that computes as it goes and
            gives 1, 2, ... count, a number for each sequence that is finished. An exception raised
            there reaches the caller; where the iterable ends early, so does the computing.

        Returns
        -------
        (count, length) array of uint32
            Row i is the sequence from starts[i]. Where `progress` ended early, only the rows that
            were finished.

        Raises
        ------
        As `diversity_sequence`.
        """
        options = _sequence_options(order, lambda_)
        ids_each = self._length(length)
        # The library judges it here, before memory is taken for it.
        recommended = ("vkc_recommended_batch_with", ids_each, ctypes.byref(options))
        self._recommended(*recommended)
        ids = (
            np.arange(self._n(), dtype=np.uint32)
            if starts is None
            else arguments.ids(starts, "starts")
        )
        if ids.ndim != 1:
            raise ValueError(f"starts must be a list of ids, but have shape {ids.shape}")
        sequences = np.empty((ids.size, ids_each), np.uint32)

        def compute(done: int, left: int) -> int:
            count = min(self._recommended(*recommended), left)
            options.planned = left
            self._call(
                "vkc_compute_diversity_sequences_with",
                ids[done:].ctypes.data,
                count,
                ids_each,
                ctypes.byref(options),
                sequences[done:].ctypes.data,
            )
            return count

        return sequences[: self._in_batches(ids.size, compute, progress)]

    # ---- Nearest neighbours ----------------------------------------------------------------------

    def nearest_neighbors(
        self,
        k: int,
        first: int = 0,
        count: int | None = None,
        *,
        progress: Progress | None = None,
    ) -> Neighbors:
        """Finds for every item the k most similar others, in batches of about half a second.

        The most similar first, the lowest id first among those equally similar. The item itself is
        not among them; duplicates of it are. The order is exact: not that of the rounded
        similarities. Ctrl-C stops it at the end of a batch.

        Parameters
        ----------
        k
            1 to n - 1.
        first
            Id of the first item whose neighbours are wanted.
        count
            Of how many, from there on; all that follow by default.
        progress
            See `diversity_sequences`: it is given a number for each item that is finished.

        Returns
        -------
        Neighbors
            ``ids``, (count, k) array of uint32, and ``similarities``, (count, k) array of float32.
            Row i is that of item first + i. Where `progress` ended early, only the rows that were
            finished.

        Raises
        ------
        ItemOutOfRangeError, InvalidLengthError, NoEmbeddingsError
        DoesNotFitError, OutOfHostMemoryError, OutOfDeviceMemoryError, DeviceLostError
        """
        k = arguments.uint32(k, "k", errors.InvalidLengthError)
        first = arguments.uint32(first, "first", errors.ItemOutOfRangeError)
        n = self._n()
        if count is None:
            count = max(n - first, 0)
        count = arguments.uint32(count, "count", errors.ItemOutOfRangeError)
        # The library judges k and the range here, before memory is taken for them.
        self._recommended("vkc_recommended_neighbors_batch", k)
        if first + count > n:
            self._call("vkc_compute_nearest_neighbors_of", first, count, k, None, None)
        ids = np.empty((count, k), np.uint32)
        similarities = np.empty((count, k), np.float32)

        def compute(done: int, left: int) -> int:
            items = min(self._recommended("vkc_recommended_neighbors_batch", k), left)
            self._call(
                "vkc_compute_nearest_neighbors_of",
                first + done,
                items,
                k,
                ids[done:].ctypes.data,
                similarities[done:].ctypes.data,
            )
            return items

        finished = self._in_batches(count, compute, progress)
        return Neighbors(ids[:finished], similarities[:finished])

    def nearest(
        self, queries: npt.ArrayLike, k: int, *, progress: Progress | None = None
    ) -> Neighbors:
        """Finds the k most similar items of vectors that are not among the uploaded embeddings.

        Queries are normalised and, with the mean of the uploaded embeddings, centred as these are.
        An item that equals a query is found, too. Otherwise as `nearest_neighbors`.

        Parameters
        ----------
        queries
            (count, d) array, or what NumPy makes such an array of; one of float32 in C order is not
            copied.
        k
            1 to n.
        progress
            See `diversity_sequences`: it is given a number for each query that is finished.

        Returns
        -------
        Neighbors
            ``ids``, (count, k) array of uint32, and ``similarities``, (count, k) array of float32.
            Where `progress` ended early, only the rows that were finished.

        Raises
        ------
        InvalidArgumentError
            Queries of another dimension than the embeddings.
        NotFiniteError, InvalidLengthError, NoEmbeddingsError
        DoesNotFitError, OutOfHostMemoryError, OutOfDeviceMemoryError, DeviceLostError
        """
        k = arguments.uint32(k, "k", errors.InvalidLengthError)
        array = arguments.embeddings(queries, "queries")
        total, d = array.shape
        n = self._n()
        # The library judges k and d here, before memory is taken for results.
        self._call("vkc_find_nearest", None, 0, d, k, None, None)
        ids = np.empty((total, k), np.uint32)
        similarities = np.empty((total, k), np.float32)

        def compute(done: int, left: int) -> int:
            # What is recommended follows the speed, not k.
            most = self._recommended("vkc_recommended_neighbors_batch", 1) if n > 1 else left
            count = min(most, left)
            try:
                self._call(
                    "vkc_find_nearest",
                    array[done:].ctypes.data,
                    count,
                    d,
                    k,
                    ids[done:].ctypes.data,
                    similarities[done:].ctypes.data,
                )
            except errors.NotFiniteError as problem:
                if done == 0:
                    raise
                raise errors.NotFiniteError(
                    f"of the queries from row {done} on: {problem}"
                ) from None
            return count

        finished = self._in_batches(total, compute, progress)
        return Neighbors(ids[:finished], similarities[:finished])
