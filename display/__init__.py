"""What people read and hear: words, paper, screens and voice, and the stage that hands them to devices.

Never here: a rule of the hall, a device's bytes, or HTML.
"""
