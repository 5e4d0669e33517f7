"""The record of a loss as a program: a list of steps that can be run again, on other data too.

Files in the order of reading: `program` says what a program is; `expressions` are what a rule is
run on, `rules` what it computes, written once for all nodes that are alike; `trace` puts the
program together, `guards` notes what it depends on. In an `outline` a rule is one step.
"""
