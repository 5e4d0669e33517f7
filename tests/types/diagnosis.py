"""Why does it not learn?"""

import numpy as np

import nn

X, y = np.random.default_rng(0).normal(size=(32, 2)), np.zeros(32, int)
model = nn.Sequential(nn.Dense(2, 4, "relu", rng=0), nn.Dense(4, 2, rng=1))
diagnosis = nn.diagnose(model, X, y, loss="cross_entropy")
for finding in diagnosis.findings:
    print(finding.name, finding.figure, finding.remedy)
