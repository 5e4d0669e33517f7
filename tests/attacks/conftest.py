"""What is attacked here are files and plots, which need their packages."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("safetensors")
pytest.importorskip("matplotlib").use("Agg")
sys.path.append(str(Path(__file__).parents[1] / "bad_input"))  # whose world is attacked here
