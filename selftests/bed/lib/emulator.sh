# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# The emulator: the target suite's QEMU with our patches.  It is built in a
# root of that suite, because the machine below may have older tools, and runs
# with that root's libraries.

EMULATOR_PACKAGES='
	gcc libc6-dev make ninja-build meson pkgconf patch perl dpkg-dev
	python3 python3-venv flex bison libglib2.0-dev libpixman-1-dev
	libfdt-dev libattr1-dev zlib1g-dev seabios qemu-system-data'

emulator_build() {
	local root=$1/root

	say "emulator: making the root to build it in"
	debian_root "$root" apt "$EMULATOR_PACKAGES" --customize-hook='
		mkdir "$1/source" && chroot "$1" sh -c "cd /source &&
			apt-get source --download-only -qq qemu"'
	cp -r "$BED_SRC/emulator" "$root/emulator"
	say "emulator: compiling QEMU (a few minutes)"
	in_root "$root" /emulator/build >"$1/build.log" 2>&1 ||
		{ tail -n 30 "$1/build.log"; return 1; }
	mv "$root"/out/* "$1"
	rm -rf --one-file-system "$root"
}

emulator() {
	cache_get emulator "$(cache_key "$BED_SRC"/emulator/* \
		"=$SUITE $EMULATOR_PACKAGES")" emulator_build
}
