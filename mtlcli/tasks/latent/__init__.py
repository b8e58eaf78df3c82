"""Latent tasks on given features: W = L S with groups (Abdulnabi et al. 2015), solved exactly."""
