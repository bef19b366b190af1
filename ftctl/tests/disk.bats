#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# Disks: how a guest may have them, and that the LUNs behind them are the same on
# both hosts, as far as they can be told apart.

load lib

setup() {
	host host1
	host host2
	here host1
	lun host1
	lun host2
	store1=$BATS_TEST_TMPDIR/host1/target/core/iblock_0/disk0
	store2=$BATS_TEST_TMPDIR/host2/target/core/iblock_0/disk0
	target2=$BATS_TEST_TMPDIR/host2/target/vhost/naa.5001405000000001
	peer_too host2
}

# disk [PROPERTIES]: a guest with this one.
disk() {
	guest_with -device "vhost-scsi-pci,id=d0,wwpn=naa.5001405000000001,${1:-num_queues=1,migratable=on}"
}

# refused SENTENCE: as the only obstacle, and by enable, which begins nothing.
refused() {
	obstacles "$1"
	enable
	ends 1
	says "checking the guest and both hosts: "
	says "$1"
	[[ $(cat "$BATS_TEST_TMPDIR"/host?/requests) != *vm-attach* ]]
}

@test "disk: the same LUNs on both hosts" {
	lun host1 1
	lun host2 1
	disk
	run "$FTCTL" check vm0 --peer host2
	ends 0
	enable
	ends 0
	devices host1 | jq -e '.[0] | has("fd") and (has("ifindex") | not)'
}

@test "disk: with several queues" {
	disk num_queues=4,migratable=on
	refused "disk 'd0' has several queues: set num_queues=1 on it"
}

@test "disk: not said to be on storage that both hosts reach" {
	disk num_queues=1
	refused "disk 'd0' is not said to be on storage that the peer reaches, too"
}

@test "disk: with protection information" {
	disk num_queues=1,migratable=on,t10_pi=on
	refused "disk 'd0' has protection information: set t10_pi=off on it"
}

@test "disk: the peer has no such target, or one that vhost would not find" {
	local why="disk 'd0' is not to be reached on host2: make a target naa.5001405000000001 there, with a nexus and the same LUNs as here"

	disk
	rm "$target2/tpgt_1/nexus"
	refused "$why"
	rm -r "$BATS_TEST_TMPDIR/host2/target"
	refused "$why"
}

@test "disk: the LUNs of this host cannot be looked at" {
	disk
	rm -r "$BATS_TEST_TMPDIR/host1/target"
	refused "disk 'd0': the target naa.5001405000000001 is not to be found here in $BATS_TEST_TMPDIR/host1/target"
}

@test "disk: a LUN is missing on one of the hosts" {
	disk
	lun host1 1
	refused "disk 'd0': host2 has no tpgt_1/lun_1: give the target naa.5001405000000001 the same LUNs on both hosts"
	lun host2 1
	lun host2 2
	refused "disk 'd0': this host has no tpgt_1/lun_2: give"
	# A portal group is what the guest calls a target.
	rm -r "$target2/tpgt_1/lun/lun_2"
	mv "$target2/tpgt_1" "$target2/tpgt_2"
	obstacles "host2 has no tpgt_1/lun_0" "host2 has no tpgt_1/lun_1" \
		"this host has no tpgt_2/lun_0" "this host has no tpgt_2/lun_1"
}

@test "disk: another storage on the peer" {
	disk
	echo "T10 VPD Unit Serial Number: other" >"$store2/wwn/vpd_unit_serial"
	# One sentence: all else may differ, too.
	echo 4096 >"$store2/attrib/block_size"
	refused "disk 'd0': tpgt_1/lun_0 is another storage on host2, its unit serial is 'other' there and 'serial-0' here: export the same one there, and give both the same (wwn/vpd_unit_serial of core/iblock_0/disk0)"
}

@test "disk: what storage it is cannot be told" {
	disk
	echo "T10 VPD Unit Serial Number: " >"$store1/wwn/vpd_unit_serial"
	echo "T10 VPD Unit Serial Number: " >"$store2/wwn/vpd_unit_serial"
	obstacles "disk 'd0': tpgt_1/lun_0 has no unit serial here, which tells that both hosts have the same storage: write one to wwn/vpd_unit_serial of core/iblock_0/disk0, the same on both hosts, before it is made a LUN" \
		"disk 'd0': tpgt_1/lun_0 has no unit serial on host2"
	enable
	ends 1
	says "has no unit serial here"
}

@test "disk: storage of one host's memory" {
	local core

	disk
	core=$BATS_TEST_TMPDIR/host2/target/core
	mv "$core/iblock_0" "$core/rd_mcp_0"
	ln -sfn ../../../../../core/rd_mcp_0/disk0 "$target2/tpgt_1/lun/lun_0/link"
	printf 'Status: ACTIVATED\n        TCM RamDisk ID: 0  RamDisk Makeup: rd_mcp\n' \
		>"$core/rd_mcp_0/disk0/info"
	run "$FTCTL" check vm0 --peer host2
	ends 1
	says "disk 'd0': tpgt_1/lun_0 is in memory on host2: use storage that both hosts reach"
}

