"""What is attacked here are files, which need their package."""

import pytest

pytest.importorskip("safetensors")
