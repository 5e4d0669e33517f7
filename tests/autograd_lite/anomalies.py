"""What the tests of anomaly detection share."""

import linecache

import numpy as np
import pytest

from autograd_lite import Tensor, detect_anomaly
from autograd_lite.errors import AnomalyError


def leaf(data, name=None):
    return Tensor(np.array(data, float), requires_grad=True, name=name)


def anomaly_in(function, *arguments):
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        function(*arguments)
    return caught.value


def line_in(file, marker):
    """The number of the only line of a file that ends in a marker."""
    lines = enumerate(linecache.getlines(file), 1)
    (found,) = [number for number, line in lines if line.rstrip().endswith(f"# {marker}")]
    return found
