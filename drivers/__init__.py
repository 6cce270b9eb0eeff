"""Drivers of the hall's devices, a file for each product, named <kind>_<protocol>.py: bytes at the rim.

Never here: a ticket, a window or a service; nor anything of controller/, display/ or web/.
"""
