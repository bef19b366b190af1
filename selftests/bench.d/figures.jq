# SPDX-License-Identifier: GPL-2.0-only
#
# From single runs to the rows of the table: medians, ratios, and whether the aims are met.
#
# What the hosts do, and log, while the guest is idle is taken off first, for as long as
# the run took: it is no part of a packet's or a request's cost. "per packet" is per packet
# of the protected run, and the same number of bytes of the unprotected.

def median: sort | if length % 2 == 1 then .[length / 2 | floor]
	else (.[length / 2 - 1] + .[length / 2]) / 2 end;

. as $runs
| def of($job; $mode; f): [$runs[] | select(.job == $job and .mode == $mode) | f] | median;
def idle($mode; $what): of("idle"; $mode; .[$what] / .us);
# By unit of the amount, a byte or a request.
def spent($job; $mode; $what):
	idle($mode; $what) as $idle | of($job; $mode; (.[$what] - $idle * .us) / .amount);
def packets($job): of($job; "protected"; (.from + .to) / .amount);
def row($metric; $unit; $unprotected; $protected):
	{metric: $metric, unit: $unit, unprotected: $unprotected, protected: $protected}
	| if $unprotected != null and $unprotected != 0 and $protected != null then
		. + {ratio: ($protected / $unprotected), added: ($protected - $unprotected)}
	else . end;
def at_least($aim): . + {aim: ">= \($aim) times", met: (.ratio >= $aim)};
def at_most($aim; $text): . + {aim: $text, met: (.protected <= $aim)};
def rate($job; $metric; $unit; $scale):
	row($metric; $unit; of($job; "unprotected"; .amount / .us * $scale);
		of($job; "protected"; .amount / .us * $scale));
def instructions($job; $metric; $per):
	row("primary: instructions per \($metric)"; "";
		spent($job; "unprotected"; "instructions") / $per;
		spent($job; "protected"; "instructions") / $per),
	row("secondary: instructions per \($metric)"; ""; null;
		spent($job; "protected"; "instructions2") / $per);
def beside($job; $metric; $unit; f):
	def in($mode): of($job; $mode; f);
	{metric: "another guest: \($metric)", unit: $unit, unloaded: in("unloaded"),
		loaded: in("loaded"), protecting: in("protecting")}
	| .ratio = (if .unloaded > 0 then .protecting / .unloaded else null end);
def per($job; $what; $metric; $per): row($metric; ""; null; spent($job; "protected"; $what) / $per);

of("link"; "unprotected"; .us) as $link
| (of("requests"; "unprotected"; .median) + $link) as $late
| [
	(rate("received"; "TCP received by the guest"; "kB/s"; 1000) | at_least(0.8)),
	(rate("sent"; "TCP sent by the guest"; "kB/s"; 1000) | at_least(0.95)),
	rate("requests"; "requests and replies"; "1/s"; 1000000),
	(row("round trip, median"; "ms"; of("requests"; "unprotected"; .median / 1000);
		of("requests"; "protected"; .median / 1000))
		| at_most($late / 1000; "adds <= \($link / 10 | round / 100)")),
	row("round trip, 99 % within"; "ms"; of("requests"; "unprotected"; .p99 / 1000);
		of("requests"; "protected"; .p99 / 1000)),
	row("round trip of the logging link, idle"; "ms"; $link / 1000; null),
	(rate("read-64k"; "disk reads, 64 KiB"; "kB/s"; 65536000) | at_least(0.8)),
	(rate("write-64k"; "disk writes, 64 KiB"; "kB/s"; 65536000) | at_least(0.8)),
	(rate("read-4k"; "disk reads, 4 KiB, 4 at a time"; "1/s"; 1000000) | at_least(0.8)),
	(rate("write-4k"; "disk writes, 4 KiB, 4 at a time"; "1/s"; 1000000) | at_least(0.8)),
	null,
	instructions("echo"; "packet"; packets("echo")),
	instructions("read-4k"; "4 KiB read"; 1),
	instructions("write-4k"; "4 KiB written"; 1),
	instructions("read-64k"; "64 KiB read"; 1),
	instructions("write-64k"; "64 KiB written"; 1),
	per("echo"; "exits"; "exits per packet"; packets("echo")),
	per("read-4k"; "exits"; "exits per disk read"; 1),
	per("write-4k"; "exits"; "exits per disk write"; 1),
	per("requests"; "exits"; "exits per request and reply"; 1),
	row("primary: instructions added per exit, idle"; ""; null;
		(idle("protected"; "instructions") - idle("unprotected"; "instructions"))
		/ idle("protected"; "exits")),
	row("primary: the same, disk reads"; ""; null;
		(spent("read-4k"; "protected"; "instructions") - spent("read-4k"; "unprotected"; "instructions"))
		/ spent("read-4k"; "protected"; "exits")),
	null,
	(per("received"; "log"; "log bytes per byte received"; 1) | at_most(1.05; "<= 1.05")),
	per("sent"; "log"; "log bytes per byte sent"; 1),
	(per("read-64k"; "log"; "log bytes per byte read, 64 KiB"; 65536) | at_most(1.05; "<= 1.05")),
	per("read-4k"; "log"; "log bytes per byte read, 4 KiB"; 4096),
	per("write-64k"; "log"; "log bytes per byte written, 64 KiB"; 65536),
	null,
	row("idle: log entries"; "1/s"; null; idle("protected"; "entries") * 1000000),
	row("idle: log bytes"; "1/s"; null; idle("protected"; "log") * 1000000),
	row("idle: exits"; "1/s"; null; idle("protected"; "exits") * 1000000),
	row("idle: instructions of the primary's host"; "M/s"; idle("unprotected"; "instructions");
		idle("protected"; "instructions")),
	row("idle: instructions of the secondary's host"; "M/s"; idle("unprotected"; "instructions2");
		idle("protected"; "instructions2")),
	null,
	beside("received"; "TCP received"; "kB/s"; .amount / .us * 1000),
	beside("sent"; "TCP sent"; "kB/s"; .amount / .us * 1000),
	beside("requests"; "requests and replies"; "1/s"; .amount / .us * 1000000),
	beside("requests"; "round trip, median"; "ms"; .median / 1000),
	beside("echo"; "instructions per packet"; ""; .instructions / (.from + .to)),
	null,
	row("failover: time-out"; "ms"; null; of("failover"; "protected"; .timeout / 1000)),
	row("failover: from kill to the first packet"; "ms"; null; of("failover"; "protected"; .us / 1000)),
	row("failover: the same, in time-outs"; ""; null; of("failover"; "protected"; .us / .timeout)),
	row("failover: longest silence of a connection"; "ms"; null; of("failover"; "protected"; .silence / 1000))
]
