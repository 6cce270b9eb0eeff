"""What several products share: Modbus, frames told by a profile, speech. A driver is made with them.

Never here: a device, or a thing that only one driver needs.
"""
