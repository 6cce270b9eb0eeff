"""The hall without hardware: machines on simulated wires, people who press, and a day by dice.

Never here: anything that a real hall needs to run.
"""
