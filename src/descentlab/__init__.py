"""descentlab: a laboratory for gradient descent."""
