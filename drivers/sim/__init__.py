"""Machines written from the devices' manuals, and the wires that give them life."""
