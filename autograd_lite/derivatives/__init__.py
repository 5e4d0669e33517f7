"""The table of derivatives, by subject. Importing it fills `autograd_lite.table.TABLE`."""

from autograd_lite.derivatives import elementwise, linear_algebra, neural, reductions, shaping

__all__ = ["elementwise", "linear_algebra", "neural", "reductions", "shaping"]
