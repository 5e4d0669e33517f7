"""A row of the table of derivatives: a function, the rules of its derivative, and what it is."""

import sys
from collections.abc import Callable, Sequence
from inspect import CO_VARARGS
from typing import Any, Literal, NamedTuple, Self

import numpy as np

from autograd_lite.arguments import require_flag
from autograd_lite.errors import UnsupportedError, describe_one
from autograd_lite.precision import in_single, rule_in_single
from autograd_lite.read_only import reading


class Traits(NamedTuple):
    """What a function is: said in its row, and asked by names, pictures, reports and searches."""

    # Each entry of the result comes from those that it is broadcast with. Every ufunc without a
    # signature is so, without being told.
    elementwise: bool = False
    # Its rules are right for cotangents with one more axis in front, too, as those of elementwise
    # functions are: `pullback` carries many back at once.
    in_rows: bool = False
    linear: tuple[int, ...] = ()  # the arguments in each of which it is, the others held fixed
    additive: bool = False  # linear in all its arguments at once: a sum of them, or a difference
    commutative: bool = False  # its two arguments may be exchanged
    product: bool = False  # it multiplies, or divides, arguments: entries, or whole matrices
    moves: bool = False  # its result has no other entries than its first argument, elsewhere
    indexes: bool = False  # it moves those that its second argument names
    reduces: bool = False  # it makes one entry of many, along axes
    averages: bool = False  # it reduces by a mean
    accumulates: bool = False  # it sums many entries: those of float16 in float32
    extremum: bool = False  # it picks the largest or smallest, of two arguments or along axes
    logarithm: bool = False  # it takes the logarithm of what it is given first
    activation: bool = False  # it bends what a layer computes; called with that alone
    kink: bool = False  # the derivative of its one argument jumps at 0
    rectifies: bool = False  # what is below 0 becomes 0, and so does what reaches it in backward
    limits: tuple[float, float] | None = None  # of its result, where its derivative vanishes
    # What makes probabilities of the logits that it is given first; and what these are, as a
    # function of its result and of the logits.
    link: Literal["softmax", "sigmoid"] | None = None
    probabilities: Callable[[Any, Any], Any] | None = None
    # It takes entries and leaves others, whose cotangents are then 0 whatever they are, infinities
    # and NaN included.
    selects: bool = False
    masks: bool = False  # an infinity among its constants is a mask, a bound or a border
    fills: bool = False  # so is a single NaN, which marks what is missing
    read_only: bool = False  # NumPy makes its result read-only
    # The operator, in text and in LaTeX, and the two arguments around it, by which mathematics
    # writes it; of the others those that are not the default stand beside it.
    notation: tuple[str, str, tuple[int, int]] | None = None
    remedy: str = "Keep its inputs where it is finite"  # how to keep its result so


NO_TRAITS = Traits()
ELEMENTWISE = Traits(elementwise=True)
ACTIVATION = Traits(elementwise=True, activation=True)


class Operation:
    """A row of the table: a function, its vjps and its traits. `define` says what they mean."""

    def __init__(
        self,
        function: Callable[..., Any],
        vjps: Sequence[Any],
        compute: Callable[..., Any],
        sequence: bool = False,
        variadic: bool = False,
        residual: bool = False,
        traits: Traits = NO_TRAITS,
    ) -> None:
        self.function = function
        self.name = function.__name__
        row = f"a row of {self.name}"
        for flag, value in (("sequence", sequence), ("variadic", variadic), ("residual", residual)):
            require_flag(row, flag, value)
        if not isinstance(traits, Traits):
            raise UnsupportedError(
                f"{row} with traits={describe_one(traits)}",
                "they say nothing of the function",
                "Give autograd_lite.operation.Traits(elementwise=True), or leave them out",
            )
        self.vjps = vjps
        self.compute = compute
        self.sequence = sequence
        self.variadic = variadic
        self.residual = residual
        self.traits = traits
        # What computes it at once where the first argument is of floats, the others no arrays.
        self.of_floats = None if traits.accumulates else getattr(compute, "of_floats", None)
        if traits.accumulates:
            self.compute = in_single(compute)
            self.vjps = [rule_in_single(vjp) for vjp in vjps]
        # As attributes of its own, which are asked for wherever something is computed.
        self.additive, self.moves, self.selects = traits.additive, traits.moves, traits.selects
        # Linear in each argument: of a single one that is differentiated the rule reads no entry.
        self.multilinear = self.additive or len(traits.linear) >= len(vjps)
        self.add_to: Callable[..., None] | None = None
        self.of_users = not self.is_own()
        # Whether there is more to its rules than to call them one by one.
        self.special = variadic
        if isinstance(function, np.ufunc) and function.signature is None:
            says_more = traits is not NO_TRAITS
            self.traits = traits._replace(elementwise=True) if says_more else ELEMENTWISE
        for vjp in vjps:
            _require_rule(row, vjp)
        # How many arguments have a rule before the first that has none, which is looked for then.
        self.with_rules = sys.maxsize if variadic else [*vjps, None].index(None)
        self.compute = reading(self.name, self.compute)
        if self.of_users:
            self.vjps = [reading(f"a vjp of {self.name}", vjp) for vjp in self.vjps]

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def adds_by(self, add_to: Callable[..., None]) -> None:
        """Have what reaches the first argument added to a cotangent of that, in its memory.

        For rows whose contribution is an array of their own with few entries that are not 0.
        """
        self.add_to, self.special = add_to, True

    def __repr__(self) -> str:
        return f"<operation {self.name}>"

    def is_own(self) -> bool:
        """Whether its rules are the project's, which compute from nothing but what they are given.

        They treat entries as its traits say.
        """
        package = __name__.partition(".")[0]
        modules = [getattr(vjp, "__module__", None) or "" for vjp in self.vjps if vjp is not None]
        return all(module.partition(".")[0] == package for module in modules)

    def value(self, *arguments: Any, **keywords: Any) -> Any:
        """What it gives of plain arrays, without what it keeps for its rules."""
        result = self.compute(*arguments, **keywords)
        return result[0] if self.residual else result

    def contribution(self, index: int, given: Any, keywords: dict[str, Any]) -> Any:
        """What reaches an argument over this operation: the one place that applies a rule.

        It is given what the rules are called with, that of a variadic operation the same list for
        all arguments: in it what the rule gives is put, which they share.
        """
        if not self.variadic:
            vjp = self.vjps[index]
            return vjp(*given, **keywords) if keywords else vjp(*given)
        if len(given) > 1:
            given[:] = [self.vjps[0](*given, **keywords)]
        return part_of(given[0], index)


def _require_rule(row: str, vjp: Any) -> None:
    """Raise unless it can be called as a rule, or is None."""
    if vjp is not None and not callable(vjp):
        raise UnsupportedError(
            f"{row} with the vjp {describe_one(vjp)}",
            "it is no function",
            "Give a function of (g, y, *arguments), or None",
        )
    code = getattr(vjp, "__code__", None)
    if code and not code.co_flags & CO_VARARGS and code.co_argcount < 3:
        raise UnsupportedError(
            f"{row} with the vjp {describe_one(vjp)}",
            f"it takes ({', '.join(code.co_varnames[: code.co_argcount])}), and is called with "
            "(g, y, *arguments)",
            "Write lambda g, y, x: ...",
        )


def part_of(shared: Any, index: int) -> Any:
    """What one argument gets of what the rule of a variadic operation gives."""
    if callable(shared):
        return shared(index)
    return shared[index] if isinstance(shared, list | tuple) and index < len(shared) else None
