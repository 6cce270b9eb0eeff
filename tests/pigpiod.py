"""pigpiod, the daemon that lends a Pi's pins over TCP, from its socket interface: 16 bytes a command."""

import socket
import struct
import threading

PI_3B = 0xA02082


class Pigpiod:
    """Serves the pins of a Pi 3B to any number of clients; `stop` cuts all of them off."""

    def __init__(self) -> None:
        self.levels, self._modes, self._port = [0] * 32, [0] * 32, 0
        self.start()

    def start(self) -> None:
        self._server = socket.create_server(("127.0.0.1", self._port))
        self._port = self._server.getsockname()[1]
        self.host = f"127.0.0.1:{self._port}"
        self._clients: list[socket.socket] = []
        self._listeners: list[socket.socket] = []
        threading.Thread(target=self._accept, args=[self._server], daemon=True).start()

    def stop(self) -> None:
        for end in (self._server, *self._clients):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def drive(self, pin: int, level: int) -> None:
        """A contact at `pin` opens (1) or closes (0); all who listen are told."""
        self.levels[pin] = level
        for listener in self._listeners:
            listener.sendall(struct.pack("HHII", 0, 0, 0, self._bank()))

    def _bank(self) -> int:
        return sum(level << pin for pin, level in enumerate(self.levels))

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                client = server.accept()[0]
            except OSError:
                return
            self._clients.append(client)
            threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            while request := client.recv(16, socket.MSG_WAITALL):
                command, pin, value, more = struct.unpack("4I", request)
                client.recv(more, socket.MSG_WAITALL)
                client.sendall(
                    struct.pack("4I", command, pin, value, self._obey(client, command, pin, value))
                )
        except (OSError, struct.error):
            pass

    def _obey(self, client: socket.socket, command: int, pin: int, value: int) -> int:
        match command:
            case 0:  # MODES
                self._modes[pin] = value
            case 1:  # MODEG
                return self._modes[pin]
            case 2 if value == 2:  # PUD up
                self.levels[pin] = 1
            case 3:  # READ
                return self.levels[pin]
            case 4:  # WRITE
                self.levels[pin] = value
            case 10:  # BR1
                return self._bank()
            case 17:  # HWVER
                return PI_3B
            case 99:  # NOIB: from now on this connection hears every change
                self._listeners.append(client)
        return 0
