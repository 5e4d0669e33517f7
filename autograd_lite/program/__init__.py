"""The record of a loss as a program: `trace` makes it, a `Program` runs it on other data.

Files in the order of reading: `program` says what a program is, `expressions` are what a rule is
run on, `rules` traces it once for all nodes that are alike, `trace` puts the program together.
"""
