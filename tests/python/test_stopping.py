"""A call tells how far it is, and is stopped by what hears of it."""

import signal

import numpy as np
import pytest

import vulkan_compute

N, D = 300, 12


@pytest.fixture
def context():
    with vulkan_compute.Context() as made:
        yield made


def embeddings(seed=1):
    return np.random.default_rng(seed).standard_normal((N, D)).astype(np.float32)


def test_phases_go_from_begin_to_end(context):
    told = {}

    def hear(phase, done, total):
        known_done, known_total = told.get(phase, (0, total))
        assert known_done <= done <= total == known_total
        assert phase in told or done == 0
        told[phase] = done, total

    context.set_progress(hear)
    context.upload(embeddings())
    assert list(told) == ["upload"] and told["upload"][0] == told["upload"][1] > 0
    context.diversity_sequence(3)
    assert told["walks"] == (N - 1, N - 1)
    told.clear()
    context.similarity_rows(2, 7)
    assert told == {"similarities": (7, 7)}
    context.set_progress(None)
    told.clear()
    context.similarity_rows(2, 7)
    assert not told


def test_stop_at_every_word_costs_only_the_call(context):
    context.upload(embeddings())
    expected = context.diversity_sequence(3).tolist()
    stops = 0
    for wanted in range(1, 100):
        calls = []

        def hear(*told):
            calls.append(told)
            return len(calls) != wanted

        context.set_progress(hear)
        try:
            context.upload(embeddings())
            found = context.diversity_sequence(3).tolist()
            break
        except vulkan_compute.StoppedError as error:
            assert "call again" in str(error) and len(calls) == wanted
            stops += 1
            context.set_progress(None)
            assert context.diversity_sequence(3).tolist() == expected
    assert stops > 3 and found == expected


@pytest.mark.parametrize("interrupts", [False, True])
def test_an_exception_comes_out_unchanged(context, interrupts):
    context.upload(embeddings())
    expected = context.diversity_sequence(3).tolist()
    problem = ValueError("mine")

    def hear(_phase, _done, _total):
        if interrupts:
            signal.raise_signal(signal.SIGINT)
        raise problem

    context.set_progress(hear)
    with pytest.raises(KeyboardInterrupt if interrupts else ValueError) as caught:
        context.diversity_sequence(3)
    assert interrupts or caught.value is problem
    context.set_progress(lambda *_: None)
    assert context.diversity_sequence(3).tolist() == expected


def test_calls_from_within_are_refused(context):
    context.upload(embeddings())

    def hear(_phase, _done, _total):
        with pytest.raises(vulkan_compute.ContextBusyError):
            context.similarity_rows(0, 1)

    context.set_progress(hear)
    assert context.diversity_sequence(3)[0] == 3
    with pytest.raises(TypeError, match="listener must be a function"):
        context.set_progress(7)
