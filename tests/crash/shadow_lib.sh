# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What tests/crash/commands.sh adds to an integration test that runs under it: before a command that a
# case is about, the same command on the same site, once for each place of the program where memory can
# give out (a read of a file can fail) and had not yet. Sourced at the end of integration/lib.sh if
# SHADOW is a folder: `places` there is what was tried by all scripts, `figures` gets a line for each
# trial, `lost` what is wrong.
#
# Everything is put back after each trial, the simulated card as well, so the test goes on as it would. Left out
# is what would stay: agents, workers, readers of other kinds.

# Preloading comes before the sanitizer's runtime.
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0
memory_gives_out=("LD_PRELOAD=$CARDKMS_BIN/libfaultmem.so")
file_is_broken=("LD_PRELOAD=$CARDKMS_BIN/libfaultfs.so" "FAULTFS_DIR=$HERE")
FAULT=()
shadow_peeks='' shadow_card=''
cardkms() {
	if [ "$shadow_peeks" ]; then
		echo " $* " >>"$SHADOW/words"
		return
	fi
	env "${FAULT[@]}" "$CARDKMS_BIN/cardkms" "$@"
}
shadow_turn=0

# stays COMMAND…: whether it would leave something that is not put back, or is at a card (sets shadow_card), which
# is; it may call cardkms by ways of its own.
stays() {
	: >"$SHADOW/words"
	shadow_peeks=yes
	"$@" >/dev/null 2>&1
	shadow_peeks=
	shadow_card=
	! grep -qE ' (agent|batch run|worker) ' "$SHADOW/words" || return 0
	! grep -q ' --reader ' "$SHADOW/words" || shadow_card=yes
	# A reader that is no simulated card of the test's own keeps what is done to it.
	[ "$shadow_card" ] && [ -z "${SIM:-}" ]
}

# The card as it was, in a simulator that begins anew, at the same port.
shadow_card_back() {
	[ "$shadow_card" ] || return 0
	sim_stop
	rm -rf "$SIMS"
	cp -a "$SHADOW/sims" "$SIMS"
	SIM_PORT=${R##*:} sim_again "${SIM_WORDS[@]}"
}

shadow_save() {
	rm -rf "$SHADOW/case" "$SHADOW/sims"
	cp -a "$HERE" "$SHADOW/case"
	[ -z "${SIM:-}" ] || cp -a "$SIMS" "$SHADOW/sims"
	find "$TMPDIR" -mindepth 1 -maxdepth 1 | sort >"$SHADOW/files"
}

shadow_restore() {
	local here=$PWD
	cd / || exit 1
	rm -rf "$HERE"
	cp -a "$SHADOW/case" "$HERE"
	shadow_card_back
	# What a command wrote elsewhere it would find there the next time.
	find "$TMPDIR" -mindepth 1 -maxdepth 1 | sort | comm -13 "$SHADOW/files" - | xargs -r -d '\n' rm -rf
	cd "$here" || exit 1
}

# The registry without what every failure adds to it.
shadow_registry() { # SITE
	sqlite3 -readonly "$HERE/$1/site/cardkms.db" .dump 2>/dev/null | sha256sum
}

shadow_unfinished() { # SITE
	local n
	n=$(sqlite3 -readonly "$HERE/$1/site/cardkms.db" "SELECT
		(SELECT count(*) FROM operation WHERE state = 'intent')
		+ (SELECT count(*) FROM key_object WHERE state = 'pending')
		+ (SELECT count(*) FROM ceremony WHERE state = 'started')" 2>/dev/null)
	echo "${n:-0}"
}

# What is wrong after a trial that a command of SITE failed in; says on the way if the control lost.
shadow_settle() { # SITE UNFINISHED_BEFORE
	local site=$1
	[ -e "$HERE/$site/site/cardkms.db" ] || return 0
	[ "$(shadow_registry "$site")" != "$shadow_before" ] || return 0
	if [ "$(shadow_unfinished "$site")" -gt "$2" ]; then
		echo unsettled >>"$SHADOW/control"
		OFFICERS='' EXTRA='' WITHOUT='' TEXT='' NO_FD='' on "$site" doctor
		[ "$(shadow_unfinished "$site")" -le "$2" ] || echo "unfinished after doctor: $(said)"
	fi
	sqlite3 -readonly "$HERE/$site/site/cardkms.db" 'PRAGMA integrity_check' 2>&1 | grep -vx ok
	OFFICERS='' EXTRA='' WITHOUT='' TEXT='' NO_FD='' on "$site" audit verify
	# Before a site is set up there is nothing to verify by.
	[ "$CODE" -eq 0 ] || [ "$CODE" -eq "$shadow_verifies" ] || echo "audit verify: $(said)"
}

shadow_trial() { # SITE WORDS COMMAND…
	local site=$1 words=$2 wrong='' unfinished
	shift 2
	unfinished=$(shadow_unfinished "$site")
	read -r -a FAULT <<<"$words"
	"$@" 2>/dev/null
	FAULT=()
	case $CODE in
	0) [ "$shadow_usual" -eq 0 ] || wrong="it went through, which it must not" ;;
	"$shadow_usual" | 1 | 2 | 3) [ -n "$(said)" ] || wrong='it did not say what is wrong' ;;
	# p11-kit 0.24, libharu and OpenSSL's heap for secrets do not look at each allocation: as if killed.
	139) has "$(said)" "p11-kit: 'new_memory" || [[ " $* " == *' -o '* || " $* " == *' --sheets '* ]] ||
		wrong='it crashed' ;;
	134) has "$(said)" 'mem_sec.c … assertion failed' || wrong='it aborted' ;;
	*) wrong="it ended with $CODE" ;;
	esac
	! grep -q 'SECRET SHOWN\|AddressSanitizer\|runtime error:' "$ERR" || wrong+='; a secret or a sanitizer'
	[ -z "$wrong" ] || wrong+=": $(said)"
	echo "$CODE" >>"$SHADOW/figures"
	wrong+=$(shadow_settle "$site" "$unfinished")
	if [ "$wrong" ]; then
		{
			printf '%s, %s: ' "$(basename "$0")" "${words##* }"
			printf '%q ' "$@"
			printf '\n    %s\n' "${wrong//$'\n'/$'\n'    }"
		} >>"$SHADOW/lost"
	fi
	shadow_restore
}

