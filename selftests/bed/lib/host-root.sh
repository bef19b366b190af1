# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# The host root: what the emulated hosts run, with the build root's kernel.

HOST_PACKAGES='
	bash mount iproute2 kmod procps socat busybox-static e2fsprogs psmisc
	openssh-server openssh-client systemd-standalone-sysusers iputils-ping
	qemu-system-x86 qemu-utils libnl-3-200 libnl-genl-3-200 libjson-c5
	ethtool tcpdump iperf3 jq strace sg3-utils python3-minimal'

# The folder with all that a host boots from: vmlinux, initrd, root.img, and
# the ssh key that opens every host.
host_root() {
	cache_get host "$(cache_key "$BED_SRC"/{host,guest}/* \
		"$BED_SRC/lib/host-root.sh" "=$(build_root_key)")" host_root_make
}

host_root_make() {
	local out=$1 root=$1/root build kver

	need mksquashfs squashfs-tools ssh-keygen openssh-client
	build=$(build_root)
	kver=$(<"$build/kver")
	say "host: making the root"
	debian_root "$root" essential "$HOST_PACKAGES"
	mkdir -p "$root/usr/lib/modules"
	cp -a "$build/root/usr/lib/modules/$kver" "$root/usr/lib/modules/"
	rm -f "$root/usr/lib/modules/$kver/build"

	ssh-keygen -q -t ed25519 -N '' -C kvm_ft-bed -f "$out/key"
	install -d -m 700 "$root/root/.ssh"
	install -m 600 "$out/key" "$root/root/.ssh/id_ed25519"
	install -m 644 "$out/key.pub" "$root/root/.ssh/authorized_keys"
	cp -r "$BED_SRC/host" "$root/usr/lib/bed"
	in_root "$root" /usr/lib/bed/install

	say "host: packing"
	mkdir "$out/work"
	cp -r "$BED_SRC"/{host,guest} "$out/work"
	unshare --mount --propagation private bash -eu -c '
		mount --bind "$1/work" "$2/src"
		exec chroot "$2" /src/host/mkinitrd' - "$out" "$build/root"
	mv "$out/work/initrd" "$out/work/vmlinux" "$out"
	mkdir -p "$root/usr/lib/kvm_ft/guest"
	mv "$out/work/guest.initrd" "$out"
	cp "$out/guest.initrd" "$root/usr/lib/kvm_ft/guest/initrd"
	cp "$build"/root/kernel/guest/boot/vmlinuz-* \
		"$root/usr/lib/kvm_ft/guest/vmlinuz"
	nice mksquashfs "$root" "$out/root.img" -comp lz4 -no-progress -quiet \
		-wildcards -e 'var/cache/*' 'var/lib/apt/*' 'usr/share/doc/*'
	printf '%s\n' "$kver" >"$out/kver"
	rm -rf --one-file-system "$root" "$out/work"
}
