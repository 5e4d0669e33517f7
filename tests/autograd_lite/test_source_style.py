"""What a person would not write is found in source; `test_source` looks for it in every row's."""

from looping import looped
from source_style import findings


@looped(
    ("body", "finding"),
    [
        ("return 1 * x", "1 * x: a product with 1"),
        ("return x / 1", "x / 1: a quotient or a power with 1"),
        ("return --x", "--x: two signs"),
        ("y = x\n    return x", "y is not used"),
        ("return np.exp(x) + np.exp(x)", "np.exp(x) is computed 2 times"),
        ("return x.sum(axis=())", "a sum over no axis"),
    ],
)
def test_the_check_itself_finds(body, finding):
    assert findings(f"def backward(x):\n    {body}") == [finding]
