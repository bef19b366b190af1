# shellcheck shell=bash disable=SC2154,SC2034 # what demo and the others set and use
# SPDX-License-Identifier: GPL-2.0-only
#
# What has come in since the last look, and what follows from it.
#
# All that happens elsewhere (a step that runs, the guest's consoles, ftctl on
# both hosts) is written to files in $tmp, which are read here as they grow, by
# the shell itself: the hosts need this machine's processors more than we do.

# The files, and what each new line of them is given to.
SOURCES=("messages:got_message" "console.host1:got_console host1"
	"console.host2:got_console host2" "status.host1:got_status host1"
	"status.host2:got_status host2" "events:got_event"
	"client.stream:got_client stream" "client.database:got_client database")

FIELDS=(role state reason lag-bytes unacked-bytes log-bytes log-rate branches
	entries-sync entries-async)

# By source: where we read, and the beginning of a line that is not whole yet.
declare -A source_fd=() source_rest=()
# By host and field, what ftctl said last: at[host1.state].
declare -A at=()
# The number of the last line on a host's console.
declare -A last=([host1]=-1 [host2]=-1)
# When host2 came to a state, and when the first line beyond host1's came.
declare -A moment=()
# Which host we killed; which state both copies have to be in; what is wrong.
dead='' expect='' broken=''

look_open() {
	local source name fd

	for source in "${SOURCES[@]}"; do
		name=${source%%:*}
		: >"$tmp/$name"
		exec {fd}<"$tmp/$name"
		source_fd[$name]=$fd
		source_rest[$name]=''
	done
	# Nothing ever comes from here: reading with a limit is sleeping.
	exec {silence}<> <(:)
}

# seconds FROM TO: the time between two values of EPOCHREALTIME, as 1.2.
seconds() {
	local us=$((${2/./} - ${1/./}))

	printf '%d.%d' $((us / 1000000)) $((us / 100000 % 10))
}

# field LINE NAME: a field of JSON that has no spaces in its values, in $value.
field() {
	value=''
	[[ ! $1 =~ \"$2\":\ *\"?([^\",\}\ ]*) ]] || value=${BASH_REMATCH[1]}
}

look() {
	local source name rest line

	read -r -t 0.2 -u "$silence" || :
	for source in "${SOURCES[@]}"; do
		name=${source%%:*} rest=${source_rest[${source%%:*}]}
		while IFS= read -r -u "${source_fd[$name]}" line; do
			line=$rest$line rest=''
			# shellcheck disable=SC2086 # a function and its arguments
			${source#*:} "${line//[^[:print:]]/}"
		done
		source_rest[$name]=$rest$line
	done
	view_look
}

got_message() {
	view_message "$1"
}

# tell TEXT: a message of our own.
tell() {
	view_message "demo: $*"
}

got_console() {
	local host=$1 line=$2 kind=' '

	if [[ $line =~ ^chain\ ([0-9]+)\  ]]; then
		last[$host]=${BASH_REMATCH[1]}
		if [[ $host == host2 && $dead ]] && ((last[host2] > last[host1])); then
			kind=+
			: "${moment[line]:=$EPOCHREALTIME}"
		fi
	fi
	view_console "$host" "$kind" "$line"
}

got_status() {
	local host=$1 name value

	for name in "${FIELDS[@]}"; do
		field "$2" "$name"
		at[$host.$name]=$value
	done
	got_state "$host"
	view_status "$host"
}

# Changes of state on host2 come as they happen.
got_event() {
	local name value

	for name in role state reason; do
		field "$1" "$name"
		at[host2.$name]=$value
	done
	got_state host2
}

got_state() {
	local state=${at[$1.state]} reason=${at[$1.reason]}

	[[ ! $expect || $state == "$expect" ]] ||
		broken="$1: the guest is not protected any more: ${state:-gone} ($reason)"
	if [[ $dead && $1 == host2 && $state && $state != running && ! ${moment[$state]-} ]]; then
		moment[$state]=$EPOCHREALTIME
		view_state "$state" "$reason"
	fi
}
