"""What will be: how long somebody waits who comes now, by the hall's own rules and what visits took.

Never here: a clock of its own, or anything that changes what is true. oracle.py is its child process.
"""
