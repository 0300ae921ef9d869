#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The agent: a PIN between unlock and lock, for programs of one user; who gets it, and what is left of it.
# shellcheck disable=SC2317,SC2016 # functions called by name; Perl
. "$(dirname "$0")/lib.sh"

AGENT=''
agent_start() {
	in_site a sh -c 'echo $$ >"$TMPDIR/agent.pid"; exec cardkms -s "$1" agent 2>"$TMPDIR/agent.log"; ' sh \
		"$HERE/a/site" &
	for ((i = 0; i < 200; i++)); do
		if grep -q ready "$TMPDIR/agent.log" 2>/dev/null; then
			AGENT=$(<"$TMPDIR/agent.pid")
			return
		fi
		sleep 0.05
	done
	return 1
}
agent_end() { # SIGNAL: it says nothing more
	kill -s "$1" "$AGENT"
	wait
	rm "$TMPDIR/agent.log"
}
trap '[ -z "$AGENT" ] || kill "$AGENT" 2>/dev/null' EXIT
# The PINs as the program asks for them, and nobody to ask.
alone() { WITHOUT='pin so-pin pin.prod1' a "$@"; }
held() { a agent --status && get '[.result[] | "\(.pin) \(.given)"] | join(",")'; }

fixture_site
printf 'so-pin.prod1=11111111\npin.prod1=k7Qz93hTbW1xr5Lm\n' >>a/secrets
need a hsm add prod1 --kind production --hsm "pkcs11:token=prod1?module-path=$softhsm_module"
keep site

# ---- without an agent ----

use site
refused 'no agent: unlock' 1 'no agent of this site is running' a unlock
refused 'no agent: status' 1 'no agent of this site is running' a agent --status
ok 'no agent: lock' a lock
equal 'no agent: nothing to be forgotten' 0 "$(get .result.forgotten)"
refused 'no agent: the PIN is asked for' 1 'no terminal to ask for the operator PIN' alone hsm check
for time in '' 0h 12 -1h 1w 8d 999999999999999999999h ' 1h' 1.5h; do
	refused "unlock: for '$time'" 2 '--for takes a time' a unlock --for "$time"
done

# ---- held ----

check 'agent: started' agent_start
equal 'agent: only this user reaches it' 600 "$(stat -c %a a/site/agent.sock)"
refused 'agent: only one' 1 'has an agent already' a agent
equal 'agent: holds nothing yet' '' "$(held)"
dry 'unlock: dry' a unlock
equal 'unlock: dry' '' "$(held)"
EXTRA=pin=00000000 refused 'unlock: a wrong PIN' 1 'PIN is wrong' a unlock
equal 'unlock: a wrong PIN is not held' '' "$(held)"
ok 'unlock' a unlock --for 1h
equal 'unlock: for how long' '3600 principal HSM' "$(get '"\(.result.seconds) \(.result.hsm)"')"
ok 'unlocked: nobody is asked' alone hsm check
ok 'unlocked: nor again' alone hsm check
equal 'unlocked: counted' 'pin 2' "$(held)"
refused 'unlocked: no other PIN' 1 'no terminal to ask for the operator PIN' alone hsm compare prod1
ok 'unlock: a production HSM' a unlock --hsm prod1 --for 90s
ok 'unlocked: both' alone hsm compare prod1
equal 'unlocked: each is counted' 'pin 2,pin.prod1 1' "$(held)"
refused 'unlock: no such HSM' 1 nowhere a unlock --hsm nowhere
ok 'unlock: logged, without the PIN' a audit list
equal 'unlock: logged' 'principal HSM,prod1' \
	"$(get '[.result[] | select(.operation == "agent.unlock" and .phase == "outcome" and .outcome == "done") | .subject] | join(",")')"

# ---- who asks, and how ----

if [ "$(id -u)" -eq 0 ]; then
	# Somebody else, to whom everything but the agent is open.
	chmod 0711 "$TMPDIR" "$HERE" a a/site && chmod 0666 a/site/agent.sock
	request='print $s pack("CCSL", 1, 3, 0, 0), "pin"; local $/; my $r = <$s>; print unpack("H*", $r // "")'
	client="\$SIG{PIPE} = 'IGNORE'; use IO::Socket::UNIX; my \$s = IO::Socket::UNIX->new(Peer => '$HERE/a/site/agent.sock') or die; $request"
	equal 'another user gets nothing'  '' "$(runuser -u nobody -- perl -e "$client")"
	check 'another user is told of' grep -q 'another user was refused (uid 65534)' "$TMPDIR/agent.log"
	equal 'control: this user gets it so' 01 "$(perl -e "$client" | cut -c1-2)"
	chmod 0600 a/site/agent.sock
