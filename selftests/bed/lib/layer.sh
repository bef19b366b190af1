# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# The project layer: what is built from this tree (module, ftctl, guests), as
# a squashfs over the host root.  Small, so that trying a change takes seconds.

# The tree's own files: what git knows or would add.
layer_files() {
	git -C "$BED_TREE" ls-files -z -co --exclude-standard -- \
		. ':!selftests/bed' ':!docs' 2>/dev/null ||
	(cd "$BED_TREE" && find . -path ./.git -prune -o \
		-path ./selftests/bed -prune -o -type f -print0)
}

layer() {
	local sum

	sum=$(cd "$BED_TREE" && layer_files | sort -z |
		xargs -0r sha256sum 2>/dev/null)
	cache_get layer "$(cache_key "$BED_SRC"/{build-layer,lib/layer.sh} \
		"=$sum" "=$(build_root_key)" "=${host##*/}")" layer_make
}

# The build root is shared, so each build runs in an overlay of its own, with
# a copy of the tree: the developer's tree stays clean.
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
		root=$1/root tree=$2 out=$3 ccache=$4 initrd=$5
		m=$(mktemp -d)
		mount -t tmpfs tmpfs "$m"
		mkdir "$m"/{up,work,root}
		mount -t overlay -o "lowerdir=$root,upperdir=$m/up,workdir=$m/work" root "$m/root"
		root=$m/root
		mkdir "$root"/{ccache,tree,layer}
		mount --bind "$ccache" "$root/ccache"
		mount --bind "$tree" "$root/tree"
		mount -t proc proc "$root/proc"
		mount --rbind /dev "$root/dev"
		mount -t tmpfs tmpfs "$root/tmp"
		cp "$initrd" "$root/guest.initrd"
		cd "$root"
		nice chroot "$root" /tree/.build-layer
		mksquashfs "$root/layer" "$out/layer.img" -comp lz4 -no-progress -quiet
	' - "$build" "$out/tree" "$out" "$ccache" "$host/guest.initrd" \
		</dev/null >"$out/build.log" 2>&1 ||
		{ tail -n 40 "$out/build.log"; return 1; }
	rm -rf "$out/tree"
}
