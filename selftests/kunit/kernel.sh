# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The test kernel: a user-mode Linux from the distribution's linux-source
# package, compiled once and kept in the cache. The code under test is linked into
# it each time, in an overlay, so that what is kept stays as it is. Sourced
# after the bed's common.sh and cache.sh, with KUNIT_SRC set.

SOURCE=linux-source-6.12
TARBALL=/usr/src/$SOURCE.tar.xz
export SOURCE TARBALL

# Of other architectures and of large drivers only what kconfig reads is needed.
kunit_unpack() {
	tar -C "$1" -xf "$TARBALL" --strip-components=1 \
		--exclude='*/arch/[!ux]*/*.[chS]' --exclude='*.dts*' \
		--exclude='*/Documentation/*.rst' --exclude='*/Documentation/*.yaml' \
		--exclude='*/drivers/[!bctn]*/*.[ch]' --exclude='*/drivers/net/*/*.[ch]' \
		--exclude='*/sound/*.[ch]' --exclude='*/tools/*.[ch]'
}

# kunit_make [options and targets]: in the folder of the kernel. Its own code is
# built without the sanitizers' instrumentation, ours asks for it.
kunit_make() {
	nice make -s ARCH=um CFLAGS_KASAN= CFLAGS_UBSAN= -j2 "$@"
}

kunit_kernel_make() {
	local option

	mkdir "$1/linux"
	kunit_unpack "$1/linux"
	cd "$1/linux" || return
	mkdir drivers/kvm_ft
	touch drivers/kvm_ft/Makefile
	echo 'obj-y += kvm_ft/' >>drivers/Makefile
	KCONFIG_ALLCONFIG=$KUNIT_SRC/config kunit_make allnoconfig
	grep '^CONFIG_' "$KUNIT_SRC/config" | while read -r option; do
		grep -qx "$option" .config || die "this kernel cannot have $option"
	done
	kunit_make >../build.log 2>&1 || {
		tail -n 30 ../build.log
		return 1
	}
}
export -f kunit_unpack kunit_make kunit_kernel_make

# Print the folder that has the compiled kernel, linux/.
kunit_kernel() {
	[[ -e $TARBALL ]] || apt_install "$SOURCE"
	need gcc gcc make make flex flex bison bison bc bc xz xz-utils perl perl
	cache_get kunit "$(cache_key "$KUNIT_SRC/config" "$KUNIT_SRC/kernel.sh" \
		"=$(dpkg-query -W "$SOURCE")" "=$(gcc -dumpfullversion)")" \
		kunit_kernel_make
}

# kunit_link KERNEL OUT [make options]: leave in OUT the kernel with the tests.
kunit_link() {
	local kernel=$1 out=$2

	shift 2
	mkdir -p "$out/tree/selftests"
	cp -r "$KUNIT_SRC"/../../{kmod,uapi} "$out/tree"
	cp -r "$KUNIT_SRC" "$out/tree/selftests/kunit"
	cp "$KUNIT_SRC/Makefile" "$out/tree"
	find "$out/tree" \( -name '*.o' -o -name '.*.cmd' \) -delete
	unshare --mount --propagation private bash -eu -c '
		. "$1/kernel.sh"
		cd "$3"
		mkdir up linux
		mount -t tmpfs tmpfs up
		mkdir up/up up/work
		mount -t overlay -o "lowerdir=$2/linux,upperdir=up/up,workdir=up/work" linux linux
		cp -r tree/. linux/drivers/kvm_ft
		cd linux
		shift 3
		kunit_make "$@"
		cp linux ../test-kernel
	' - "$KUNIT_SRC" "$kernel" "$out" "$@" </dev/null
}
