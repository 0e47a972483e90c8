"""Progress, and what ends a computation before its end."""

import os
import signal
import subprocess
import sys

import pytest
import vulkan_compute as vkc
from conftest import ROOT
from reference import Reference, kinds

N = 100
DATA = kinds(N, 8)["unequal norms"]


@pytest.fixture
def uploaded(context):
    context.upload(DATA)
    return context


@pytest.fixture
def batches_of_30(uploaded):
    recommended = uploaded._recommended
    uploaded._recommended = lambda *parameters: recommended(*parameters) and 30
    yield uploaded
    del uploaded._recommended


def test_it_is_given_an_iterator_and_the_total(uploaded):
    seen = []

    def show(finished, *, total):
        for number in finished:
            seen.append((number, total))
            yield number

    sequences = uploaded.diversity_sequences([5, 7, 5], 10, progress=show)
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert sequences.tolist() == Reference(DATA).sequences([5, 7, 5], 10)
    seen.clear()
    found = uploaded.nearest_neighbors(4, first=10, count=2, progress=show)
    assert seen == [(1, 2), (2, 2)]
    assert (found.ids == Reference(DATA).neighbors(4)[0][10:12]).all()
    seen.clear()
    assert uploaded.diversity_sequences([], progress=show).shape == (0, N)
    assert seen == []


def test_where_it_ends_early_the_finished_rows_are_given(batches_of_30):
    def first_40(finished, *, total):
        for number in finished:
            if number == 40:
                return
            yield number

    sequences = batches_of_30.diversity_sequences(length=9, progress=first_40)
    assert sequences.tolist() == Reference(DATA).sequences(range(60), 9)
    found = batches_of_30.nearest_neighbors(3, progress=first_40)
    assert (found.ids == Reference(DATA).neighbors(3)[0][:60]).all()
    assert found.similarities.shape == (60, 3)
    nothing = batches_of_30.diversity_sequences(progress=lambda finished, total: ())
    assert nothing.shape == (0, N)


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_exception_reaches_the_caller_and_leaves_the_context_as_it_was(batches_of_30, error):
    def fail(finished, *, total):
        for number in finished:
            if number == 31:
                raise error("mine")
            yield number

    for call in (
        lambda: batches_of_30.diversity_sequences(progress=fail),
        lambda: batches_of_30.nearest_neighbors(3, progress=fail),
    ):
        with pytest.raises(error, match="mine"):
            call()
    assert batches_of_30.diversity_sequence(3).tolist() == Reference(DATA).sequence(3)


def test_embeddings_replaced_or_closed_within(batches_of_30):
    def replace(finished, *, total):
        for number in finished:
            batches_of_30.upload(DATA[:50])
            yield number

    with pytest.raises(RuntimeError, match="were replaced"):
        batches_of_30.diversity_sequences(length=5, progress=replace)
    batches_of_30.upload(DATA)

    def close(finished, *, total):
        for number in finished:
            batches_of_30.close()
            yield number

    with pytest.raises(vkc.ContextClosedError):
        batches_of_30.diversity_sequences(length=5, progress=close)


def test_ctrl_c_stops_a_long_computation():
    script = """if True:
        import sys
        import numpy
        import vulkan_compute as vkc

        with vkc.Context() as context:
            context.upload(numpy.load(sys.argv[1]))
            expected = context.diversity_sequence(7)

            def show(finished, *, total):
                for number in finished:
                    if number == 1:
                        print("begun", flush=True)
                    yield number

            try:
                while True:
                    context.diversity_sequences(progress=show)
            except KeyboardInterrupt:
                print("stopped", (context.diversity_sequence(7) == expected).all())
    """
    environment = os.environ | {"PYTHONPATH": str(ROOT / "python")}
    process = subprocess.Popen(
        [sys.executable, "-c", script, ROOT / "data" / "psalms.npy"],
        stdout=subprocess.PIPE, text=True, env=environment,
    )
    with process:
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    # More beginnings may come before the signal does.
    assert output.replace("begun\n", "") == "stopped True\n"
    assert process.returncode == 0
