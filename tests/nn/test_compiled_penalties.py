"""Steps in which derivatives are taken within, as in penalties on gradients."""

from trained import ONE_HOT, assert_same_bits, network, trained

import autograd_lite
import nn
from autograd_lite import grad


class WithSlopes(nn.Module):
    """What a network gives, and its derivative in the samples."""

    def __init__(self):
        self.inner = network(nn.Tanh())

    def forward(self, x):
        return self.inner(x), grad(lambda x: self.inner(x).sum())(x)


class ByAttribute(WithSlopes):
    def forward(self, x):
        return self.inner(x), autograd_lite.grad(lambda x: self.inner(x).sum())(x)


class Reads(WithSlopes):
    def forward(self, x):
        before = self.inner[0].weight.grad
        return self.inner(x), x * (before is None)


def penalized(outputs, targets):
    found, slopes = outputs
    return ((found - targets) ** 2).mean() + 0.1 * (slopes**2).mean()


def test_penalties_on_derivatives_are_compiled_to_the_last_bit():
    for kind in (WithSlopes, ByAttribute):
        backend, found = trained(kind, ONE_HOT, penalized)
        assert backend == "numpy", kind
        assert_same_bits(found, trained(kind, ONE_HOT, penalized, mode=False)[1])


def test_gradients_that_a_module_reads_are_not_the_function_of_that_name():
    backend, found = trained(Reads, ONE_HOT, penalized)
    assert backend.startswith("eager: ")
    assert backend.endswith("does more than compute: grad")
    assert_same_bits(found, trained(Reads, ONE_HOT, penalized, mode=False)[1])
