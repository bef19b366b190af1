# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The test kernel: a user-mode Linux from the distribution's linux-source
# package. Built once and kept in the cache; what is kept can build modules, and
# has the kernel's scripts for lint. Sourced after the bed's common.sh and
# cache.sh, with KUNIT_SRC set.

SOURCE=linux-source-6.12
TARBALL=/usr/src/$SOURCE.tar.xz
export SOURCE TARBALL

# Of other architectures and of large drivers only what kconfig reads is needed.
kunit_unpack() {
	tar -C "$1" -xf "$TARBALL" --strip-components=1 \
		--exclude='*/arch/[!ux]*/*.[chS]' --exclude='*.dts*' \
		--exclude='*/Documentation/*.rst' --exclude='*/Documentation/*.yaml' \
		--exclude='*/drivers/gpu/*.[ch]' --exclude='*/drivers/media/*.[ch]' \
		--exclude='*/drivers/staging/*.[ch]' --exclude='*/sound/*.[ch]' \
		--exclude='*/drivers/net/ethernet/*.[ch]' \
		--exclude='*/drivers/net/wireless/*.[ch]' --exclude='*/tools/*.[ch]'
}

# What a later build of a module needs stays, the rest goes.
kunit_prune() {
	find "$1/build" -name '*.[oa]' ! -path '*/scripts/*' -delete
	find "$1/build" \( -name '.*.cmd' -o -name '.tmp_*' \) -delete
	rm -f "$1"/build/vmlinux*
	find "$1/source" -name '*.[cS]' ! -path '*/scripts/*' -delete
	rm -rf "$1"/source/{drivers,fs,sound,Documentation,samples,crypto,security}
	rm -rf "$1"/source/arch/[!ux]*
}

kunit_kernel_make() {
	local dir=$1 option
	local -a kmake=(nice make -s -C "$dir/source" ARCH=um "O=$dir/build")

	mkdir "$dir/source" "$dir/build"
	kunit_unpack "$dir/source"
	KCONFIG_ALLCONFIG=$KUNIT_SRC/config "${kmake[@]}" allnoconfig
	grep '^CONFIG_' "$KUNIT_SRC/config" | while read -r option; do
		grep -qx "$option" "$dir/build/.config" ||
			die "this kernel cannot have $option"
	done
	"${kmake[@]}" -j2 all >"$dir/build.log" 2>&1 || {
		tail -n 30 "$dir/build.log"
		return 1
	}
	kunit_prune "$dir"
}
export -f kunit_unpack kunit_prune kunit_kernel_make

# Print the folder that has source/ and build/, the latter with the kernel, linux.
kunit_kernel() {
	[[ -e $TARBALL ]] || {
		say "installing $SOURCE"
		{ apt-get install -qq --no-install-recommends "$SOURCE" ||
		  { apt-get update -qq &&
		    apt-get install -qq --no-install-recommends "$SOURCE"; }
		} </dev/null >&2 || die "cannot install $SOURCE: is its suite configured?"
	}
	need gcc gcc make make flex flex bison bison bc bc xz xz-utils perl perl
	cache_get kunit "$(cache_key "$KUNIT_SRC/config" "$KUNIT_SRC/kernel.sh" \
		"=$(dpkg-query -W "$SOURCE")" "=$(gcc -dumpfullversion)")" \
		kunit_kernel_make
}

# kunit_module DIR [make options]: build a module against the test kernel, from
# a copy of the tree in DIR, because kbuild leaves objects beside the sources.
kunit_module() {
	local dir=$1 kernel

	shift
	kernel=$(kunit_kernel) || exit
	mkdir -p "$dir/selftests"
	cp -r "$KUNIT_SRC/../../kmod" "$KUNIT_SRC/../../uapi" "$dir"
	cp -r "$KUNIT_SRC" "$dir/selftests/kunit"
	find "$dir" -name '*.o' -delete
	make -s -C "$kernel/build" ARCH=um M="$dir/selftests/kunit" -j2 "$@" modules
}
