"""A phone network, a recorder and model providers in a box."""
