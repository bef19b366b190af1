#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# The command line: what is wrong with it is said, and help, man page,
# completion and netlink spec agree. Nothing here needs a module.

load lib

COMMANDS='check enable disable status promote test-failover digest monitor version'

@test "without a command: usage on standard error, exit 2" {
	run bash -c "'$FTCTL' 2>/dev/null"
	ends 2
	[[ -z $output ]]
	run "$FTCTL"
	says "usage: ftctl"
}

@test "-h: usage on standard output, exit 0" {
	run bash -c "'$FTCTL' --help 2>/dev/null"
	ends 0
	for c in $COMMANDS; do says "  $c "; done
}

@test "an unknown command is named" {
	run "$FTCTL" frobnicate
	ends 2
	says "no such command: frobnicate"
}

@test "every command has help, with its usage and options" {
	for c in $COMMANDS; do
		run bash -c "'$FTCTL' $c -h 2>/dev/null"
		ends 0
		says "usage: ftctl [-j] $c"
		says "--json"
	done
}

@test "plumbing is not shown to users" {
	run "$FTCTL" -h
	[[ $output != *peer\ * ]]
}

@test "commands that take a VM want one, and only one" {
	for c in check enable disable promote test-failover digest; do
		run "$FTCTL" $c
		ends 2
		says "which VM?"
		run "$FTCTL" $c a b
		ends 2
		says "'b' is too much"
	done
	run "$FTCTL" status a b
	ends 2
}

@test "commands that take nothing refuse something" {
	for c in monitor version; do
		run "$FTCTL" $c vm0
		ends 2
		says "vm0"
	done
}

@test "unknown options are named" {
	for c in disable promote test-failover digest status; do
		run "$FTCTL" $c --bogus vm0
		ends 2
		says "--bogus"
	done
	for c in enable check; do
		run "$FTCTL" $c vm0 --peer host2 --bogus
		ends 2
		says "--bogus"
		run "$FTCTL" $c vm0 --peer
		ends 2
		run "$FTCTL" $c vm0 --peer ''
		ends 2
		says "--peer HOST"
	done
}

@test "enable: options are checked before anything is done" {
	run "$FTCTL" enable vm0
	ends 2
	says "--peer HOST"
	run "$FTCTL" enable vm0 --peer host2 --on-loss perhaps
	ends 2
	says "'perhaps'"
	run "$FTCTL" enable vm0 --peer host2 --dev log --addr 10.0.0.1
	ends 2
	says "either --dev or --addr"
}

# What the help of the tool lists.
help_commands() {
	"$FTCTL" -h | sed -n '/^Commands:/,/^Options:/s/^  \([a-z-]*\) .*/\1/p'
}

@test "the commands of help and of this test are the same" {
	[[ $(help_commands | sort) == $(tr ' ' '\n' <<<"$COMMANDS" | sort) ]]
}

@test "the man page has every command, with the arguments help tells, and no other" {
	man=$(sed -n '/^# COMMANDS/,/^# STATES/s/^\*\([a-z-]*\)\*.*/\1/p' "$TOP/ftctl.8.scd")
	[[ $(sort <<<"$man") == $(help_commands | sort) ]]
	# The synopsis, without its markup, is the usage lines.
	for c in $COMMANDS; do
		usage=$("$FTCTL" "$c" -h | sed -n '1s/^usage: //p')
		sed -n '/^# SYNOPSIS/,/^# DESC/s/++$//p;/^\*ftctl/p' "$TOP/ftctl.8.scd" |
			tr -d '*_' | grep -qxF -- "$usage"
	done
}

@test "the man page has every option of enable and check" {
	for c in enable check; do
		for o in $("$FTCTL" $c -h | grep -o -- '--[a-z-]*' | sort -u); do
			grep -qF -- "*$o*" "$TOP/ftctl.8.scd"
		done
	done
}

# complete WORDS...: what completion offers for the last of them.
complete_words() {
	bash -c '. "$0/ftctl.bash"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
		_ftctl; printf "%s\n" "${COMPREPLY[@]}"' "$TOP" "$@" | sort -u
}

