"""pymodbus's own server as unit 3, in the judges' environment: `tcp PORT` or `rtu TTY`."""

import asyncio
import sys

from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

COILS = [SimData(0, count=16, values=False, datatype=DataType.BITS)]
INPUTS = [SimData(0, values=[False, True, True, False] * 4, datatype=DataType.BITS)]
HOLDING = [SimData(0, count=16, values=0, datatype=DataType.REGISTERS)]
COUNTERS = [SimData(0, values=list(range(100, 116)), datatype=DataType.REGISTERS)]


async def main(kind: str, place: str) -> None:
    unit = SimDevice(3, (COILS, INPUTS, HOLDING, COUNTERS))
    if kind == "tcp":
        server = ModbusTcpServer(unit, address=("127.0.0.1", int(place)))
    else:
        server = ModbusSerialServer(unit, port=place, baudrate=115200)
    await server.serve_forever(background=True)
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main(*sys.argv[1:]))
