# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# The debug kernel: the target suite's sources with lockdep, KASAN, kmemleak and the like,
# in the form that BED_KERNEL has, with what modules are built with.

DEBUG_KERNEL_PACKAGES='
	gcc binutils libc6-dev make flex bison bc perl-base libelf-dev dwarves
	kmod cpio xz-utils python3 linux-source-6.12'

# What is late there is not hung: it takes its time.
export DEBUG_KERNEL_CMDLINE='sysctl.kernel.hung_task_timeout_secs=300 watchdog_thresh=60'
DEBUG_KERNEL_CMDLINE+=' rcupdate.rcu_cpu_stall_timeout=300'

# Print its folder.
debug_kernel() {
	cache_get debug-kernel "$(cache_key "$BED_SRC"/{debug.config,lib/debug-kernel.sh} \
		"=$(build_root_key)")" debug_kernel_make
}

# Of the tree only stays what modules are built with.
debug_kernel_make() {
	local out=$1 root=$1/root

	debian_root "$root" apt "$DEBUG_KERNEL_PACKAGES"
	cp "$BED_SRC/debug.config" "$root/debug.config"
	say "debug-kernel: compiling a kernel (ten minutes or more)"
	in_root "$root" nice bash -eu -c '
		mkdir -p /usr/src/debug /out/boot
		cd /usr/src/debug
		tar -xf /usr/src/linux-source-6.12.tar.xz --strip-components=1
		KCONFIG_ALLCONFIG=/debug.config make -s allnoconfig
		grep ^CONFIG_ /debug.config | while read -r option; do
			grep -qxF "$option" .config || echo "this kernel cannot have $option"
		done | { ! grep .; }
		make -s -j2 bzImage modules
		version=$(make -s kernelrelease)
		make -s modules_install INSTALL_MOD_PATH=/out/usr DEPMOD=true
		cp arch/x86/boot/bzImage "/out/boot/vmlinuz-$version"
		cp .config "/out/boot/config-$version"
		strip --strip-debug vmlinux
		ln -sfn /usr/src/debug "/out/usr/lib/modules/$version/build"
		rm -rf Documentation block crypto drivers fs ipc kernel lib mm net samples sound virt
		find . \( -name "*.o" -o -name "*.a" -o -name "*.ko" -o -name ".*.cmd" \) \
			! -path "./scripts/*" ! -path "./tools/*" -delete
	' >"$out/build.log" 2>&1 || {
		tail -n 30 "$out/build.log"
		return 1
	}
	mv "$root"/out/* "$out"
	mkdir "$out/usr/src"
	mv "$root/usr/src/debug" "$out/usr/src"
	rm -rf --one-file-system "$root"
}
