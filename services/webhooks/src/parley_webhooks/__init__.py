"""Builds the report of a call and delivers it until it is accepted."""
