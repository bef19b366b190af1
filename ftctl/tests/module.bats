#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# What is made of the module's answers, and of its refusals.

load lib

setup() {
	host host1
	here host1
}

VM='{
	name: "vm0", role: "primary", "on-loss": "promote", session: "0xfedcba9876543210",
	pid: 4711, "local-ipv4": "10.77.1.1", "local-port": 40000,
	"peer-ipv6": "fd00::2", "peer-scope-id": 3, "peer-port": 7790,
	state: "running", reason: "none", "lag-bytes": 123, "unacked-bytes": 45,
	"log-bytes": 5000000000, "log-size": 16777216, branches: 9007199254740991,
	stats: { exits: 1, "entries-sync": 2, "entries-async": 3, outputs: 4,
		deferrals: 5, "full-waits": 6, "starved-waits": 7, breakpoints: 8,
		overflows: 9, "skid-max": 10, digests: 11, "packets-held": 12,
		batches: 13, "dma-bytes": 5000000001, requests: 15, "disk-bytes": 16,
		"inputs-merged": 17, "hold-max": 18, "hold-full": 19,
		"requests-resubmitted": 20 }
}'

@test "version: of tool and module, for people and as JSON" {
	run "$FTCTL" version
	ends 0
	says "kvm_ft 9.8.7"
	says "version 1 to 2"
	says "svm"
	says "50 ms, lost after 200 ms"
	run "$FTCTL" -j version
	ends 0
	field .module 9.8.7
	field '."log-size"' 16777216
	field .ftctl "$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$TOP/../dkms.conf")"
}

@test "version: without the module the tool's own is still told" {
	state '.module = false'
	run bash -c "'$FTCTL' -j version 2>/dev/null"
	ends 1
	field 'keys | join(" ")' ftctl
}

@test "version: a processor that is not supported" {
	state 'del(.version.vendor)'
	run "$FTCTL" version
	ends 0
	says "not supported"
}

@test "status: none" {
	run "$FTCTL" status
	ends 0
	says "no VM is protected"
	run "$FTCTL" -j status
	ends 0
	field length 0
}

