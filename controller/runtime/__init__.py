"""What lives in the daemon: the engine, its clock, ports, child processes and the watch over them.

Never here: a rule of the hall (hall/), a device's bytes (drivers/), or what people read (display/, web/).
"""
