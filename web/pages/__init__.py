"""The pages, a module each. They show what is true and submit commands; they decide nothing.

Never here: a rule, or a sentence (display/words/).
"""