@test "status: everything the module tells is in the JSON, under the spec's names" {
	state ".vms = [$VM | .divergence = \"entry 7\"]"
	run "$FTCTL" -j status vm0
	ends 0
	# What was packed by the spec is what came out, numbers and words alike.
	want=$(jq -S '.vms[0]' "$FTCTL_TEST_DIR/state.json")
	[[ $(jq -S 'del(."log-rate")' <<<"$output") == "$want" ]]
	# Nothing of vm-get's reply in the spec is missing in this test.
	missing=$(python3 -c 'import json, sys, yaml
spec = yaml.safe_load(open(sys.argv[1]))
get = next(o for o in spec["operations"]["list"] if o["name"] == "vm-get")
stats = next(s for s in spec["attribute-sets"] if s["name"] == "stats")
vm = json.loads(sys.argv[2])
print(*set(get["do"]["reply"]["attributes"]) - set(vm),
      *{a["name"] for a in stats["attributes"]} - set(vm["stats"]))' \
		"$TOP/../uapi/kvm_ft.yaml" "$output")
	[[ $(tr ' ' '\n' <<<"$missing" | sort | paste -sd' ') == "local-ipv6 local-scope-id peer-ipv4" ]]
}

@test "status: for people" {
	state ".vms = [$VM]"
	run "$FTCTL" status
	ends 0
	says "vm0: primary, running (protected)"
	says "10.77.1.1:40000"
	says "[fd00::2]:7790"
	says "123 bytes, 45 of them not acknowledged"
	says "Mbit/s"
	says "9007199254740991 branches"
}

@test "status: a state with its reason, and the divergence" {
	state ".vms = [$VM | .state = \"dropped\" | .reason = \"divergence\" |
		.role = \"secondary\" | .divergence = \"entry 7: TSC, MSR asked\"]"
	run "$FTCTL" status vm0
	ends 0
	says "vm0: secondary, dropped (divergence)"
	says "entry 7: TSC, MSR asked"
	# A VM that is not running has no rate, and is not waited for.
	[[ $output != *Mbit* ]]
}

@test "status: words of a newer module are told by number" {
	state ".vms = [$VM | .reason = 99]"
	run "$FTCTL" -j status vm0
	ends 0
	field .reason reason-99
}

@test "status: many VMs as an array, one as an object, an unknown one fails" {
	state ".vms = [$VM, ($VM | .name = \"vm1\")]"
	run "$FTCTL" -j status
	ends 0
	field 'map(.name) | join(" ")' "vm0 vm1"
	run "$FTCTL" status -j vm1
	field .name vm1
	run "$FTCTL" status vm2
	ends 1
	says "'vm2'"
}

@test "the kernel's sentence, the bad attribute and the error reach the user" {
	state '.refuse["vm-digest"] = {errno: 16, msg: "the guest is asleep", attr: "name"}'
	run "$FTCTL" digest vm0
	ends 1
	says "ftctl: digest: vm0: the guest is asleep (name: Device or resource busy)"
}

@test "a refusal without a sentence fails as well" {
	state '.refuse["vm-promote"] = {errno: 22}'
	run "$FTCTL" promote vm0
	ends 1
	says "Invalid argument"
	state '.refuse["vm-promote"] = {errno: 1}'
	run "$FTCTL" promote vm0
	ends 1
	says "CAP_NET_ADMIN"
}

@test "a dump that is refused fails" {
	state '.refuse["vm-get"] = {errno: 13, msg: "not today"}'
	run "$FTCTL" -j status
	ends 1
	says "not today"
}

@test "a VM the module does not know" {
	for c in disable promote test-failover digest; do
		run "$FTCTL" $c vm0
		ends 1
		says "no VM of this name"
	done
}

@test "promote and test-failover tell the state they led to" {
	state ".vms = [$VM | .role = \"secondary\" | .state = \"need-decision\"]"
	run "$FTCTL" promote vm0
	ends 0
	says "vm0: secondary, need-secondary (lost-connection)"
	state ".vms = [$VM]"
	run "$FTCTL" -j test-failover vm0
	ends 0
	field .state dropped
	[[ $(requests host1) == "vm-promote vm-get vm-test-failover vm-get" ]]
}

@test "digest: of one host, of both, and as JSON without losing bits" {
	state ".vms = [$VM]"
	run "$FTCTL" digest vm0
	ends 0
	says "of this host alone"
	run "$FTCTL" -j digest vm0
	field .digest.regs 0xffffffffffffffff
	field .digest.compared false
	state '.digest.compared = true'
	run "$FTCTL" digest vm0
	says "equal on both hosts"
	run "$FTCTL" -j digest vm0
	field .digest.compared true
}

# In one step, since a test may look while it is written.
monitor() {
	"$FTCTL" "$@" monitor >"$BATS_TEST_TMPDIR/events" 2>"$BATS_TEST_TMPDIR/errors" 3>&- &
	monitor_pid=$!
	echo $monitor_pid >>"$BATS_TEST_TMPDIR/pids"
}

# Events from before it listens are not its business: send until one is seen.
event_seen() {
	jq -cn "$1" >"$FTCTL_TEST_DIR/event"
	grep -q "$2" "$BATS_TEST_TMPDIR/events"
}

@test "monitor: one JSON object per line, as they come" {
	monitor -j
	until_true event_seen "$VM | .state = \"need-decision\"" need-decision
	until_true event_seen "$VM | .name = \"vm1\"" vm1
	alive $monitor_pid
	while read -r line; do
		jq -e 'has("name") and has("state") and has("time")' <<<"$line"
	done <"$BATS_TEST_TMPDIR/events"
	output=$(head -n1 "$BATS_TEST_TMPDIR/events")
	field .state need-decision
}

@test "monitor: for people" {
	monitor
	until_true event_seen "$VM | .state = \"need-secondary\" | .reason = \"lost-connection\"" \
		'vm0: primary, need-secondary (lost-connection)'
	grep -Eq '^[0-9-]{10}T[0-9:]{8}\.[0-9]{3}Z vm0' "$BATS_TEST_TMPDIR/events"
}

@test "monitor: fails when there is nothing more to hear" {
	monitor
	until_true event_seen "$VM" vm0
	kill -9 "$(head -n1 "$BATS_TEST_TMPDIR/pids")"
	rc=0
	wait $monitor_pid || rc=$?
	[[ $rc == 1 ]]
	grep -q "no more events" "$BATS_TEST_TMPDIR/errors"
}
