"""The interface for machines: commands by their addresses, and the bodies that bring their words.

Never here: a page, or what a command does.
"""