fi
perl -e "use IO::Socket::UNIX; srand(7); for (1..60) {
	my \$s = IO::Socket::UNIX->new(Peer => '$HERE/a/site/agent.sock') or die;
	print \$s join '', map { chr rand 256 } 1..int(rand 40); shutdown(\$s, 1); }"
equal 'nonsense is survived' 'pin.prod1' "$(a agent --status && get '.result[1].pin // "pin.prod1"')"
check 'nonsense is told of' grep -q 'makes no sense' "$TMPDIR/agent.log"
perl -e "use IO::Socket::UNIX; my \$s = IO::Socket::UNIX->new(Peer => '$HERE/a/site/agent.sock'); sleep 20" &
silent=$!
ok 'who says nothing holds nobody up' a agent --status
kill $silent
wait $silent 2>/dev/null

# ---- forgotten ----

a unlock --for 1h
ok 'lock' a lock
equal 'lock: all are forgotten' '' "$(held)"
refused 'lock: the PIN is asked for again' 1 'no terminal to ask for the operator PIN' alone hsm check
ok 'unlock: for a moment' a unlock --for 2s
ok 'a moment: held' alone hsm check
sleep 2.5
equal 'a moment: over' '' "$(held)"
ok 'unlock: before the PIN is changed' a unlock
in_site a softhsm2-util --init-token --token nothing --slot 99 >/dev/null 2>&1
old=$(sed -n 's/^pin=//p' a/secrets)
so=$(sed -n 's/^so-pin=//p' a/secrets)
in_site a pkcs11-tool --module "$softhsm_module" --token-label a --login --login-type so --so-pin "$so" \
	--init-pin --new-pin 97531864 >"$TMPDIR/tool" 2>&1 || cat "$TMPDIR/tool"
refused 'changed: the old one is refused' 1 'with the PIN that the agent held … forgotten it' alone hsm check
equal 'changed: and tried once' '' "$(held)"
sed -i "s/^pin=$old/pin=97531864/" a/secrets
ok 'changed: unlock with the new one' a unlock
sed -i 's/^tdea2 = .*/&\nvault = offline/' a/site/site.ini
refused 'vault = offline: no agent holds its PIN' 1 'is offline by policy' a unlock
ok 'vault = offline: a production HSM' a unlock --hsm prod1
sed -i 's/^two-officers = .*/& unlock/' a/site/site.ini
refused 'two-officers: unlock needs them' 1 'two officers' a unlock --hsm prod1
OFFICERS=ana,ben ok 'two-officers: unlock by two' a unlock --hsm prod1

# ---- what is left of it ----

if [ "$(id -u)" -eq 0 ]; then
	printf 'pin %s\n' "$(printf k7Qz93hTbW1xr5Lm | od -An -tx1 | tr -d ' \n')" >"$TMPDIR/needles"
	leakscan "$TMPDIR/needles" "$AGENT" >"$TMPDIR/found" 2>&1
	equal 'memory: held, it is in locked memory and nowhere else' secure \
		"$(awk '$1 == "found" { print $2 }' "$TMPDIR/found" | sort -u | sed 's/+.*//' | xargs)"
	ok 'memory: lock' a lock
	leakscan "$TMPDIR/needles" "$AGENT" >"$TMPDIR/found" 2>&1
	equal 'memory: after lock it is nowhere' '' "$(grep ^found "$TMPDIR/found")"
fi
OFFICERS=ana,ben ok 'unlock once more' a unlock --hsm prod1
for signal in HUP INT TERM; do
	check "SIG$signal: ends well" agent_end $signal
	check "SIG$signal: no socket is left" test ! -e a/site/agent.sock
	check 'started again' agent_start
	equal 'started again: holds nothing' '' "$(held)"
done
agent_end KILL
check 'killed: another one starts' agent_start
check 'ends' agent_end TERM
AGENT=''
finish
