"""The hall itself: settings, rules, journal, figures, what lives, and the roof over it all.

Never here: a device's bytes (drivers/), what people read (display/) or a page (web/).
"""
