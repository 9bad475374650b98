"""Decides when a call may start and places it on the trunk."""
