#!/bin/sh
# Renews one certificate without a question: for cron, a timer or a playbook.
#
#   renew.sh CERT PROGRAM [ARGUMENT]...
#
# PROGRAM is your way to the CA: it reads the CSR on standard input and writes the reply on standard output. The deployment
# is the one that edgecert finds: EDGECERT_CONFIG, ./edgecert.toml, /etc/edgecert/edgecert.toml.
#
# Every step is one command, whose JSON document goes to standard output (`jq -s` reads them all). A step that fails ends
# the script with its exit code (README, "Exit codes") and is named on standard error; the last one is `check`, so that
# 1 may be its WARNING. Run it as often as you like: where nothing is due nothing is changed, and where the last run was
# cut short it goes on, with the request that waits and no second one.
set -u

if [ $# -lt 2 ]; then
    echo "usage: renew.sh CERT PROGRAM [ARGUMENT]..." >&2
    exit 64
fi
certificate=$1
shift

# step MOST COMMAND...: one command and its document; a code over MOST ends the script.
step() {
    most=$1
    shift
    edgecert --json --non-interactive "$@" >"$work/document"
    code=$?
    cat "$work/document"
    if [ "$code" -gt "$most" ]; then
        echo "renew.sh: edgecert $1 ended with $code" >&2
        exit "$code"
    fi
}

work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

step 1 needs-renewal "$certificate" # 0: it is due; 1: it is not
if [ "$code" -eq 0 ]; then
    step 0 plan
    step 0 renew "$certificate" --due
    # One key a line: enough for sed. No CSR: a generation was imported by the last run, and waits to be assigned.
    csr=$(sed -n 's/^ *"csr": "\(.*\)",*$/\1/p' "$work/document")
    if [ -n "$csr" ]; then
        "$@" <"$csr" >"$work/reply" || {
            echo "renew.sh: $1 ended with $? and brought no reply; the request waits" >&2
            exit 3
        }
        step 0 import "$work/reply" --cert "$certificate"
    fi
    step 1 verify "$certificate" # 1: a warning, told by its document
    step 0 assign "$certificate"
fi
step 0 check
