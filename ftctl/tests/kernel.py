#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The module's netlink family as the tests want it.

kernel.py SPEC DIR: listens on DIR/kernel. SPEC is uapi/kvm_ft.yaml as JSON,
which is read faster. DIR/state.json, read at each request, says what to answer:

  module    false: the family is not there
  version   attributes of version-get
  vms       list of what vm-get tells
  digest    regs, ram, irqchip; compared. A ram of "file" is made of DIR/ram,
            the memory of QEMU
  slots     what vm-memory tells
  refuse    { command: { errno, msg, attr } }

Attributes are packed and unpacked by the spec, so that a message the spec does
not know fails here. DIR/requests gets one JSON object per request. A line in
the fifo DIR/event is an event: a JSON object of attributes.
"""
import json
import os
import selectors
import socket
import struct
import sys
import zlib

FAMILY_ID, GROUP_ID = 0x21, 5
NLMSG_ERROR, NLMSG_DONE, GENL_CTRL, TEST_JOIN = 2, 3, 0x10, 0xff00
F_MULTI, F_ACK, F_DUMP, F_CAPPED, F_ACK_TLVS = 0x2, 0x4, 0x300, 0x100, 0x200


class Spec:
    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            spec = json.load(f)
        self.enums = {d["name"]: [e["name"] for e in d["entries"]]
                      for d in spec["definitions"]}
        self.sets = {s["name"]: s["attributes"] for s in spec["attribute-sets"]}
        self.ops = spec["operations"]["list"]

    def op(self, number):
        return self.ops[number - 1]

    def number(self, name):
        return 1 + [op["name"] for op in self.ops].index(name)

    def find(self, space, key):
        for n, attr in enumerate(self.sets[space], 1):
            if key in (n, attr["name"]):
                return n, attr
        raise KeyError(f"{space}: no attribute {key}")

    def pack(self, space, values):
        return b"".join(self.pack_one(space, k, one) for k, v in values.items()
                        for one in (v if isinstance(v, list) else [v]))

    def pack_one(self, space, key, value):
        n, attr = self.find(space, key)
        kind = attr["type"]
        if kind == "nest":
            data = self.pack(attr["nested-attributes"], value)
            n |= 0x8000
        elif kind == "flag":
            if not value:
                return b""
            data = b""
        elif kind == "string":
            data = value.encode() + b"\0"
        elif kind == "binary":
            data = socket.inet_pton(socket.AF_INET6, value)
        elif attr.get("display-hint") == "ipv4":
            data = socket.inet_aton(value)
        elif kind == "u16":
            data = struct.pack(">H", value)
        else:
            if isinstance(value, str) and "enum" in attr:
                value = self.enums[attr["enum"]].index(value)
            elif isinstance(value, str):
                value = int(value, 0)
            if kind == "u32":
                data = struct.pack("=I", value)
            else:
                # As nla_put_uint() does.
                data = struct.pack("=I" if value < 2**32 else "=Q", value)
        return nla(n, data)

    def unpack(self, space, data):
        values, offsets, at = {}, {}, 0
        while at < len(data):
            length, n = struct.unpack_from("=HH", data, at)
            body = data[at + 4:at + length]
            flags = n & 0xc000
            n, attr = self.find(space, n & 0x3fff)
            # The kernel insists on the flag of nests.
            assert flags == (0x8000 if attr["type"] == "nest" else 0)
            offsets[attr["name"]] = at
            value = self.unpack_one(attr, body)
            if attr.get("multi-attr"):
                value = values.get(attr["name"], []) + [value]
            values[attr["name"]] = value
            at += (length + 3) & ~3
        return values, offsets

    def unpack_one(self, attr, body):
        kind = attr["type"]
        if kind == "string":
            return body.rstrip(b"\0").decode()
        if kind == "nest":
            return self.unpack(attr["nested-attributes"], body)[0]
        if attr.get("display-hint") == "mac":
            return body.hex(":")
        if kind == "binary":
            return socket.inet_ntop(socket.AF_INET6, body)
        if attr.get("display-hint") == "ipv4":
            return socket.inet_ntoa(body)
        sizes = {"u16": ">H", "u32": "=I", "s32": "=i",
                 "uint": "=Q" if len(body) == 8 else "=I"}
        value, = struct.unpack(sizes[kind], body)
        if kind == "uint":
            return f"0x{value:016x}"
        return self.enums[attr["enum"]][value] if "enum" in attr else value


def nla(n, data):
    return struct.pack("=HH", 4 + len(data), n) + data + b"\0" * (-len(data) % 4)


def nlmsg(kind, flags, seq, pid, data):
    return struct.pack("=IHHII", 16 + len(data), kind, flags, seq, pid) + data


def running(pid):
    try:
        os.readlink(f"/proc/{pid}/exe")
        return True
    except OSError:
        return False


class Kernel:
    def __init__(self, spec, folder):
        self.spec = Spec(spec)
        self.folder = folder
        self.listeners = []

    def path(self, name):
        return os.path.join(self.folder, name)

    def load(self):
        with open(self.path("state.json"), encoding="utf-8") as f:
            return json.load(f)

    def save(self, state):
        # In one step: a test may read it at any time.
        with open(self.path("state.tmp"), "w", encoding="utf-8") as f:
            json.dump(state, f)
        os.rename(self.path("state.tmp"), self.path("state.json"))

    def genl(self, cmd, space, values):
        return struct.pack("=BBH", self.spec.number(cmd), 1, 0) + \
            self.spec.pack(space, values)

    def event(self, vm):
        known = {k: v for k, v in vm.items() if k != "session"}
        msg = nlmsg(FAMILY_ID, 0, 0, 0, self.genl("vm-event", "vm", known))
        for sock in self.listeners:
            sock.send(msg)

    def error(self, header, err, msg=None, offset=None):
        tlvs = b""
        if msg:
            tlvs += nla(1, msg.encode() + b"\0")
        if offset is not None:
            tlvs += nla(2, struct.pack("=I", offset))
        _, _, seq, pid = header[1:]
        flags = F_CAPPED | (F_ACK_TLVS if tlvs else 0)
        return nlmsg(NLMSG_ERROR, flags, seq, pid,
                     struct.pack("=i", -err) + struct.pack("=IHHII", *header) + tlvs)

    def control(self, header, state):
        _, _, _, seq, pid = header
        if not state.get("module", True):
            return [self.error(header, 2)]
        group = nla(1, nla(1, b"events\0") + nla(2, struct.pack("=I", GROUP_ID)))
        return [nlmsg(GENL_CTRL, 0, seq, pid, struct.pack("=BBH", 1, 2, 0) +
                      nla(1, struct.pack("=H", FAMILY_ID)) + nla(2, b"kvm-ft\0") +
                      nla(7, group)),
                self.error(header, 0)]

    def attach(self, state, request, _):
        # A VM goes with its QEMU.
        state["vms"] = [v for v in state["vms"] if running(v.get("pid"))]
        vm = {k: v for k, v in request.items() if not k.endswith("-fd") and k != "device"}
        vm.update({"state": "starting", "reason": "none", "log-bytes": 0})
        if vm["role"] == "secondary":
            vm["local-port"] = 7790
        state["vms"].append(vm)
        return vm

    def change(self, state, vm, new, reason):
        vm.update({"state": new, "reason": reason})
        if new == "disabled":
            state["vms"].remove(vm)
        return vm

    def disable(self, state, vm):
        copy = vm["role"] == "secondary" and vm["state"] != "need-secondary"
        return self.change(state, vm, "dropped" if copy else "disabled", "user-action")

    def request(self, header, body, peer):
        _, _, flags, seq, pid = header
        state = self.load()
        op = self.spec.op(body[0])
        space = op["attribute-set"]
        values, offsets = self.spec.unpack(space, body[4:])
        self.log(op["name"], values, peer)

        refuse = state.get("refuse", {}).get(op["name"])
        if refuse:
            offset = offsets.get(refuse.get("attr"))
            return [self.error(header, refuse["errno"], refuse.get("msg"),
                               None if offset is None else 20 + offset)]
        if op["name"] == "version-get":
            reply = state["version"]
        elif flags & F_DUMP == F_DUMP:
            return [nlmsg(FAMILY_ID, F_MULTI, seq, pid, self.genl("vm-get", "vm", vm))
                    for vm in state["vms"]] + \
                   [nlmsg(NLMSG_DONE, F_MULTI, seq, pid, struct.pack("=i", 0))]
        elif op["name"] == "vm-attach":
            reply = None
            self.changed(state, self.attach(state, values, peer))
        else:
            vm = next((v for v in state["vms"] if v["name"] == values["name"]), None)
            if not vm:
                return [self.error(header, 2, "no VM of this name is attached on this host",
                                   20 + offsets["name"])]
            if op["name"] == "vm-memory" and vm["state"] != "starting":
                return [self.error(header, 16, "its memory may change")]
            reply = self.vm_request(op["name"], state, vm)
        if reply is None:
            return [self.error(header, 0)]
        return [nlmsg(FAMILY_ID, 0, seq, pid, self.genl(op["name"], space, reply)),
                self.error(header, 0)]

    def vm_request(self, name, state, vm):
        if name == "vm-get":
            return vm
        if name == "vm-digest":
            return {"name": vm["name"], "digest": self.digest(state)}
        if name == "vm-memory":
            return {"name": vm["name"], "slot": state["slots"]}
        self.changed(state, {
            "vm-start": lambda: self.change(state, vm, "running", "none"),
            "vm-promote": lambda: self.change(state, vm, "need-secondary",
                                              "lost-connection"),
            "vm-test-failover": lambda: self.change(state, vm, "dropped",
                                                    "test-failover"),
            "vm-disable": lambda: self.disable(state, vm),
        }[name]())
        return None

    def digest(self, state):
        digest = dict(state["digest"])
        if digest["ram"] == "file":
            with open(self.path("ram"), "rb") as f:
                digest["ram"] = zlib.crc32(f.read())
        return digest

    def changed(self, state, vm):
        self.save(state)
        self.event(vm)

    def log(self, name, values, peer):
        for key in "vm-fd", "vcpu-fd", "fd":
            for one in [values] + values.get("device", []):
                if key in one:
                    # What the descriptor is, not its number.
                    one[key] = os.readlink(f"/proc/{peer}/fd/{one[key]}")
        with open(self.path("requests"), "a", encoding="utf-8") as f:
            f.write(json.dumps({"cmd": name, **values}) + "\n")

    def serve(self, sock):
        data = sock.recv(65536)
        if not data:
            return False
        header = struct.unpack_from("=IHHII", data)
        kind = header[1]
        creds = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        peer = struct.unpack("=iII", creds)[0]
        if kind == TEST_JOIN:
            self.listeners.append(sock)
            return True
        if kind == GENL_CTRL:
            answers = self.control(header, self.load())
        else:
            answers = self.request(header, data[16:], peer)
        for answer in answers:
            sock.send(answer)
        return True

    def run(self):
        sel = selectors.DefaultSelector()
        server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        os.mkfifo(self.path("event"))
        # For reading and writing: no end of file between two writers.
        events = os.fdopen(os.open(self.path("event"), os.O_RDWR), encoding="utf-8")
        server.bind(self.path("kernel"))
        server.listen(16)
        sel.register(server, selectors.EVENT_READ)
        sel.register(events, selectors.EVENT_READ)
        while True:
            for key, _ in sel.select():
                if key.fileobj is server:
                    sel.register(server.accept()[0], selectors.EVENT_READ)
                elif key.fileobj is events:
                    self.event(json.loads(events.readline()))
                elif not self.serve(key.fileobj):
                    sel.unregister(key.fileobj)
                    if key.fileobj in self.listeners:
                        self.listeners.remove(key.fileobj)
                    key.fileobj.close()


if __name__ == "__main__":
    Kernel(sys.argv[1], sys.argv[2]).run()
