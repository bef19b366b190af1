# SPDX-License-Identifier: GPL-2.0-only
#
# From the console of the test kernel to TAP: one result per test case, what the
# kernel said about those that failed, and one more result for whether the kernel
# itself had anything to complain about. -v suites=N is how many there must be.
#
# Planned is what the suites announced: tests that a crash kept from running
# show as missing.

function result(ok, name) {
	printf "%s %d - %s\n", ok ? "ok" : "not ok", ++count, name
	if (!ok)
		printf "%s", said
	said = ""
}

{
	sub(/\r$/, "")
}

/^    # Subtest: / {
	suite = $3
	said = ""
	next
}

# A suite's plan. Those of parameterised cases are indented further.
/^    1\.\.[0-9]+$/ {
	planned += substr($1, 4)
	next
}

/^    (not )?ok [0-9]+ / {
	ok = $1 == "ok"
	skip = match($0, /# SKIP/)
	result(ok && !skip, suite "." (ok ? $3 : $4) (skip ? ": skipped" : ""))
	next
}

# A suite's own result adds nothing but that it came to its end.
/^(not )?ok [0-9]+ / {
	ended++
	next
}

/BUG:|WARNING:|INFO: |UBSAN:|Kernel panic|cut here|Oops|unreferenced object/ {
	if (!complaints++)
		first = $0
	wanted = 60
}

{
	if (wanted > 0) {
		wanted--
		log_text = log_text "# " $0 "\n"
	}
	said = said "# " $0 "\n"
}

END {
	planned += 2
	result(ended == suites, "all " suites " suites came to their end")
	said = log_text
	result(!complaints, "the kernel had nothing to complain about")
	printf "1..%d\n", planned
}
