"""What is printed: the ticket, the rule card that it quotes, and the roll that it comes from.

Never here: a printer's bytes, which are its driver's.
"""
