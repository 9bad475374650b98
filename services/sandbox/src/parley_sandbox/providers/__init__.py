"""Model providers, speaking the wire formats of the real ones."""
