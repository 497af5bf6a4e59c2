"""Runs a command in a network namespace of its own, whose only way out is a proxy, and tells what it sent.

    unshare --net python inside.py SOCKET COMMAND...

127.0.0.1:3128 leads to the proxy that listens on the Unix socket. Everything else that leaves the machine goes to a
device that this program reads: it answers nothing, and each packet is told.
"""

import fcntl
import ipaddress
import json
import os
import socket
import struct
import subprocess
import sys
import threading

PROXY = 3128
_TUN, _NO_HEADER, _SET_INTERFACE = 0x0001, 0x1000, 0x400454CA  # <linux/if_tun.h>
_ANY_PROTOCOL = 0x0003  # <linux/if_ether.h>


def main(gate: str, command: list[str]) -> None:
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, _SET_INTERFACE, struct.pack("16sH", b"out", _TUN | _NO_HEADER))
    for line in (
        "link set lo up",
        "link set out addrgenmode none",  # the kernel asks for routers otherwise
        "address add 192.0.2.2/24 dev out",
        "link set out up",
        "route add default via 192.0.2.1",
    ):
        subprocess.run(["ip", *line.split()], check=True)
    outside: list[str] = []
    loopback: dict[int, int] = {}
    listener = socket.create_server(("127.0.0.1", PROXY))
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ANY_PROTOCOL))
    packets.bind(("lo", 0))
    for target, *arguments in ((_leaving, device, outside), (_inner, packets, loopback), (_forward, listener, gate)):
        threading.Thread(target=target, args=arguments, daemon=True).start()
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    told = {"code": done.returncode, "out": done.stdout, "err": done.stderr, "outside": outside, "loopback": loopback}
    sys.stdout.write(json.dumps(told))


def _leaving(device: int, outside: list[str]) -> None:
    while packet := os.read(device, 1 << 16):
        six = packet[0] >> 4 == 6
        outside.append(str(ipaddress.ip_address(packet[24:40] if six else packet[16:20])))


def _inner(packets: socket.socket, loopback: dict[int, int]) -> None:
    """Count what goes over the loopback device by its port, whichever of both is not a client's."""
    while True:
        frame, (_, _, kind, *_) = packets.recvfrom(1 << 16)
        if kind == socket.PACKET_OUTGOING or len(frame) < 38 or frame[12:14] != b"\x08\x00":
            continue
        start = 14 + (frame[14] & 15) * 4
        ports = struct.unpack("!HH", frame[start : start + 4])
        port = PROXY if PROXY in ports else ports[1]
        loopback[port] = loopback.get(port, 0) + 1


def _forward(listener: socket.socket, gate: str) -> None:
    while True:
        client, _ = listener.accept()
        proxy = socket.socket(socket.AF_UNIX)
        proxy.connect(gate)
        for one, other in ((client, proxy), (proxy, client)):
            threading.Thread(target=_pump, args=(one, other), daemon=True).start()


def _pump(one: socket.socket, other: socket.socket) -> None:
    try:
        while data := one.recv(1 << 16):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)
    except OSError:
        other.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
