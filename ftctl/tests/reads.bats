#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# enable --secondary-reads: both hosts open what is on the guest's LUNs, and it is
# refused where they cannot, or where it would not be the same.

load lib

setup() {
	host host1
	host host2
	here host1
	lun host1
	lun host2
}

# disk [ARGUMENTS]: a guest with one, and these.
disk() {
	guest_with -device "vhost-scsi-pci,id=d0,wwpn=naa.5001405000000001,num_queues=1,migratable=on" \
		"$@"
}

refused() {
	enable --secondary-reads
	ends 1
	says "vm0 is not protected: checking the guest and both hosts: "
	says "$1"
	[[ $(cat "$BATS_TEST_TMPDIR"/host?/requests) != *vm-attach* ]]
}

# numbers HOST: of the LUNs that its module was told of.
numbers() {
	devices "$1" | jq -c '.[0].lun // [] | map(.number)'
}

@test "secondary-reads: both modules are told where the LUNs' bytes are" {
	lun host1 7
	lun host2 7
	disk
	enable --secondary-reads
	ends 0
	[[ $(numbers host1) == "[0,7]" && $(numbers host2) == "[0,7]" ]]
	devices host1 | jq -e '.[0].lun | map(.fd) | (min > 2 and .[0] != .[1])'
}

@test "secondary-reads: not unless it is asked for" {
	disk
	enable
	ends 0
	[[ $(numbers host1) == "[]" && $(numbers host2) == "[]" ]]
}

@test "secondary-reads: a guest without a disk, and one with two" {
	guest_with
	refused "the guest has no disk that the secondary could read"
	guest_ends
	disk -device "vhost-scsi-pci,id=d1,wwpn=naa.5001405000000001,num_queues=1,migratable=on"
	refused "the guest has 2 disks of vhost-scsi: have one with all LUNs"
}

@test "secondary-reads: other backstores" {
	local core

	for h in host1 host2; do
		core=$BATS_TEST_TMPDIR/$h/target/core
		mv "$core/iblock_0" "$core/pscsi_0"
		ln -sfn ../../../../../core/pscsi_0/disk0 \
			"$BATS_TEST_TMPDIR/$h/target/vhost/naa.5001405000000001/tpgt_1/lun/lun_0/link"
	done
	disk
	refused "disk 'd0': the secondary cannot read tpgt_1/lun_0 here: its backstore is not iblock"
}

@test "secondary-reads: a block device without a name" {
	disk
	rm "$BATS_TEST_TMPDIR/host2/block/254:30/uevent"
	refused "cannot read tpgt_1/lun_0 on host2: its block device has no name"
}

@test "secondary-reads: what is unmapped and does not read as zeroes" {
	local attrib

	for h in host1 host2; do
		attrib=$BATS_TEST_TMPDIR/$h/target/core/iblock_0/disk0/attrib
		echo 1 >"$attrib/emulate_tpu"
		echo 0 >"$attrib/unmap_zeroes_data"
	done
	disk
	refused "cannot read tpgt_1/lun_0: what is unmapped of it need not read as zeroes"
	for h in host1 host2; do
		echo 1 >"$BATS_TEST_TMPDIR/$h/target/core/iblock_0/disk0/attrib/unmap_zeroes_data"
	done
	enable --secondary-reads
	ends 0
}

@test "secondary-reads: two LUNs of one storage" {
	for h in host1 host2; do
		lun "$h" 1
		echo "T10 VPD Unit Serial Number: serial-0" \
			>"$BATS_TEST_TMPDIR/$h/target/core/iblock_0/disk1/wwn/vpd_unit_serial"
	done
	disk
	refused "cannot read tpgt_1/lun_0 and tpgt_1/lun_1: both are the storage 'serial-0'"
}

@test "secondary-reads: several portal groups, too many LUNs" {
	for h in host1 host2; do
		for n in {1..16}; do
			lun $h "$n"
		done
	done
	disk
	refused "disk 'd0' has more than 16 LUNs"
	for h in host1 host2; do
		cp -a "$BATS_TEST_TMPDIR/$h/target/vhost/naa.5001405000000001/tpgt_1" \
			"$BATS_TEST_TMPDIR/$h/target/vhost/naa.5001405000000001/tpgt_2"
	done
	refused "disk 'd0' has several portal groups"
}

@test "secondary-reads: what cannot be opened on the peer leaves nothing behind" {
	disk
	rm "$BATS_TEST_TMPDIR/host2/dev/disk0"
	enable --secondary-reads
	ends 1
	says "starting QEMU on the peer: host2: cannot read $BATS_TEST_TMPDIR/host2/dev/disk0 past the cache"
	[[ $(requests host2) != *vm-attach* ]]
}
