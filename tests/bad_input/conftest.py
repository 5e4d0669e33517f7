"""What is declared here needs the packages that files and plots need; plots are not shown."""

import pytest

pytest.importorskip("safetensors")
pytest.importorskip("matplotlib").use("Agg")
