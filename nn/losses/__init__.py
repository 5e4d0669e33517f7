"""Losses: what predictions cost.

A loss says in `entries` what each entry costs, and in `takes` what predictions are; weights, means
and sums, and what is refused are the same for all (`nn.losses.loss`). Those of pairs, triplets and
variances take several arrays (`nn.losses.pairs`). Connectionist temporal classification (CTC) is
left out.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    from nn.elsewhere import missing_of_part

    raise missing_of_part(__name__, name)
