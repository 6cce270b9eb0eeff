"""Drivers of the hall's devices: bytes at the rim, never a ticket."""
