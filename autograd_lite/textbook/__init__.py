"""The backward pass of a graph as formulas: text, LaTeX, or the source of a NumPy function.

Files in the order of reading: `spellings` says how a textbook writes some rules; `terms` are what
formulas consist of; `naming` finds names, `record` what repeats, `reading` the terms of a record,
`cotangents` those of its backward pass, with `slopes` as books have them. Of what repeats they find
those of one iteration, of which `iterations` says what moves; `repeated` makes loops of them,
`blocks` writes these; a `listing` makes lines of all, `words` a formula for one thing;
`numpy_source` and `mathematics` print them; `source` and `derive` are for people.
"""
