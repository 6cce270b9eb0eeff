"""The roof: the command line and how a running hall is put together. Imported by nobody.

Never here: a rule, a protocol or a page; what is decided here is only who gets which part.
"""
