"""The backward pass of a graph as formulas: text, LaTeX, or the source of a NumPy function.

Files in the order of reading: `expressions` traces a rule, `terms` are what it computes,
`spellings` how a textbook writes some rules, `formulas` and `backward` put the backward pass
together; `recognition`, `naming`, `record`, `reading` and `layout` find names and lines;
`notation`, `mathematics` and `definitions` print them; `source` and `derive` are what people call.
"""
