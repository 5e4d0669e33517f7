"""Arrays that refuse what arrays of CuPy refuse, and compute with NumPy.

They are no arrays of NumPy's, and never become one unless they are asked by `get`. CuPy's rules:

- `__array__` raises a TypeError.
- A ufunc takes them with each other and with single numbers. It raises a TypeError with an array of
  NumPy's, but for a comparison with one without axes. It has no methods, such as `np.add.reduce`,
  and of the keywords `out` and `dtype`.
- Another function of NumPy's has to be one that CuPy has, of these arrays alone. It gives these,
  without axes in place of single numbers.
- An index may be an array of NumPy's. What is assigned may not.
- They have no hash, and flags do not say whether they can be written to.
"""

import numpy as np

SCALARS = (int, float, bool, np.generic)
COMPARISONS = {np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal}
LACKING = {
    *("apply_over_axes", "block", "broadcast_shapes", "cumulative_prod", "cumulative_sum"),
    *("einsum_path", "geomspace", "insert", "isdtype", "ldexp", "linalg.cond", "linalg.eig"),
    *("linalg.eigvals", "linalg.multi_dot", "nanquantile", "nanpercentile", "put_along_axis"),
    *("spacing", "trapezoid", "trim_zeros", "vecdot", "vecmat", "matvec"),
}
"""Functions and ufuncs of NumPy's that CuPy has not in each of its versions."""
TOLD = {"shape", "ndim", "size", "result_type", "can_cast", "may_share_memory", "shares_memory"}
"""Functions that tell of arrays, and give no array."""
SENT = {"asarray", "array", "take"}
"""Functions that may be given an array of NumPy's, which they send to the card."""
METHODS = {
    *("all", "any", "argmax", "argmin", "argpartition", "argsort", "clip", "copy", "cumprod"),
    *("cumsum", "diagonal", "dot", "flatten", "max", "mean", "min", "nonzero", "partition", "prod"),
    *("ravel", "repeat", "reshape", "round", "searchsorted", "squeeze", "std", "sum", "swapaxes"),
    *("take", "trace", "transpose", "var", "view"),
}
NUMBERS = {"item", "tolist", "tobytes", "__bool__", "__int__", "__float__", "__index__", "__len__"}


def on_card(array):
    """An array of NumPy's, or a number, as one of these."""
    return array if isinstance(array, CardArray) else CardArray(np.array(array))


def put_back(value):
    """The arrays of NumPy's that these are, also in lists and tuples."""
    if isinstance(value, CardArray):
        return value._host
    if isinstance(value, dict):
        return {key: put_back(each) for key, each in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(put_back, value))
    return type(value)(map(put_back, value)) if isinstance(value, list | tuple) else value


def put_on(value):
    """The other way."""
    if isinstance(value, np.ndarray | np.generic):
        return CardArray(np.asarray(value))
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(put_on, value))
    return type(value)(map(put_on, value)) if isinstance(value, list | tuple) else value


def are_plain(value):
    """Whether there is an array of NumPy's in it."""
    if isinstance(value, list | tuple):
        return any(map(are_plain, value))
    return isinstance(value, np.ndarray)


def require_known(name, keywords):
    if keywords.keys() & {"subok", "where", "initial"}:
        raise TypeError(f"{name} got an unexpected keyword argument of {[*keywords]}")


class Flags:
    def __init__(self, flags):
        self.c_contiguous, self.f_contiguous = flags.c_contiguous, flags.f_contiguous
        self.owndata = flags.owndata


class CardArray(np.lib.mixins.NDArrayOperatorsMixin):
    __hash__ = None
    __array_priority__ = 100

    def __init__(self, array):
        self._host = array
        self.data = object()  # CuPy's is a pointer into the card's memory

    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    nbytes = property(lambda self: self._host.nbytes)
    itemsize = property(lambda self: self._host.itemsize)
    strides = property(lambda self: self._host.strides)
    flags = property(lambda self: Flags(self._host.flags))
    T = property(lambda self: CardArray(self._host.T))
    base = property(lambda self: put_on(self._host.base))
    __cuda_array_interface__ = property(lambda self: {"version": 3, "shape": self.shape})

    def get(self):
        return self._host.copy()

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct "
            "a NumPy array explicitly."
        )

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **keywords):
        if method != "__call__" or ufunc.__name__ in LACKING or not hasattr(np, ufunc.__name__):
            return NotImplemented
        if keywords.keys() - {"dtype", "casting"}:
            raise TypeError(f"Wrong arguments {[*keywords]}")
        if len(out) > 1:
            raise ValueError("The 'out' parameter must have exactly one array value")
        if ufunc in COMPARISONS:
            inputs = [x.item() if type(x) is np.ndarray and not x.ndim else x for x in inputs]
        for x in (*inputs, *out):
            if isinstance(x, np.ndarray):
                raise TypeError(f"Unsupported type {type(x)}")
            if not isinstance(x, (CardArray, *SCALARS)):
                return NotImplemented
        if out:
            ufunc(*put_back([*inputs]), out=put_back(out), **keywords)
            return out[0]
        return put_on(ufunc(*put_back([*inputs]), **keywords))

    def __array_function__(self, function, types, arguments, keywords):
        module = function.__module__.removeprefix("numpy").removeprefix(".")
        name = f"{module}.{function.__name__}" if module else function.__name__
        if name in LACKING or any(kind not in (CardArray, np.ndarray) for kind in types):
            return NotImplemented
        if name not in SENT and are_plain([*arguments, *keywords.values()]):
            raise TypeError(f"Unsupported type {np.ndarray} in {name}")
        require_known(name, keywords)
        result = function(*put_back(arguments), **put_back(keywords))
        if keywords.get("out") is not None:
            return keywords["out"]
        return result if name in TOLD else put_on(result)

    def astype(self, dtype, order="K", casting=None, subok=None, copy=True):
        result = self._host.astype(dtype, order, copy=copy)
        return self if result is self._host else CardArray(result)

    def __getattr__(self, name):
        if name.startswith("__") or name not in METHODS | NUMBERS:
            raise AttributeError(f"'cupy.ndarray' object has no attribute {name!r}")

        def method(*arguments, **keywords):
            if name not in {"take", "searchsorted"} and are_plain([*arguments, *keywords.values()]):
                raise TypeError(f"Unsupported type {np.ndarray}")
            require_known(name, keywords)
            result = getattr(self._host, name)(*put_back(arguments), **put_back(keywords))
            return result if name in NUMBERS else put_on(result)

        return method

    def __getitem__(self, index):
        return put_on(self._host[put_back(index)])

    def __setitem__(self, index, value):
        if not isinstance(value, (CardArray, *SCALARS)):
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        self._host[put_back(index)] = put_back(value)

    def fill(self, value):
        self[...] = value

    def __iter__(self):
        return (self[k] for k in range(len(self)))

    def __bool__(self):
        return bool(self._host)

    def __int__(self):
        return int(self._host)

    def __float__(self):
        return float(self._host)

    def __index__(self):
        return self._host.__index__()

    def __len__(self):
        return len(self._host)

    def __repr__(self):
        return repr(self._host)

    def __format__(self, form):
        return format(self._host, form)
