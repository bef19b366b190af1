#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# enable where the copies' memory differs: what differs is sent, and only that.

load lib

LOW=$((5 << 20)) HIGH=$((256 << 10)) HIGH_GPA=$((0xfffc0000))

setup() {
	host host1
	host host2
	for h in host2 host1; do
		here $h
		# What is highest for the guest comes first in QEMU.
		truncate -s $((HIGH + LOW)) ram
		state ".digest.ram = \"file\" | .slots = [
			{ gpa: 0, size: $LOW, address: ($((1 << 40)) + $HIGH) },
			{ gpa: $HIGH_GPA, size: $HIGH, address: $((1 << 40)) }]"
	done
	tamper
	guest vm0
}

# tamper [SED-SCRIPT [SED-SCRIPT]]: change what is sent to the peer, and what it
# answers. What is sent is in the file "sent".
tamper() {
	local bin=$BATS_TEST_TMPDIR/bin

	mkdir -p "$bin"
	cat >"$bin/ssh" <<-EOF
	#!/bin/bash
	sed -u '${1-}' | tee -a '$BATS_TEST_TMPDIR/sent' | '$TOP/tests/bin/ssh' "\$@" | sed -u '${2-}'
	EOF
	chmod +x "$bin/ssh"
	[[ $PATH == "$bin:"* ]] || PATH=$bin:$PATH
}

# write HOST GPA [TEXT]: into the guest's memory.
write() {
	local at=$(($2 < LOW ? $2 + HIGH : $2 - HIGH_GPA))

	printf %s "${3-x}" | dd of="$BATS_TEST_TMPDIR/$1/ram" bs=1 seek=$at conv=notrunc status=none
}

# sent JQ-FILTER: of what was sent to the peer.
sent() {
	jq -c "$1" "$BATS_TEST_TMPDIR/sent"
}

same_memory() {
	cmp "$BATS_TEST_TMPDIR/host1/ram" "$BATS_TEST_TMPDIR/host2/ram"
}

@test "mend: equal at once, nothing is sent" {
	write host1 0x1234
	write host2 0x1234
	enable
	ends 0
	[[ $(requests host1) == *"vm-attach vm-digest vm-start" ]]
	[[ $output != *mended* ]]
	[[ -z $(sent 'select(.op == "hashes" or .op == "pages")') ]]
}

@test "mend: the pages that differ are sent, and no others" {
	write host1 0x1fffff
	write host2 0x200000
	write host1 0x4fffff
	write host1 0xfffc1ffe abcd
	enable
	ends 0
	says "5 pages mended"
	says "vm0 is protected"
	same_memory
	[[ $(sent 'select(.op == "pages").pages[].gpa' | xargs printf '%x ') == \
		"1ff000 200000 4ff000 fffc1000 fffc2000 " ]]
	# Pages were compared where the larger pieces differ.
	[[ $(sent 'select(.op == "hashes" and .step == 4096) | [.gpa, .len]') == \
		$'[0,2097152]\n[2097152,2097152]\n[4194304,1048576]\n[4294705152,262144]' ]]
	[[ $(requests host1) == *"vm-attach vm-digest vm-memory vm-digest vm-start" ]]
}

@test "mend: many pages are sent in messages of 64" {
	for ((i = 0; i < 130; i++)); do
		write host1 $((i * 8192))
	done
	enable
	ends 0
	says "memory: 100 % 130 pages mended"
	same_memory
	[[ $(sent 'select(.op == "pages").pages | length' | paste -sd' ') == "64 64 2" ]]
}

@test "mend: -j, nothing is said of it" {
	write host1 0
	run bash -c "'$FTCTL' -j enable vm0 --peer host2 --addr 127.0.0.1 \
		--peer-addr 127.0.0.1 2>'$BATS_TEST_TMPDIR/stderr'"
	ends 0
	field .state running
	[[ ! -s $BATS_TEST_TMPDIR/stderr ]]
	same_memory
}

@test "mend: memory that differs still is refused" {
	write host1 0
	here host2
	state '.digest.ram = "0x22"'
	here host1
	enable
	ends 1
	says "1 pages mended"
	says "comparing the two copies: the copy is not equal; what differs: ram"
	as_before
}

