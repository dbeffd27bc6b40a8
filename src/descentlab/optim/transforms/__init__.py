"""Pure transformations around the update rule, applied in the order orthogonal, clip, noise, decay, rule; averages of weights.

Each function takes lists of tensors and returns new ones, so that it also runs under torch.vmap: a single run and a group of
stacked runs share it.
"""
