# SPDX-License-Identifier: GPL-2.0-only
#
# kvm_ft: fault tolerance for KVM guests. "make help" lists the targets.

VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)

KVER ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KVER)/build
WERROR ?= 1

PREFIX ?= /usr/local
DKMS_SRC ?= /usr/src/kvm_ft-$(VERSION)

# What the module is built from, for DKMS: nothing else goes there.
DKMS_FILES := Makefile dkms.conf COPYING Kconfig uapi kmod

KBUILD := $(MAKE) -C $(KDIR) M=$(CURDIR)/kmod \
	KVM_FT_WERROR=$(WERROR) $(if $(VMLINUX),KVM_FT_VMLINUX=$(abspath $(VMLINUX)))

.PHONY: all modules ftctl install install-modules install-ftctl dkms-source \
	check check-debug demo bench bed lint clean help

all: modules ftctl

modules:
	$(KBUILD) modules

ftctl:
	$(MAKE) -C ftctl

install: install-modules install-ftctl

install-modules: modules
	$(KBUILD) INSTALL_MOD_DIR=updates modules_install

install-ftctl: ftctl
	$(MAKE) -C ftctl install PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)

# Without what was built here: it does not belong there.
dkms-source:
	install -d $(DESTDIR)$(DKMS_SRC)
	cp -r $(DKMS_FILES) $(DESTDIR)$(DKMS_SRC)
	find $(DESTDIR)$(DKMS_SRC) \( -name '.*' -o -name '*.o' -o -name '*.ko' \
		-o -name '*.mod' -o -name '*.mod.c' -o -name Module.symvers \
		-o -name modules.order -o -name layout-gen.h -o -name mklayout \
		-o -path '*/uapi/build' \) -prune -exec rm -rf {} +

check check-debug demo bench bed lint:
	$(MAKE) -C selftests $@

# The tree that DKMS has holds neither of the first two.
clean:
	@for dir in $(wildcard selftests ftctl); do \
		$(MAKE) -C $$dir clean || exit; \
	done
	@if [ -d $(KDIR) ]; then \
		$(KBUILD) clean; \
	else \
		echo "kmod is left as it is: no kernel headers in $(KDIR)"; \
	fi

help:
	@echo 'Targets:'
	@echo '  all              modules and ftctl (default)'
	@echo '  modules          kmod/kvm_ft.ko'
	@echo '  ftctl            the command line tool'
	@echo '  install          both, the tool below PREFIX ($(PREFIX))'
	@echo '  install-modules  the module only'
	@echo '  install-ftctl    the tool only'
	@echo '  dkms-source      the module sources in $(DKMS_SRC), for "dkms add"'
	@echo '  check            every test there is; needs root, builds its own hosts'
	@echo '  check-debug      guests in lockstep on hosts with a debug kernel (hours)'
	@echo '  demo             a guest survives the death of its host, on this machine'
	@echo '  bench            what protection costs, on the same emulated hosts'
	@echo '  bed              an interactive bed of emulated hosts'
	@echo '  lint             checkpatch, sparse, coccicheck, shellcheck'
	@echo '  clean            remove what was built'
	@echo
	@echo 'Variables:'
	@echo '  KVER             kernel release to build for ($(KVER))'
	@echo '  KDIR             its headers ($(KDIR))'
	@echo '  VMLINUX          its image, if not in one of the usual places'
	@echo '  WERROR=0         warnings do not stop the build'
	@echo '  DESTDIR          put before every path when installing'
