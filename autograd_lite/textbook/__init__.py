"""The backward pass of a graph as formulas: text, LaTeX, or the source of a NumPy function.

Files in the order of reading: `spellings` says how a textbook writes some rules; `terms` are what
formulas consist of; `naming` and `origins` find names, `formulas` and `reading` the terms of a
program, `factors` those of its backward pass; `layout` and `lines` make lines of them;
`numpy_source`, `mathematics` and `definitions` print them; `source` and `derive` are for people.
"""
