"""Derivations with a planted mistake in them, and what is to be said of each."""

from autograd_lite import Tensor, compare_gradients


def leaf(rng, *shape, name, scale=1.0):
    """A parameter that is drawn from a normal distribution."""
    return Tensor(rng.normal(size=shape) * scale, requires_grad=True, name=name)


def said_first(loss, gradients):
    """The sentence of the first explanation."""
    report = compare_gradients(loss, gradients)
    assert report.explanations, report.pattern
    return report.explanations[0].sentence


def planted_in(cases):
    """A decorator for functions that give a loss and gradients: `@planted(*words)`."""

    def planted(*words):
        return lambda function: cases.append((function, words)) or function

    return planted


def assert_named_first(cases):
    """Each case's words are in the first explanation.

    A case gives a loss and gradients, or the report, where its variables are to be seen.
    """
    for function, words in cases:
        given = function()
        report = compare_gradients(*given) if isinstance(given, tuple) else given
        said = str(report.explanations[0]) if report.explanations else report.pattern
        for word in words:
            assert word in said, f"{function.__name__}: {said}"
