# shellcheck shell=bash disable=SC2154,SC2034 # what demo and the others set and use
# SPDX-License-Identifier: GPL-2.0-only
#
# The guest's clients, on this machine: one reads an endless stream over one TCP
# connection, every byte of which it knows; one writes to a database on the guest's
# disk, and remembers what was acknowledged. See guests/linux/{stream,reqrep}.c.

# By client: the bytes or writes that were right by now, and when the host died.
declare -A count=([stream]=0 [database]=0) mark=()

# In a shell of its own.
clients_build() {
	cd "$here/lockstep" && net_build
}

clients_prepare() {
	export NET_GUEST NET_LIMIT
	export -f on_guest
	attend bash -c 'on_guest host1 "/usr/sbin/mke2fs -q -F -t ext4 /dev/sda &&
		mkdir -p /mnt && mount -t ext4 /dev/sda /mnt &&
		/services/reqrep serve /mnt/table port=7003 </dev/null >/dev/console 2>&1"'
}

clients_start() {
	start_stream client.stream bed net "$NET/stream" down "$NET_GUEST" rate=20000
	start_stream client.database bed net "$NET/reqrep" load "$NET_GUEST" "$NET/writes" \
		port=7003
}

# got_client NAME LINE: how far it is.
got_client() {
	[[ $2 =~ ^(done: )?([0-9]+)\  ]] || {
		view_message "demo: client of the $1: $2"
		return
	}
	count[$1]=${BASH_REMATCH[2]}
	view_clients
}

clients_mark() {
	mark=([stream]=${count[stream]} [database]=${count[database]})
}

# Each has got more than was on its way when the host died.
clients_moved() {
	((count[stream] > mark[stream] + 100000 && count[database] > mark[database] + 2))
}

clients_end() {
	local name

	for name in stream database; do
		end_group "${stream[client.$name]}"
	done
	look
}

# client_right NAME: it came to its end, and all was right.
client_right() {
	grep '^done' "$tmp/client.$1"
}

database_whole() {
	bed net "$NET/reqrep" verify "$NET_GUEST" "$NET/writes" port=7003
}
