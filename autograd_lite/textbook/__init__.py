"""The backward pass of a graph as formulas: text, LaTeX, or the source of a NumPy function.

Files in the order of reading: `spellings` says how a textbook writes some rules; `terms` are what
formulas consist of; `naming` finds names, `reading` the terms of a record, `factors` those of its
backward pass; `repeated` finds loops in them, `blocks` writes these; `lines` makes lines of all,
`words` a formula for one thing; `numpy_source` and `mathematics` print them; `source` and `derive`
are for people.
"""
