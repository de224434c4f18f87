"""Post-training: stages that make a fit out of a fit.

A stage's fit is a fit like any other: addressed by content, resumed from a checkpoint, read by every eval and command.
Every stage maximises a weighted log-likelihood, the sum over replies i and tokens t of w_it log p(y_it | x_i, y_i<t);
stages differ in the weights. Weights of 0 or more can be counted, so families that count take these stages exactly;
families with gradients take all.

losses, advantages, kl: the formulas, as pure functions, tested against TRL and polgrad.
"""