@test "completion offers every command, and no other" {
	[[ $(complete_words ftctl '' | grep -v ^--) == $(help_commands | sort) ]]
	[[ $(complete_words ftctl test) == test-failover ]]
}

@test "completion offers every option of enable and check, and their values" {
	want=$("$FTCTL" enable -h | grep -o -- '--[a-z-]*' | sort -u)
	[[ $(complete_words ftctl enable --) == "$want" ]]
	[[ $(complete_words ftctl enable vm0 --on-loss '') == $'ask\npromote' ]]
	want=$("$FTCTL" check -h | grep -o -- '--[a-z-]*' | sort -u)
	[[ $(complete_words ftctl check --) == "$want" ]]
}

@test "completion offers the attached VMs" {
	host host1
	here host1
	state '.vms = [{name: "web", role: "primary", state: "running"},
		       {name: "db one", role: "primary", state: "running"}]'
	complete_words ftctl digest w | grep -qx web
}

# The words of an enumeration in the netlink spec.
spec_words() {
	python3 -c 'import sys, yaml
spec = yaml.safe_load(open(sys.argv[1]))
print(*[e["name"] for d in spec["definitions"] if d["name"] == sys.argv[2]
	for e in d["entries"]], sep="\n")' "$TOP/../uapi/kvm_ft.yaml" "$1"
}

@test "the man page has every state and reason of the netlink spec, and no other state" {
	states=$(sed -n '/^# STATES/,/^# WHAT/s/^\*\([a-z-]*\)\*$/\1/p' "$TOP/ftctl.8.scd")
	[[ $(sort <<<"$states") == $(spec_words state | sort) ]]
	for r in $(spec_words reason); do
		[[ $r == none || $r == lost-connection || $r == divergence ]] ||
			grep -qF "*$r*" "$TOP/ftctl.8.scd"
	done
	for s in $(spec_words state); do "$FTCTL" status -h | grep -qw -- "$s"; done
	[[ $(spec_words on-loss) == $'ask\npromote' ]]
}

@test "the man page is valid" {
	scdoc <"$TOP/ftctl.8.scd" >"$BATS_TEST_TMPDIR/man"
	grep -q '^.TH "ftctl" "8"' "$BATS_TEST_TMPDIR/man"
}

@test "the module is not there: every command that needs it says so and fails" {
	host host1
	here host1
	state '.module = false'
	for c in 'disable vm0' 'status' 'promote vm0' 'test-failover vm0' 'digest vm0' \
		 monitor version 'enable vm0 --peer host2'; do
		# shellcheck disable=SC2086
		run "$FTCTL" $c
		ends 1
		says "modprobe kvm_ft"
		says "mokutil --import"
	done
}

@test "output that cannot be written is a failure" {
	host host1
	here host1
	run bash -c "'$FTCTL' version >/dev/full"
	[[ $status != 0 ]]
	says "standard output"
}

@test "output that nobody reads is a failure, not a silent death" {
	host host1
	here host1
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	exec 8<>"$BATS_TEST_TMPDIR/fifo"
	exec 9>"$BATS_TEST_TMPDIR/fifo" 8>&-
	run bash -c "'$FTCTL' version >&9"
	ends 1
	says "standard output: Broken pipe"
}

@test "a program that ftctl starts dies of a broken pipe as usual" {
	host host1
	host host2
	here host1
	mkdir "$BATS_TEST_TMPDIR/bin"
	# shellcheck disable=SC2016
	printf '#!/bin/sh\ngrep SigIgn /proc/self/status >"$BATS_TEST_TMPDIR/signals"\n' \
		>"$BATS_TEST_TMPDIR/bin/ssh"
	chmod +x "$BATS_TEST_TMPDIR/bin/ssh"
	state '.vms = [{name: "vm0", role: "primary", state: "running", reason: "none"}]'
	printf '{"name": "vm0", "peer": "host2"}' >"$FTCTL_TEST_DIR/run/vm0.json"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH run "$FTCTL" disable vm0
	ends 1
	ignored=$(awk '{ print $2 }' "$BATS_TEST_TMPDIR/signals")
	((!(0x$ignored & 1 << (13 - 1))))
}
