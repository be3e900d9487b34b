#!/usr/bin/env python3
"""Reference values of the likelihoods of counts: scipy for values, torch's automatic differentiation in f64 for slopes.

Run with the versions of versions.txt; writes cases.json beside itself.
"""

import json
import pathlib

import numpy as np
import scipy
import scipy.special
import scipy.stats
import torch

torch.set_default_dtype(torch.float64)
here = pathlib.Path(__file__).parent

special = []
for x in [1e-6, 0.01, 0.3, 0.5, 1.0, 1.3, 2.0, 3.7, 9.99, 10.0, 25.5, 1e3, 1e6, 1e9]:
    special.append({"x": x, "ln_gamma": float(scipy.special.gammaln(x)), "digamma": float(scipy.special.digamma(x))})

counts = []
for count in [0, 1, 2, 5, 24, 25, 130, 5000]:
    for mean in [1e-4, 0.3, 2.0, 90.0]:
        for theta in [0.05, 1.0, 30.0, 1e5]:
            for inflation in [None, -3.0, 0.7]:
                s = torch.tensor(np.log(mean), requires_grad=True)
                r = torch.tensor(np.log(theta), requires_grad=True)
                l = torch.tensor(0.0 if inflation is None else inflation, requires_grad=True)
                x = torch.tensor(float(count))
                nb = torch.distributions.NegativeBinomial(total_count=r.exp(), logits=s - r).log_prob(x)
                value = scipy.stats.nbinom.logpmf(count, theta, theta / (theta + mean))
                np.testing.assert_allclose(nb.item(), value, rtol=1e-6, atol=1e-6)
                if inflation is None:
                    loss = -nb
                elif count == 0:
                    loss = -torch.logaddexp(torch.nn.functional.logsigmoid(l), torch.nn.functional.logsigmoid(-l) + nb)
                else:
                    loss = -(torch.nn.functional.logsigmoid(-l) + nb)
                slopes = torch.autograd.grad(loss, [s, r, l], allow_unused=True)
                slopes = [0.0 if slope is None else slope.item() for slope in slopes]
                counts.append([count, s.item(), r.item(), inflation, loss.item(), *slopes])

divergence = []
for mean in [-2.0, 0.0, 0.4]:
    for l in [-12.0, -1.0, 0.0, 2.0]:
        m, v = torch.tensor(mean, requires_grad=True), torch.tensor(l, requires_grad=True)
        q = torch.distributions.Normal(m, (v.exp() + 1e-4).sqrt())
        kl = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0))
        slopes = torch.autograd.grad(kl, [m, v])
        divergence.append([mean, l, kl.item(), *(slope.item() for slope in slopes)])

cases = {"special": special, "counts": counts, "divergence": divergence}
(here / "cases.json").write_text(json.dumps(cases, indent=None, separators=(",", ":")) + "\n")
versions = [f"numpy=={np.__version__}", f"scipy=={scipy.__version__}", f"torch=={torch.__version__.split('+')[0]}"]
(here / "versions.txt").write_text("\n".join(versions) + "\n")