@test "disk: a file that the host's memory caches writes to" {
	disk
	for store in "$store1" "$store2"; do
		printf 'Status: ACTIVATED\n        TCM FILEIO ID: 0        File: /shared/f  Size: 1024  Mode: Buffered-WCE Async: 0\n' \
			>"$store/info"
	done
	obstacles "disk 'd0': writes to tpgt_1/lun_0 wait in memory here, and would be lost with the host: make core/iblock_0/disk0 anew without fd_buffered_io" \
		"disk 'd0': writes to tpgt_1/lun_0 wait in memory on host2"
}

@test "disk: a block device that is read through the host's cache" {
	disk
	mknod "$BATS_TEST_TMPDIR/blk" b 7 99
	for store in "$store1" "$store2"; do
		printf 'Status: ACTIVATED\n        TCM FILEIO ID: 0        File: %s  Size: 1024  Mode: O_DSYNC Async: 0\n' \
			"$BATS_TEST_TMPDIR/blk" >"$store/info"
	done
	obstacles "disk 'd0': tpgt_1/lun_0 is a block device behind fileio, whose cache here does not know what the other host writes: use iblock, or fd_async_io=1" \
		"disk 'd0': tpgt_1/lun_0 is a block device behind fileio, whose cache on host2"
	sed -i 's/Async: 0/Async: 1/' "$store1/info" "$store2/info"
	run "$FTCTL" check vm0 --peer host2
	ends 0
}

@test "disk: a file, of the same size or not" {
	disk
	for store in "$store1" "$store2"; do
		printf 'Status: ACTIVATED\n        TCM FILEIO ID: 0        File: /shared/f  Size: 1024  Mode: O_DSYNC Async: 0\n' \
			>"$store/info"
	done
	run "$FTCTL" check vm0 --peer host2
	ends 0
	sed -i 's/Size: 1024/Size: 2048/' "$store2/info"
	refused "the size of its storage is '2048' there and '1024' here"
}

@test "disk: what a guest would see differ is named" {
	local dir=$BATS_TEST_TMPDIR/host2

	disk
	# differs FILE VALUE NAME SAYS
	differs() {
		local was

		was=$(<"$1")
		echo "$2" >"$1"
		refused "disk 'd0': tpgt_1/lun_0 is not on host2 as the guest knows it, $3: make them the same"
		echo "$was" >"$1"
	}
	differs "$store2/attrib/emulate_write_cache" 1 \
		"attrib/emulate_write_cache of core/iblock_0/disk0 is '1' there and '0' here"
	differs "$store2/attrib/block_size" 4096 \
		"attrib/block_size of core/iblock_0/disk0 is '4096' there and '512' here"
	differs "$store2/wwn/vendor_id" ACME \
		"wwn/vendor_id of core/iblock_0/disk0 is 'ACME' there and 'LIO-ORG' here"
	differs "$dir/block/254:30/size" 8 \
		"the size of its storage is '4096' there and '268435456' here"
	differs "$dir/block/254:30/queue/write_cache" "write through" \
		"queue/write_cache of its block device is 'write through' there and 'write back' here"
	differs "$store2/info" "iBlock device: vdc  readonly: 1
        Major: 254 Minor: 30  CLAIMED: IBLOCK" "readonly of core/iblock_0/disk0 is '1' there and '0' here"
}

@test "disk: an attribute that one host does not have" {
	disk
	echo 1 >"$store1/attrib/emulate_new"
	refused "attrib/emulate_new of core/iblock_0/disk0 is 'absent' there and '1' here"
	rm "$store1/attrib/emulate_new"
	echo 0 >"$store2/attrib/emulate_new"
	refused "attrib/emulate_new of core/iblock_0/disk0 is '0' there and 'absent' here"
}

@test "disk: all that differs is told" {
	disk
	echo ACME >"$store2/wwn/vendor_id"
	echo 1 >"$store2/attrib/emulate_tpu"
	echo 1 >"$store2/attrib/emulate_tpws"
	run "$FTCTL" check vm0 --peer host2
	says wwn/vendor_id
	says attrib/emulate_tpu
	says attrib/emulate_tpws
}

@test "disk: what a guest does not see may differ" {
	disk
	# What the hosts' own adapters do, and what is told with thin provisioning only.
	echo 64 >"$store2/attrib/hw_max_sectors"
	echo 8 >"$store2/attrib/unmap_granularity"
	run "$FTCTL" check vm0 --peer host2
	ends 0
	echo 1 >"$store1/attrib/emulate_tpu"
	echo 1 >"$store2/attrib/emulate_tpu"
	refused attrib/unmap_granularity
}

@test "disk: on a partition" {
	local block=$BATS_TEST_TMPDIR/host2/block

	disk
	mkdir -p "$block/vdc"
	mv "$block/254:30/queue" "$block/vdc/"
	mv "$block/254:30" "$block/vdc/vdc1"
	ln -s vdc/vdc1 "$block/254:30"
	run "$FTCTL" check vm0 --peer host2
	ends 0
	echo none >"$block/vdc/queue/write_cache"
	refused queue/write_cache
}
