"""The machinery of probes of curvature and noise: products, Lanczos, spectra, gradients of examples."""
