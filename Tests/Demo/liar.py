"""Stands before a vault's socket, and answers every evaluation with the curve's base point.

    python3 liar.py LISTEN-SOCKET VAULT-SOCKET
"""

import base64
import json
import socket
import sys
import threading

BASE_POINT = bytes.fromhex("036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296")


def messages(connection):
    """Each message without its NUL."""
    rest = b""
    while part := connection.recv(65536):
        *whole, rest = (rest + part).split(b"\0")
        yield from whole


def carry(source, target, change):
    try:
        for message in messages(source):
            target.sendall(change(message) + b"\0")
    except OSError:
        pass
    finally:
        for connection in (source, target):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def lie(message):
    reply = json.loads(message)
    if "evaluated" in reply.get("parameters", {}):
        reply["parameters"]["evaluated"] = base64.b64encode(BASE_POINT).decode()
    return json.dumps(reply).encode()


def main(listen, vault):
    server = socket.socket(socket.AF_UNIX)
    server.bind(listen)
    server.listen()
    print("ready", file=sys.stderr, flush=True)
    while True:
        device, _ = server.accept()
        honest = socket.socket(socket.AF_UNIX)
        honest.connect(vault)
        for source, target, change in ((device, honest, bytes), (honest, device, lie)):
            threading.Thread(target=carry, args=(source, target, change), daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
