"""The record of a loss as a program: a list of steps that can be run again, on other data too.

Files in the order of reading: `program` says what a program is; `expressions` are what a rule is
run on, and become a template; `templates` makes and keeps those of functions and rules; `trace`
writes them into a program, and notes what it depends on.

`functions` compiles: it compares `recordings`, looks at the `surroundings` of a function, and has
a back end, see `backends`, make one function of the steps, for which `usual` writes what calls it.
That of NumPy makes them `simpler`, decides on their `layout`, and writes them: `numpy_backend`,
`numpy_forms` and `numpy_names`.

`c_backend` runs steps in C: `c_lowering` makes them statements on the memory of `c_arrays`,
`c_schedule` says which share a loop, `c_kernels` and `c_forms` write these, `compiler` compiles,
and `c_runner` calls what it made. `scalars` runs thousands of single numbers in groups.
"""
