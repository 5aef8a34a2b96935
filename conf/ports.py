"""The loopback address, and TCP ports on it."""

from __future__ import annotations

import ipaddress
import socket

from conf.errors import UserError

HOST = "127.0.0.1"
CONNECT_TIMEOUT_S = 1.0


def is_loopback(address: str) -> bool:
    """Tell whether an address, or ``localhost``, is of this machine alone."""
    try:
        return address == "localhost" or ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def is_listening(port: int) -> bool:
    """Tell whether something accepts connections on `port`."""
    try:
        with socket.create_connection((HOST, port), timeout=CONNECT_TIMEOUT_S):
            return True
    except OSError:
        return False


def is_free(port: int) -> bool:
    """Tell whether a server could listen on `port`; asks both ways, because macOS lets two servers bind one port."""
    if is_listening(port):
        return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port(*, other_than: int = 0) -> int:
    """Return any free port, but never `other_than`, which is chosen but not yet in use."""
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
        if port != other_than:
            return port


def choose_port(requested: int, remembered: int | None, *, title: str, option: str) -> int:
    """Return the port to listen on: `requested`, or for 0 the one used before (when it is free) or any free one."""
    if requested == 0:
        return remembered if remembered and is_free(remembered) else free_port()
    if not is_free(requested):
        raise UserError(
            f"{title} cannot listen on port {requested}: another program uses it, or it is not allowed to this user. "
            f"Stop that program or choose another port with {option} (0 means any free port)."
        )
    return requested
