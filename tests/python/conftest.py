"""What the tests share: the package of this tree, and contexts under validation."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "python")]

import numpy as np  # noqa: E402
import pytest  # noqa: E402
import vulkan_compute  # noqa: E402
from vulkan_compute import _library  # noqa: E402


@pytest.fixture(autouse=True)
def no_validation_messages():
    """Fails a test in which the validation layer had something to say."""
    library = _library.load()
    before = library.vkc_validation_message_count()
    yield
    texts = [
        library.vkc_validation_message(k) for k in range(before, library.vkc_validation_message_count())
    ]
    assert not texts


@pytest.fixture
def context():
    with vulkan_compute.Context(validation=True) as made:
        yield made


@pytest.fixture(scope="session")
def psalms():
    return np.load(ROOT / "data" / "psalms.npy")
