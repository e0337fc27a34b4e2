#!/usr/bin/env bash
# The two tiers that need a cluster, side by side: in one of them a kubelet is waited for, most of
# the while. Arguments: the command that runs pytest. What ran behind is printed after the other,
# and the exit code is 0 only if both passed.
#
# With job control (-m), what runs behind does not start with SIGINT ignored, which tests send.
set -u
log=$(mktemp)
set -m
"$@" tests/e2e >"$log" 2>&1 </dev/null &
behind=$!
set +m
# Without `set -e`, under which its last failure would be the exit code: when all has gone well,
# there is nothing left to end.
trap 'kill -- -"$behind" 2>/dev/null; rm -f "$log"' EXIT

status=0
"$@" tests/integration || status=$?
wait "$behind" || status=$?
cat "$log"
exit "$status"