@test "mend: where not only memory differs, nothing is mended" {
	write host1 0
	here host2
	state '.digest.regs = "0x11"'
	here host1
	enable
	ends 1
	says "what differs: regs, ram"
	[[ -z $(sent 'select(.op == "hashes" or .op == "pages")') ]]
	[[ $(requests host1) != *vm-memory* ]]
	as_before
}

# refused SENTENCE: it is, and why is said.
refused() {
	enable
	ends 1
	says "comparing the two copies: $1"
	as_before
}

@test "mend: a peer that answers no hashes is refused" {
	write host1 0
	for nonsense in '' '"hashes":"",' '"hashes":7,' '"hashes":"AAAA",' \
			'"hashes":"\1!",'; do
		tamper '' "s|\"hashes\":\"\([^\"]*\)\",|$nonsense|"
		refused "host2 does not answer with hashes of the copy"
	done
}

@test "mend: a peer takes what are pages of its copy and nothing else" {
	write host1 0
	for nonsense in 's|"gpa":0,||' 's|"gpa":0,|"gpa":"0",|' 's|"gpa":0,|"gpa":4095,|' \
			's|"data":"..|"data":"|' 's|"data":"|&AAAA|' 's|"data":".|&!|' \
			's|"data":"[^"]*"|"data":[]|' 's|"pages":\[|&7,|'; do
		tamper "/\"op\":\"pages\"/$nonsense"
		refused "host2: what was sent is no page of guest memory"
	done
	for nonsense in 's|"pages":.*\]|"pages":[]|' 's|"pages":.*\]|"pages":7|' \
			's|"pages":\[\(.*\)\]|"pages":[\1,\1,\1,\1,\1,\1,\1,\1]|;s|\[\(.*\)\]|[\1,\1,\1,\1,\1,\1,\1,\1,7]|'; do
		tamper "/\"op\":\"pages\"/{$nonsense}"
		refused "host2: not 1 to 64 pages of guest memory"
	done
	for gpa in -4096 $LOW $((HIGH_GPA - 4096)) $((HIGH_GPA + HIGH)); do
		tamper "/\"op\":\"pages\"/s|\"gpa\":0,|\"gpa\":$gpa,|"
		refused "host2: the guest has no 4096 bytes of memory at 0x"
	done
}

@test "mend: a peer hashes its copy and nothing else" {
	write host1 0
	for nonsense in 's|"step":[0-9]*|"step":0|' 's|"step":[0-9]*|"step":1|' \
			's|"len":[0-9]*|"len":0|' 's|"len":[0-9]*|"len":-1|'; do
		tamper "/\"op\":\"hashes\"/$nonsense"
		refused "host2: no such hashes: "
	done
	for nonsense in "s|\"len\":[0-9]*|\"len\":$((LOW + 1))|" 's|"gpa":0|"gpa":4096|' \
			's|"gpa":0|"gpa":-1|'; do
		tamper "/\"op\":\"hashes\"/$nonsense"
		refused "host2: the guest has no "
	done
}

@test "mend: a peer has no copy but the one that it made" {
	state '.vms = [{name: "vm0", role: "secondary", state: "starting", reason: "none"}]'
	run "$FTCTL" peer <<-'EOF'
	{"op":"hashes","name":"vm0","gpa":0,"len":4096,"step":4096}
	{"op":"pages","name":"vm0","pages":[]}
	EOF
	ends 0
	[[ $(jq -r .error <<<"$output") == $'there is no copy\nthere is no copy' ]]
}

@test "mend: a guest or a copy whose memory may change is left alone" {
	write host1 0
	here host2
	state '.refuse["vm-memory"] = {errno: 16, msg: "its memory may change"}'
	here host1
	refused "host2: its memory may change"
	state '.refuse["vm-memory"] = {errno: 16, msg: "its memory may change"}'
	refused "its memory may change"
}

@test "mend: a copy whose memory cannot be written" {
	write host1 0
	qemu_says host2 '{"ram": "read-only"}'
	refused "host2: the guest's memory at 0x0: "
}
