"""Who may do what: the table of routes, sessions, pairing of devices, and patience with wrong guesses.

Never here: a page, or the file in which people are kept (controller/journal/people.py).
"""
