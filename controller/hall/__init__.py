"""What is true in the hall and what may happen there: commands, events, the fold and the rules.

Never here: a clock, a file, a thread, a device or a word that people read. All of it is pure, but for the
random token that a command brings for its ticket's page.
"""
