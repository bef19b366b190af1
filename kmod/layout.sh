#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Finds the target kernel's image and its KVM and vhost modules, unpacks them and has mklayout
# read them. Called by Kbuild:
#
#   layout.sh RELEASE KDIR MKLAYOUT LIST OUTPUT
#
# KVM_FT_VMLINUX names the image, KVM_FT_MODULES the folder of the modules, when
# they are in no usual place.

set -u

release=$1 kdir=$2 mklayout=$3 list=$4 output=$5
modules=${KVM_FT_MODULES:-/lib/modules/$release}

die() {
	printf 'kvm_ft: %s\n' "$*" >&2
	exit 1
}

tmp=$(mktemp -d) || exit
trap 'rm -rf "$tmp"' EXIT

# unpack FILE MAGIC: to stdout. What follows the packed data in a kernel image
# makes the tools complain after they have done all their work, so it is what
# comes out that is looked at, by the caller.
unpack() {
	case $2 in
	1f8b*) tool=gzip ;;
	fd377a58*) tool=xz ;;
	28b52ffd*) tool=zstd ;;
	02214c18*) tool=lz4 ;;
	425a68*) tool=bzip2 ;;
	5d0000*) tool=lzma ;;
	894c5a4f*) tool=lzop ;;
	*) cat "$1"; return ;;
	esac
	command -v "$tool" >/dev/null || die "$tool is needed to unpack $3; install it"
	"$tool" -dc <"$1" 2>/dev/null
}

# number FILE OFFSET BYTES: a little-endian number in a file.
number() {
	od -An -v -j "$2" -N "$3" -t "u$3" "$1" | tr -d ' '
}

# magic FILE OFFSET BYTES: some of its bytes in hex, as far as it has them.
magic() {
	tail -c +$(($2 + 1)) "$1" | head -c "$3" | od -An -v -t x1 | tr -d ' \n'
}

# plain FILE OUT: FILE itself, or the ELF file that is packed in it.
plain() {
	payload=$1
	if [ "$(magic "$1" 514 4)" = 48647253 ]; then
		# A bzImage: its header tells where the packed kernel lies. The
		# last four bytes are its unpacked size.
		start=$((($(number "$1" 497 1) + 1) * 512 + $(number "$1" 584 4)))
		length=$(number "$1" 588 4)
		payload=$tmp/payload
		tail -c +$((start + 1)) "$1" | head -c $((length - 4)) >"$payload"
	fi
	unpack "$payload" "$(magic "$payload" 0 6)" "$1" >"$2"
	case $(magic "$2" 0 6) in
	7f454c46* | 9feb01*) ;;
	*) die "$1 is neither ELF nor BTF, nor packed in a way known here" ;;
	esac
}

# The image has to be the one that the modules were built with. What runs comes
# last: a package may have been upgraded since it was booted.
find_vmlinux() {
	if [ "${KVM_FT_VMLINUX:-}" ]; then
		[ -r "$KVM_FT_VMLINUX" ] || die "VMLINUX=$KVM_FT_VMLINUX cannot be read"
		echo "$KVM_FT_VMLINUX"
		return
	fi
	for file in "$kdir/vmlinux" "/usr/lib/debug/boot/vmlinux-$release" \
		    "/usr/lib/debug/lib/modules/$release/vmlinux" \
		    "$modules/vmlinuz" "/boot/vmlinuz-$release"; do
		[ ! -r "$file" ] || { echo "$file"; return; }
	done
	if [ "$release" = "$(uname -r)" ] && [ -r /sys/kernel/btf/vmlinux ]; then
		echo /sys/kernel/btf/vmlinux
		return
	fi
	die "no image of kernel $release found: install its package, or say VMLINUX=file"
}

# find_module PATH
find_module() {
	for file in "$modules/kernel/$1.ko" "$modules/kernel/$1.ko".*; do
		[ ! -r "$file" ] || { echo "$file"; return; }
	done
	die "${1##*/}.ko of kernel $release is not below $modules: install the kernel's package" \
		"(KVM and vhost have to be modules)"
}

vmlinux=$(find_vmlinux) && plain "$vmlinux" "$tmp/vmlinux" || exit
for path in arch/x86/kvm/kvm arch/x86/kvm/kvm-amd drivers/vhost/vhost \
	    drivers/vhost/vhost_net drivers/vhost/vhost_scsi drivers/target/target_core_mod; do
	file=$(find_module $path) && plain "$file" "$tmp/${path##*/}" || exit
done

"$mklayout" "$release" "$list" "$tmp/vmlinux" kvm="$tmp/kvm" kvm_amd="$tmp/kvm-amd" \
	vhost="$tmp/vhost" vhost_net="$tmp/vhost_net" vhost_scsi="$tmp/vhost_scsi" \
	target_core_mod="$tmp/target_core_mod" >"$tmp/layout" || die "layouts were looked up in $vmlinux and $modules"
mv "$tmp/layout" "$output"
