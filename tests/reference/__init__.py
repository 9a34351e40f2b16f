"""Published training steps, re-typed from their formulas and facts: slow, plain, in the order of the released code.

Each function is one whole step, from the clean batch to the loss: the attack, then every outer forward in the order
in which the released code makes it, those included whose only effect is on BatchNorm. Nothing here uses the library.
Softmax, logarithm and divergence are written out as in the papers and not as the library computes them.

Shared names: ``noise`` is the first perturbation of the attack (so that both sides can be fed the same), ``epsilon``,
``step_size`` and ``steps`` are the attack's; ``share`` is epoch / epochs, the epoch counted from 1.
"""
