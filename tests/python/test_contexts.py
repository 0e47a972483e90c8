"""Contexts and threads, and what becomes of contexts: closed, forgotten, forked, left open."""

import copy
import gc
import os
import pickle
import subprocess
import sys
import threading
import weakref

import pytest
import vulkan_compute as vkc
from conftest import ROOT
from reference import Reference, kinds

DATA = kinds(40, 8)["unequal norms"]


def run(script):
    """Runs a program of Python in a process of its own: its output."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'python'}:{ROOT / 'tests' / 'python'}"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def handle_of(context):
    return weakref.ref(context._handle)


def test_the_block_closes_it():
    with vkc.Context() as context:
        handle = handle_of(context)
        context.upload(DATA)
    assert handle() is None
    context.close()
    for call in (
        lambda: context.upload(DATA),
        context.embeddings_info,
        context.device_info,
        lambda: context.plan_memory(5, 5),
        lambda: context.diversity_sequence(0),
    ):
        with pytest.raises(vkc.ContextClosedError, match="closed"):
            call()


def test_it_is_freed_though_an_exception_remembers_the_call():
    with pytest.raises(vkc.NoEmbeddingsError) as caught:
        with vkc.Context() as context:
            handle = handle_of(context)
            context.diversity_sequence(0)
    assert handle() is None
    assert caught.value.__traceback__ is not None


def test_a_context_that_is_forgotten_is_freed():
    context = vkc.Context()
    handle = handle_of(context)
    context.upload(DATA)
    matrix = context.similarity_matrix()
    del context
    assert handle() is None
    assert (matrix == Reference(DATA).matrix()).all()


def test_one_in_a_circle_is_freed_by_the_collector():
    context = vkc.Context()
    context.itself = context
    handle = handle_of(context)
    del context
    gc.collect()
    assert handle() is None


def test_one_that_failed_to_be_made_leaves_nothing():
    with pytest.raises(vkc.NoSuchDeviceError):
        vkc.Context("no such device")
    gc.collect()
    assert not [each for each in gc.get_objects() if isinstance(each, vkc.Context)]


def test_it_cannot_be_copied_but_errors_can(context):
    for move in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="belongs to its process"):
            move(context)
    error = pickle.loads(pickle.dumps(vkc.errors.of_result(-4, "words")))
    assert type(error) is vkc.NotFiniteError and str(error) == "words"


def in_thread(function):
    """Starts a thread; gives a function that waits for its end, and returns or raises what came."""
    outcome = []

    def body():
        try:
            outcome.append((function(), None))
        except BaseException as problem:
            outcome.append((None, problem))

    thread = threading.Thread(target=body)
    thread.start()

    def result():
        thread.join()
        value, problem = outcome[0]
        if problem:
            raise problem
        return value

    return result


def test_two_threads_with_a_context_each():
    together = threading.Barrier(2)

    def work(name):
        embeddings = kinds(150, 8)[name]
        results = []
        with vkc.Context() as context:
            for _ in range(5):
                together.wait()
                context.upload(embeddings)
                results.append(
                    (context.diversity_sequences(length=20), context.nearest_neighbors(5).ids)
                )
        expected = Reference(embeddings)
        for sequences, ids in results:
            assert sequences.tolist() == expected.sequences(length=20)
            assert (ids == expected.neighbors(5)[0]).all()
        return len(results)

    first = in_thread(lambda: work("unequal norms"))
    second = in_thread(lambda: work("duplicates"))
    assert first() == second() == 5


def test_other_threads_run_during_a_call(psalms):
    """Both of two threads are in a call of the library at the same time."""
    ticks = 0
    stop = threading.Event()

    def tick():
        nonlocal ticks
        while not stop.is_set():
            ticks += 1

    with vkc.Context() as context:
        context.upload(psalms)
        ticker = in_thread(tick)
        before = ticks
        context.similarity_matrix()
        during = ticks - before
        stop.set()
        ticker()
    # While a call holds the interpreter, none at all are possible.
    assert during > 1000


def busy(context):
    """Waits until another thread is in a call on the context."""
    for _ in range(100_000):
        try:
            context.device_info()
        except vkc.ContextBusyError:
            return
    raise AssertionError("no call was under way")


def test_a_context_is_for_one_thread_at_a_time(psalms):
    with vkc.Context() as context:
        context.upload(psalms)
        matrix = in_thread(context.similarity_matrix)
        busy(context)
        assert matrix().shape == (len(psalms), len(psalms))


def test_closing_beside_a_call_lets_it_end(psalms):
    context = vkc.Context()
    context.upload(psalms)
    handle = handle_of(context)
    matrix = in_thread(context.similarity_matrix)
    busy(context)
    context.close()
    assert handle() is not None
    found = matrix()
    assert (found.diagonal() == 1).all() and (found == found.T).all()
    assert handle() is None


def test_a_forked_process_leaves_its_parents_contexts_alone():
    assert run(
        """if True:
        import gc, os, sys, warnings, vulkan_compute as vkc
        from reference import kinds
        data = kinds(40, 8)["unequal norms"]
        context = vkc.Context()
        context.upload(data)
        before = context.diversity_sequence(3)
        # Newer Pythons warn of the threads of the driver.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
        if child == 0:
            try:
                context.diversity_sequence(3)
            except vkc.ContextClosedError as problem:
                assert "forked" in str(problem)
                del context
                gc.collect()
                sys.exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert (context.diversity_sequence(3) == before).all()
        print("done")
    """
    ) == "done\n"


@pytest.mark.parametrize("left", ["context", "None", "[context, context.similarity_matrix]"])
def test_contexts_left_open_at_the_end(left):
    assert run(
        f"""if True:
        import vulkan_compute as vkc
        context = vkc.Context()
        context.upload([[1, 2], [3, 4]])
        left = {left}
        print(context.diversity_sequence(0))
    """
    ) == "[0 1]\n"


def test_importing_loads_no_library():
    assert run(
        """if True:
        import os
        os.environ["VKC_LIBRARY"] = "/no/such/library"
        import vulkan_compute as vkc
        try:
            vkc.version()
        except vkc.LibraryError as problem:
            assert "/no/such/library (VKC_LIBRARY)" in str(problem)
            print(len(vkc.__all__) > 20)
    """
    ) == "True\n"


def test_results_outlive_their_context():
    with vkc.Context() as context:
        context.upload(DATA)
        results = [
            context.similarity_matrix(),
            context.similarity_rows(3, 4),
            context.diversity_sequences(length=5),
            *context.nearest_neighbors(3),
        ]
    before = [each.copy() for each in results]
    with vkc.Context() as context:
        context.upload(DATA[::-1])
        context.similarity_matrix()
    for result, as_it_was in zip(results, before):
        assert (result == as_it_was).all() and result.flags.writeable
