"""A wire between two network devices that delays each packet: python wire.py SECONDS NAME NAME."""

import fcntl
import heapq
import os
import select
import struct
import sys
import time

_TUNSETIFF, _TUN, _WITHOUT_HEADER = 0x400454CA, 0x0001, 0x1000
_LONGEST = 65_536


def device(name: str) -> int:
    """Make a network device and return where its packets come out and go in."""
    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(end, _TUNSETIFF, struct.pack("16sH", name.encode(), _TUN | _WITHOUT_HEADER))
    return end


def carry(ends: tuple[int, int], delay_s: float) -> None:
    """Hand what goes in at one end out at the other, so much later."""
    other = {ends[0]: ends[1], ends[1]: ends[0]}
    under_way: list[tuple[float, int, int, bytes]] = []
    count = 0
    while True:
        wait_s = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
        for end in select.select(ends, (), (), wait_s)[0]:
            count += 1
            heapq.heappush(under_way, (time.monotonic() + delay_s, count, other[end], os.read(end, _LONGEST)))
        while under_way and under_way[0][0] <= time.monotonic():
            _, _, end, packet = heapq.heappop(under_way)
            try:
                os.write(end, packet)
            except OSError:  # the device is down: the packet is lost, as on any wire
                continue


if __name__ == "__main__":
    both = device(sys.argv[2]), device(sys.argv[3])
    sys.stderr.write("ready\n")
    carry(both, float(sys.argv[1]))
