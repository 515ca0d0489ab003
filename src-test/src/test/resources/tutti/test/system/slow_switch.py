"""An Ethernet switch that delays every frame and loses some.

usage: slow_switch.py DELAY_MS LOSS SEED PORT...

Makes a tap device for every PORT and says "ready". Switches until its input ends, then says how many frames it carried and lost.
Exit code 77: this machine has no tap devices for us.
"""
import collections
import fcntl
import os
import random
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
FRAME_BYTES = 1 << 16


def tap(name):
    try:
        port = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(port, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    except OSError as e:
        print(e)
        sys.exit(77)
    return port


def write(port, frame):
    try:
        os.write(port, frame)
    except OSError:
        # Its host is not up yet or not any more: a frame lost.
        pass


delay, loss, dice = float(sys.argv[1]) / 1000, float(sys.argv[2]), random.Random(int(sys.argv[3]))
ports = [tap(name) for name in sys.argv[4:]]
print("ready", flush=True)

where = {}
waiting = collections.deque()
carried = lost = 0
while True:
    wait = max(0, waiting[0][0] - time.monotonic()) if waiting else None
    readable = select.select(ports + [sys.stdin], [], [], wait)[0]
    if sys.stdin in readable:
        break
    for port in readable:
        try:
            frame = os.read(port, FRAME_BYTES)
        except OSError:
            continue
        if dice.random() < loss:
            lost += 1
        else:
            waiting.append((time.monotonic() + delay, port, frame))
    now = time.monotonic()
    while waiting and waiting[0][0] <= now:
        _, source, frame = waiting.popleft()
        carried += 1
        where[frame[6:12]] = source
        known = where.get(frame[:6])
        for port in [known] if known is not None else ports:
            if port != source:
                write(port, frame)
print("carried", carried, "lost", lost, flush=True)
