"""The web's one loop: the server in its thread, and the event stream that every screen listens to.

Never here: what a page says, or who may see it.
"""
