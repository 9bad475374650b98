"""Holds the conversation of one call."""
