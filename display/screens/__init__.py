"""What lamps, signs, boards and pages show, from what is true. Pure.

Never here: HTML (web/), or the choice of the device (stage.py).
"""
