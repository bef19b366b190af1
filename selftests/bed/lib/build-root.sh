# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# The build root: the target suite with compiler, DKMS and the kernel's headers,
# and the kernels and modules that hosts and guests boot, so that the versions
# of them all cannot differ.

BUILD_PACKAGES='
	gcc binutils libc6-dev make pkgconf dkms ccache dwarves linux-headers-amd64
	libnl-3-dev libnl-genl-3-dev libjson-c-dev libxxhash-dev python3 python3-yaml scdoc
	tiny-initramfs cpio busybox-static zstd xz-utils kmod lz4 openssl'

# Modules no emulated host has a use for.
MODULES_LEFT_OUT='
	drivers/gpu drivers/media drivers/net/wireless drivers/net/ethernet
	drivers/infiniband drivers/iio drivers/staging drivers/bluetooth
	drivers/hwmon drivers/isdn drivers/comedi drivers/usb sound
	net/bluetooth net/mac80211 net/wireless'

build_root_key() {
	cache_key "$BED_SRC"/lib/build-root.sh "=$SUITE"
}

# The folder with root/, the build root, and kver, its kernel's version.
build_root() {
	cache_get build "$(build_root_key)" build_root_make
}

build_root_make() {
	local out=$1 root=$1/root kver dir

	# The headers bring their kernel along.
	debian_root "$root" apt "$BUILD_PACKAGES" --customize-hook='
		mkdir "$1/kernel" && chroot "$1" sh -c "
			cd /kernel && cp /boot/vmlinuz-*-amd64 vmlinuz &&
			v=\$(basename /boot/vmlinuz-*) && v=\${v#vmlinuz-} &&
			echo \$v >version &&
			apt-get download -qq linux-image-\${v%-amd64}-cloud-amd64 &&
			dpkg-deb -x *.deb guest && rm *.deb"'
	kver=$(<"$root/kernel/version")
	for dir in $MODULES_LEFT_OUT; do
		rm -rf "$root/usr/lib/modules/$kver/kernel/$dir"
	done
	# What the modules are compressed with would be undone by an emulated
	# processor at each boot: undo it here, once.
	find "$root/usr/lib/modules/$kver" -name '*.ko.xz' -print0 |
		xargs -0 -P2 -n64 nice unxz
	in_root "$root" depmod "$kver"
	in_root "$root" dkms generate_mok
	rm -f "$root"/boot/initrd*
	ln -s usr/lib "$root/kernel/guest/lib"
	in_root "$root" depmod -b /kernel/guest "${kver%-amd64}-cloud-amd64"
	mkdir "$root/src"
	printf '%s\n' "$kver" >"$out/kver"
}
