"""What every driver stands on: device, port, link, mailboxes, the kinds of devices, and how one is found.

Never here: the bytes of any one device, a ticket or a window.
"""
