"""Parley measured against its floor: what the same servers do without Parley in between, in the same run."""
