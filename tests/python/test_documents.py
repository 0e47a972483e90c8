"""What the documents show in Python runs as it stands there."""

import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT
from vulkan_compute import _library

EXAMPLE = "[0 2 3 1]\nnearest to 0: 1 (0.989)\n"

# A model of sentence-transformers, as far as the guide uses it: knows the Psalms by heart.
STAND_IN = f"""
import json
import numpy as np

class SentenceTransformer:
    def __init__(self, name):
        with open("{ROOT}/data/psalms.jsonl") as file:
            texts = [json.loads(line)["text"] for line in file]
        self.rows = dict(zip(texts, np.load("{ROOT}/data/psalms.npy")))

    def encode(self, texts):
        return np.stack([self.rows[text] for text in texts])
"""


def blocks(document):
    """The blocks of a document: (language, text) each."""
    found = re.findall(r"^```(\w+)\n(.*?)^```$", (ROOT / document).read_text(), re.DOTALL | re.MULTILINE)
    assert found, document
    return found


def environment(**more):
    """Of these tests, with their Python and this tree's command before others."""
    path = f"{ROOT}/bin:{os.path.dirname(sys.executable)}:{os.environ['PATH']}"
    return os.environ | {"VKC_LIBRARY": _library.load()._name, "PATH": path} | more


def run(words, folder, **more):
    done = subprocess.run(
        words, cwd=folder, env=environment(**more), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("document", ["README.md", "python/README.md"])
def test_readme(document, tmp_path):
    (example,) = [text for language, text in blocks(document) if language == "python"]
    assert run([sys.executable, "-c", example], tmp_path, PYTHONPATH=str(ROOT / "python")) == EXAMPLE


def test_guide(tmp_path):
    """Its blocks one after another, those of Python in one process of the environment made first."""
    (tmp_path / "python").symlink_to(ROOT / "python")
    (tmp_path / "poems.jsonl").symlink_to(ROOT / "data" / "psalms.jsonl")
    stand_in = tmp_path / "stand-in"
    stand_in.mkdir()
    (stand_in / "sentence_transformers.py").write_text(STAND_IN)

    (_, install), *rest = blocks("docs/python.md")
    run(["bash", "-ec", install], tmp_path, PIP_NO_INDEX="1", PYTHONPATH="")
    program = "import subprocess\n" + "".join(
        text if language == "python" else f"subprocess.run(['bash', '-ec', {text!r}], check=True)\n"
        for language, text in rest
    )
    output = run(["env/bin/python", "-c", program], tmp_path, PYTHONPATH=str(stand_in))
    printed = re.search(
        r"^Psa 23:1 The LORD is my shepherd.*\nFar from here:\n((?:   .*\n){10})Like this:\n((?:   .*\n){10})"
        r"The nearest:\n((?:   \d\.\d{3} .*\n){10})",
        output, re.MULTILINE,
    )
    assert printed, output
    far, like, nearest = (set(part.splitlines()) for part in printed.groups())
    assert len(far) == len(like) == len(nearest) == 10 and not far & like
    assert "\n500 of 2461\n" in output and "\n2461 of 2461\n" in output
    for phase in ("upload", "walks"):
        assert re.search(rf"^{phase}: (\d+) of \1$", output, re.MULTILINE), output
    assert (tmp_path / "picks.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "picks.png").stat().st_size > 10_000
