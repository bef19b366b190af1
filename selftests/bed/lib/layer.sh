# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# The project layer: what is built from this tree (module, ftctl, guests), as
# a squashfs over the host root.  Small, so that trying a change takes seconds.

# The tree's own files: what git knows or would add.
layer_files() {
	git -C "$BED_TREE" ls-files -z -co --exclude-standard -- \
		. ':!docs' ':!README.md' ':!.ci' ':!selftests/bed' ':!selftests/check' \
		':!selftests/demo*' ':!selftests/kunit' ':!selftests/layout' ':!selftests/lint' \
		':!selftests/lockstep' ':!selftests/refusal' 2>/dev/null ||
	(cd "$BED_TREE" && find . -path ./.git -prune -o \
		-path ./selftests/bed -prune -o -type f -print0)
}

layer() {
	local sum kernel

	kernel=${BED_KERNEL:+$(find "$BED_KERNEL" -type f -printf '%p %s %T@\n' |
		sort | sha256sum)}
	sum=$(cd "$BED_TREE" && layer_files | sort -z |
		xargs -0r sha256sum 2>/dev/null)
	cache_get layer "$(cache_key "$BED_SRC"/{build-layer,lib/layer.sh} \
		"=$sum $kernel" "=$(build_root_key)" "=${host##*/}")" layer_make
}

# The build root is shared, so each build runs in an overlay of its own, with
# a copy of the tree: the developer's tree stays clean.  With BED_KERNEL, what
# that folder holds lies over the build root, and the layer also has this
# kernel's modules, and kernel and initrd beside it.
layer_make() {
	local out=$1 build host ccache=$KVM_FT_CACHE/ccache

	need mksquashfs squashfs-tools
	build=$(build_root)
	host=$(host_root)
	mkdir -p "$ccache" "$out/tree"
	(cd "$BED_TREE" && layer_files | tar -c --null --ignore-failed-read \
		--no-recursion -T - 2>/dev/null) | tar -x -C "$out/tree" || :
	cp "$BED_SRC/build-layer" "$out/tree/.build-layer"
	unshare --mount --propagation private bash -eu -c '
		lower=$1/root tree=$2 out=$3 ccache=$4 initrd=$5 kernel=$6
		m=$(mktemp -d)
		mount -t tmpfs tmpfs "$m"
		mkdir "$m"/{up,work,root}
		mount -t overlay -o "lowerdir=${kernel:+$kernel:}$lower,upperdir=$m/up,workdir=$m/work" root "$m/root"
		root=$m/root
		mkdir "$root"/{ccache,tree,layer}
		mount --bind "$ccache" "$root/ccache"
		mount --bind "$tree" "$root/tree"
		mount -t proc proc "$root/proc"
		mount --rbind /dev "$root/dev"
		mount -t tmpfs tmpfs "$root/tmp"
		cp "$initrd" "$root/guest.initrd"
		cd "$root"
		if [[ $kernel ]]; then
			v=$(basename "$kernel"/usr/lib/modules/*)
			echo "$v" >kernel/version
			cp "$kernel/boot/vmlinuz-$v" kernel/vmlinuz
			chroot "$root" depmod "$v"
			mkdir -p layer/usr/lib/modules
			cp -a "usr/lib/modules/$v" layer/usr/lib/modules/
			rm -f layer/usr/lib/modules/"$v"/{build,source}
			cp -r "$BED_SRC"/{host,guest} src/
			chroot "$root" /src/host/mkinitrd
			# As a boot loader enters it: one with KASAN does not get far as an ELF file.
			cp kernel/vmlinuz "$out/vmlinux"
			cp src/initrd "$out"
		fi
		nice chroot "$root" /tree/.build-layer
		mksquashfs "$root/layer" "$out/layer.img" -all-root -comp lz4 -no-progress -quiet
	' - "$build" "$out/tree" "$out" "$ccache" "$host/guest.initrd" "${BED_KERNEL:-}" \
		</dev/null >"$out/build.log" 2>&1 ||
		{ tail -n 40 "$out/build.log"; return 1; }
	rm -rf "$out/tree"
}
