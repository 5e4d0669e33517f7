"""The examples run as a user runs them, and print what they promise."""

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name, *arguments):
    command = [sys.executable, EXAMPLES / name, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_digits_reaches_96_percent_and_its_hand_derived_gradients_agree(tmp_path):
    output = run("digits.py", tmp_path)
    summary = re.search(
        r"([\d.]+)% of 360 held-out digits right; .* agree (exactly|to (\S+))$", output
    )
    assert float(summary[1]) >= 96
    assert summary[2] == "exactly" or float(summary[3]) <= 1e-10
    assert output.count("agrees") == 4
    picture = ElementTree.parse(tmp_path / "digits.svg")
    texts = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"0.weight", "2.bias", "X", "y", "loss"} <= set(texts)
    assert (tmp_path / "digits.png").read_bytes().startswith(b"\x89PNG")


def test_tutorial_mistake_flags_the_hidden_layer_only_and_shows_both_outcomes():
    mistaken, mended = run("tutorial_mistake.py").split("\n\n")[:2]
    rows = {line.split()[0]: line for line in mistaken.splitlines() if line.startswith("W")}
    assert "differs" in rows["W1"]
    assert "agrees" in rows["W2"]
    assert "nan" in mistaken
    assert mended.count("agrees") == 2
    assert "[0.204 0.736 0.736 0.344]" in mended