# The points of a command: each place that is new, or (SWEEP=sample) one read of a file.
shadow_points() { # COMMAND…
	local reads
	if [ "${SWEEP:-sample}" = full ]; then
		FAULT=("${memory_gives_out[@]}" "FAULTMEM_LOG=$SHADOW/memory.log")
		"$@" >/dev/null 2>&1
		FAULT=()
		awk 'NR == FNR { seen[$1]; next } !($1 in seen) { seen[$1]; print FNR }' "$SHADOW/places" \
			"$SHADOW/memory.log" | sed "s|^|${memory_gives_out[*]} FAULTMEM_AT=|" >"$SHADOW/points"
		sort -u -o "$SHADOW/places" "$SHADOW/places" "$SHADOW/memory.log"
	else
		: >"$SHADOW/files.log"
		FAULT=("${file_is_broken[@]}" "FAULTFS_LOG=$SHADOW/files.log")
		"$@" >/dev/null 2>&1
		FAULT=()
		reads=$(grep -c '^read ' "$SHADOW/files.log")
		: >"$SHADOW/points"
		[ "$reads" -eq 0 ] ||
			echo "${file_is_broken[*]} FAULTFS_AT=read:$((SEED % reads + 1)):EIO" >"$SHADOW/points"
	fi
	shadow_usual=$CODE
}

# shadow COMMAND…: what a case is about to run.
shadow() {
	local site=${runs[$1]:-} words shadow_usual shadow_before shadow_verifies
	[ "$site" ] && [ -e "$HERE/$site/site/cardkms.db" ] || return 0
	shadow_turn=$((shadow_turn + 1))
	[ "${SWEEP:-sample}" = full ] || [ $(((shadow_turn + SEED) % SHADOW_EVERY)) -eq 0 ] || return 0
	shadow_save
	if stays "$@"; then
		shadow_restore
		return
	fi
	shadow_before=$(shadow_registry "$site")
	OFFICERS='' EXTRA='' WITHOUT='' TEXT='' NO_FD='' on "$site" audit verify
	shadow_verifies=$CODE
	shadow_restore
	shadow_points "$@"
	shadow_restore
	while read -r words; do
		shadow_trial "$site" "$words" "$@"
	done <"$SHADOW/points"
}
