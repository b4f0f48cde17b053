"""The least that tells whether a service is ready, asked every 5 ms."""

import socket
import struct
import time

PAUSE = 0.005
PATIENCE = 120


def until(ask, *arguments):
    end = time.perf_counter() + PATIENCE
    while time.perf_counter() < end:
        try:
            if ask(*arguments):
                return
        except OSError:
            pass
        time.sleep(PAUSE)
    raise RuntimeError(f"not ready within {PATIENCE} s: {ask.__name__} {arguments}")


def postgres(address, user, database):
    """Accepts connections to this database, and may ask for a password."""
    words = b"user\0" + user.encode() + b"\0database\0" + database.encode() + b"\0\0"
    with socket.create_connection((address, 5432), 2) as connection:
        connection.sendall(struct.pack("!II", len(words) + 8, 196608) + words)
        return connection.recv(1) == b"R"


def redis(address):
    with socket.create_connection((address, 6379), 2) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(5) == b"+PONG"


def http(address, port, path):
    with socket.create_connection((address, port), 2) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        return connection.recv(12).endswith(b" 200")
