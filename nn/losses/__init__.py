"""Losses: what predictions cost.

A loss says in `entries` what each entry costs, and in `takes` what predictions are; weights, means
and sums, and what is refused are the same for all (`nn.losses.loss`). Those of pairs, triplets and
variances take several arrays. Connectionist temporal classification (CTC) is left out.
"""

from typing import TYPE_CHECKING

if not TYPE_CHECKING:  # or type checkers would take any name for one of these
    from nn.parts import told_of_names

    __getattr__ = told_of_names(__name__)
