# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# The host root: what the emulated hosts run, with the build root's kernel.

HOST_PACKAGES='
	bash mount iproute2 kmod procps socat busybox-static e2fsprogs psmisc
	openssh-server openssh-client systemd-standalone-sysusers iputils-ping
	qemu-system-x86 qemu-utils libnl-3-200 libnl-genl-3-200 libjson-c5 libxxhash0
	ethtool tcpdump iperf3 jq strace sg3-utils python3-minimal sqlite3
	libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients sysvinit-core'

# The folder with root/: the packages, and the kernel's modules.
base_root() {
	cache_get base "$(cache_key "=$HOST_PACKAGES" "=$(build_root_key)")" \
		base_root_make
}

base_root_make() {
	local root=$1/root build kver

	build=$(build_root)
	kver=$(<"$build/kver")
	debian_root "$root" essential "$HOST_PACKAGES"
	mkdir -p "$root/usr/lib/modules"
	cp -a "$build/root/usr/lib/modules/$kver" "$root/usr/lib/modules/"
	rm -f "$root/usr/lib/modules/$kver"/{build,source}
	rm -rf "$root"/usr/share/doc "$root"/var/cache/* "$root"/var/lib/apt/*
}

# The folder with all that a host boots from: vmlinux, initrd, root.img, and
# the ssh key that opens every host; and the guests' initrd.
host_root() {
	cache_get host "$(cache_key "$BED_SRC"/{host,guest}/* \
		"$BED_SRC/lib/host-root.sh" "=$(build_root_key)")" host_root_make
}

host_root_make() {
	local out=$1 base build

	need mksquashfs squashfs-tools ssh-keygen openssh-client
	build=$(build_root)
	base=$(base_root)
	ssh-keygen -q -t ed25519 -N '' -C kvm_ft-bed -f "$out/key"
	mkdir "$out/src"
	cp -r "$BED_SRC"/{host,guest} "$out/src"
	unshare --mount --propagation private bash -eu -c '
		base=$1 build=$2 out=$3
		m=$(mktemp -d)
		mount -t tmpfs tmpfs "$m"
		mkdir "$m"/{up,work,root}
		mount -t overlay -o "lowerdir=$base,upperdir=$m/up,workdir=$m/work" root "$m/root"
		mount --bind "$out/src" "$build/src"
		chroot "$build" /src/host/mkinitrd

		root=$m/root
		install -d -m 700 "$root/root/.ssh"
		install -m 600 "$out/key" "$root/root/.ssh/id_ed25519"
		install -m 644 "$out/key.pub" "$root/root/.ssh/authorized_keys"
		cp -r "$out/src/host" "$root/usr/lib/bed"
		mount --bind /dev "$root/dev"
		chroot "$root" /usr/lib/bed/install
		umount "$root/dev"
		guest=$root/usr/lib/kvm_ft/guest
		mkdir -p "$guest"
		cp "$out/src/guest.initrd" "$guest/initrd"
		cp "$build"/kernel/guest/boot/vmlinuz-* "$guest/vmlinuz"
		nice mksquashfs "$root" "$out/root.img" -comp lz4 -no-progress -quiet
	' - "$base/root" "$build/root" "$out"
	mv "$out"/src/{vmlinux,initrd,guest.initrd} "$out"
	rm -rf "$out/src"
}
