"""Machines written from the devices' manuals, and the wires that give them life: for tests and training.

Never here: what a driver believes of its device. A machine is not its driver's mirror.
"""
