"""Pages and the interface for machines: they read what is true and submit commands.

Never here: a rule, a sentence (display/words/), or anything a device needs to go on.
"""
