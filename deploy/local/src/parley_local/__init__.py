"""The whole world of Parley on one machine, without Docker."""
