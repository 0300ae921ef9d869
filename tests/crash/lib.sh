# shellcheck shell=bash disable=SC2034 # for those who source it
# SPDX-License-Identifier: Apache-2.0
# Every operation of the exchange as something to break: from which fixture it starts, at which site,
# how it is run, and what there is of its effect afterwards. Sourced by the sweeps.
#
#   FAULT=(KILLP11_AT=change:1:after)     # words for env in the next runs of cardkms
#   use "${from[import]}"; op_import      # sets CODE, OUT, ERR
#   effect_import                         # "whole", "none", or else what is wrong
#   settle import doctor; wrong_at b      # say what is wrong; nothing if all is well
#
# The token is a SoftHSM in another process: what happens to the program does not happen to it.
TOKEN=forward
. "$CARDKMS_SOURCE/tests/integration/lib.sh"

SEED=${SEED:-$(date +%s)}
RANDOM=$((SEED % 32768))
full() { [ "${SWEEP:-sample}" = full ]; }

# What goes wrong in the next run: words for env.
FAULT=()
cardkms() {
	env "${FAULT[@]}" "$CARDKMS_BIN/cardkms" "$@"
}

# Preloading comes before the sanitizer's runtime.
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0
preload=("LD_PRELOAD=$CARDKMS_BIN/libfaultfs.so" "FAULTFS_DIR=$HERE")
memory=("LD_PRELOAD=$CARDKMS_BIN/libfaultmem.so")

# ---- the operations: from which fixture, at which site, how, and what there is of it then ----

declare -A at from
# What doctor may have to say where it cannot be content, of an operation that starts without an HSM: a
# regular expression.
declare -A doctor_says
# What is wrong before anything was settled, where that is not for wrong_at to say.
declare -A control
# effect_NAME prints "whole", "none", or else what is wrong.
sql() { # SITE QUERY
	sqlite3 "$HERE/$1/site/cardkms.db" "$2" 2>&1
}

# some SITE WANTED QUERY: whole if the query counts as many as wanted.
some() {
	local n
	n=$(sql "$1" "$3")
	case $n in
	0) echo none ;;
	"$2") echo whole ;;
	*) echo "half: $n of $2" ;;
	esac
}

# reissued SITE ID FILE: a file that an operation did not come to write can be written again.
reissued() {
	[ -e "$3" ] && cmp -s "$3" <(
		on "$1" exchange reissue "$2" -o "$TMPDIR/again" && cat "$TMPDIR/again"
	) && return
	on "$1" exchange reissue "$2" -o "$TMPDIR/again" && [ ! -e "$3" ]
}

# document SITE KIND ID_COLUMN FILE: of a document going out, its row and its file.
document() {
	local id
	id=$(sql "$1" "SELECT id FROM exchange_doc WHERE kind = '$2' AND direction = 'out'")
	if [ -z "$id" ]; then
		echo none
	elif reissued "$1" "$id" "$3"; then
		echo whole
	else
		echo "half: $3 is not what 'exchange reissue $id' writes"
	fi
}

at[site_init]=c from[site_init]=nothing
op_site_init() {
	token_site c
	run_in c cardkms --json site init "$HERE/c/site" --name 'Card Maker' --role manufacturer \
		"${site_options[@]}"
}
effect_site_init() {
	if on c site status; then
		some c 1 "SELECT count(*) FROM site_meta WHERE name = 'name' AND value = 'Card Maker'"
	else
		echo none
	fi
}

at[officer_add]=a from[officer_add]=officers
op_officer_add() {
	EXTRA='officer.carla=staple correct' a officer add carla
}
effect_officer_add() {
	some a 1 "SELECT count(*) FROM officer WHERE name = 'carla' AND state = 'active'"
}

at[hsm_setup]=a from[hsm_setup]=officers
op_hsm_setup() {
	a hsm setup --plan plan.ini
}
effect_hsm_setup() {
	some a 5 "SELECT count(*) FROM key_object WHERE state = 'active'"
}

at[partner_add]=a from[partner_add]=strangers
op_partner_add() {
	a partner add b.id --fingerprint "$(cat b.fp)"
}
effect_partner_add() {
	some a 1 "SELECT count(*) FROM partner WHERE state = 'active'"
}

at[hsm_update]=a from[hsm_update]=pair
op_hsm_update() {
	a hsm update --plan more.ini
}
effect_hsm_update() {
	some a 4 "SELECT (SELECT count(*) FROM key_object WHERE keyset = 'OPMasterKey2'
		AND state = 'active') + (SELECT count(*) FROM keyset WHERE name = 'OPMasterKey2'
		AND state = 'active')"
}

at[transport_create]=a from[transport_create]=pair
op_transport_create() {
	rm -rf sheets && mkdir sheets
	a transport-key create TK1 --algorithm aes256 --components 3 --partner 'Example Bank' \
		--pairs pairs.ini --sheets sheets
}
effect_transport_create() {
	some a 8 "SELECT (SELECT count(*) FROM key_object WHERE label = 'TK1' AND state = 'active')
		+ (SELECT count(*) FROM ceremony WHERE state = 'done')
		+ (SELECT count(*) FROM custodian JOIN ceremony ON ceremony.id = ceremony_id
			WHERE sheet_state = 'issued' AND state = 'done')"
}

at[transport_import]=b from[transport_import]=created
op_transport_import() {
	EXTRA=$(cat components) b transport-key import TK1 --algorithm aes256 --components 3 \
		--partner 'Card Maker' --pairs pairs.ini --check-value "$(cat tk.kcv)"
}
effect_transport_import() {
	some b 2 "SELECT (SELECT count(*) FROM key_object WHERE label = 'TK1' AND state = 'active')
		+ (SELECT count(*) FROM ceremony WHERE state = 'done')"
}

at[request]=b from[request]=ready
op_request() {
	b exchange request --from 'Card Maker' --keyset OPMasterKey1 -o req
}
effect_request() {
	document b request req
}

at[export]=a from[export]=requested
op_export() {
	a exchange export --request req --transport-key TK1 -o pkg
}
effect_export() {
	document a package pkg
}

at[import]=b from[import]=exported
op_import() {
	b exchange import pkg --transport-key TK1 --receipt rcpt
}
effect_import() {
	local keys
	keys=$(some b 6 "SELECT (SELECT count(*) FROM key_object WHERE keyset = 'OPMasterKey1'
		AND state = 'active') + (SELECT count(*) FROM keyset WHERE state = 'active')
		+ (SELECT count(*) FROM exchange_doc WHERE kind = 'request' AND state = 'consumed')
		+ (SELECT count(*) FROM exchange_doc WHERE kind = 'package')")
	[ "$keys" = "$(document b receipt rcpt)" ] || keys="half: keys $keys, receipt not"
	echo "$keys"
}

at[key_import]=b from[key_import]=blocks
op_key_import() {
	b key import out --transport-key TKB --plan loan.ini
}
effect_key_import() {
	some b 4 "SELECT (SELECT count(*) FROM key_object WHERE keyset = 'Loan1' AND state = 'active')
		+ (SELECT count(*) FROM keyset WHERE name = 'Loan1' AND state = 'active')"
}

at[receipt]=a from[receipt]=imported
op_receipt() {
	a exchange receipt rcpt
}
effect_receipt() {
	some a 2 "SELECT count(*) FROM exchange_doc WHERE (kind = 'package' AND state = 'closed')
		OR kind = 'receipt'"
}

at[key_destroy]=a from[key_destroy]=pair
op_key_destroy() {
	a --yes key destroy OPMasterKeyENC1
}
effect_key_destroy() {
	some a 1 "SELECT count(*) FROM key_object WHERE label = 'OPMasterKeyENC1' AND state = 'destroyed'"
}

at[key_suspend]=a from[key_suspend]=pair
op_key_suspend() {
	a key suspend OPMasterKeyMAC1
}
effect_key_suspend() {
	some a 1 "SELECT count(*) FROM key_object WHERE label = 'OPMasterKeyMAC1' AND state = 'suspended'"
}

operations=(site_init officer_add hsm_setup partner_add hsm_update transport_create
	transport_import request export import receipt key_import key_destroy key_suspend)

# ---- fixtures ----

build_fixtures() {
	empty_case
	token_conf "$HERE/c"
	token_pins >c/secrets
	: >c/officers
	keep nothing
	empty_case
	need site_new a 'Card Maker' manufacturer ana ben
	plan_maker >plan.ini
	plan_maker | sed 's/OPMasterKey1/OPMasterKey2/' >more.ini
	pairs_three >pairs.ini
	keep officers
	need op_hsm_setup
	need site_new b 'Example Bank' issuer cleo dan
	need b hsm setup
	need a site identity export -o a.id
	need b partner add a.id --fingerprint "$(get .result.fingerprint)"
	need b site identity export -o b.id
	get .result.fingerprint >b.fp
	keep strangers
	need op_partner_add
	keep pair
	sed -i 's/^key-blocks = forbid$/key-blocks = allow/' a/site/site.ini b/site/site.ini
	plan_maker | sed 's/OPMasterKey1/Loan1/; s/partner/never/' >loan.ini
	need a transport-key create TKB --algorithm aes256 --components 3 --partner 'Example Bank' \
		--pairs pairs.ini --sheets . --wrapping x9143
	EXTRA=$(typed_from TKB 3 .) need b transport-key import TKB --algorithm aes256 --components 3 \
		--partner 'Card Maker' --pairs pairs.ini --check-value "$(get .result.check_value)" \
		--wrapping x9143
	need a key export OPMasterKey1 --transport-key TKB -o out
	keep blocks
	use pair
	need op_transport_create
	get .result.check_value >tk.kcv
	typed_from TK1 3 >components
	keep created
	need op_transport_import
	keep ready
	need op_request
	keep requested
	need op_export
	keep exported
	need op_import
	keep imported
}

# ---- judging ----

is_set_up() {
	[ "$(sql "$1" "SELECT count(*) FROM key_object WHERE role = 'identity' AND state = 'active'")" \
		= 1 ]
}

# What is wrong with a site, on standard output.
wrong_at() {
	local site=$1 other
	[ -e "$HERE/$site/site/site.ini" ] || return 0
	unfinished_at "$site"
	if is_set_up "$site"; then
		on "$site" audit verify || echo "audit verify: $(said)"
		on "$site" hsm check || only_lost || echo "hsm check: $(said)"
		for other in $(sql "$site" "SELECT name FROM hsm WHERE state = 'active'"); do
			on "$site" hsm compare "$other" || echo "hsm compare $other: $(said)"
		done
	fi
}

# hsm check found nothing but keys that the registry knows to be lost with their HSM.
only_lost() {
	[ "$CODE" -eq 3 ] && [ "$(get '.result.findings // [] | length > 0
		and all(contains("was lost with the HSM"))')" = true ]
}

unfinished_at() {
	local n
	n=$(sql "$1" "SELECT (SELECT count(*) FROM operation WHERE state = 'intent')
		+ (SELECT count(*) FROM key_object WHERE state = 'pending' OR location = 'restoring')
		+ (SELECT count(*) FROM keyset WHERE state = 'pending')
		+ (SELECT count(*) FROM hsm WHERE state = 'pending')
		+ (SELECT count(*) FROM key_copy WHERE state = 'pending')
		+ (SELECT count(*) FROM ceremony WHERE state = 'started')")
	[ "$n" = 0 ] || echo "unfinished: $n"
}

# settle OP WAY: by doctor, or by the operation itself, run again. Prints what is wrong.
settle() {
	local op=$1 way=$2 site=${at[$1]} effect
	if [ "$way" = doctor ] && [ -e "$HERE/$site/site/site.ini" ]; then
		on "$site" doctor || grep -qE "${doctor_says[$op]:-^none$}" <<<"$(said)" || echo "doctor: $(said)"
		effect=$("effect_$op")
		[ "$effect" = whole ] || [ "$effect" = none ] || echo "after doctor $effect"
	else
		effect=$("effect_$op")
	fi
	if [ "$effect" != whole ]; then
		"op_$op"
		# What had taken effect is refused the second time; whole is whole.
		effect=$("effect_$op")
		if [ "$effect" != whole ]; then
			"op_$op"
			echo "repeated: $effect; $(said)"
		fi
	fi
	wrong_at "$site"
}

lose() { # WHAT TEXT
	echo "lost: $1 (SEED=$SEED):"
	printf '    %s\n' "${2//$'\n'/$'\n'    }"
}

# ---- killing ----
#
# sweep_one OP: one run to its end, and kills before and after each call that changes the token and at
# each sync, and a power failure at SHORT (24) writes; of which a sample takes one. `surely`: the operation whose second change, done (or `surely_at`), is in
# every sample; `powerless`: those that a sample runs once more without any sync.

trials=0 lost=0 control_lost=0 ends=0 ends_lost=0 ends_control=0

# kill_at OP WORD…: one trial; the words are for env.
kill_at() {
	local op=$1 way=doctor wrong
	shift
	use "${from[$op]}"
	FAULT=("$@")
	"op_$op" 2>/dev/null
	FAULT=()
	if [ "$CODE" -ne 137 ]; then
		lose "$op $*" "was not killed: exit $CODE; $(said)"
		lost=$((lost + 1))
		return
	fi
	trials=$((trials + 1))
	wrong=$("${control[$op]:-wrong_at}" "${at[$op]}")
	[ -z "$wrong" ] || control_lost=$((control_lost + 1))
	[ $((RANDOM % 2)) -eq 0 ] || way=again
	wrong=$(settle "$op" "$way")
	if [ "$wrong" ]; then
		lose "$op, killed at ${*: -2}, settled by $way" "$wrong"
		lost=$((lost + 1))
	fi
}

# end_of OP LOSE: not killed; FAULTFS_LOSE at the end. Sets CODE; prints what is missing then.
end_of() {
	local op=$1
	use "${from[$op]}"
	: >"$TMPDIR/files.log"
	: >"$TMPDIR/calls.log"
	FAULT=("${preload[@]}" FAULTFS_LOSE="$2" FAULTFS_LOG="$TMPDIR/files.log"
		KILLP11_LOG="$TMPDIR/calls.log")
	"op_$op"
	FAULT=()
	if [ "$CODE" -ne 0 ]; then
		echo "exit $CODE: $(said)"
		return
	fi
	local effect
	effect=$("effect_$op")
	[ "$effect" = whole ] || echo "it exited with 0, and its effect is: $effect"
	wrong_at "${at[$op]}"
}

# Of 1 to N, all or SHORT by chance.
some_of() { # N
	if [ "$1" -le "${SHORT:-24}" ]; then
		seq "$1"
	else
		shuf -i "1-$1" -n "${SHORT:-24}" --random-source=<(yes "$SEED")
	fi
}

# The points of an operation, one a line, from the logs of the run before.
points() {
	local n changes syncs
	changes=$(grep -c ' change$' "$TMPDIR/calls.log")
	syncs=$(grep -c '^sync ' "$TMPDIR/files.log")
	for ((n = 1; n <= changes; n++)); do
		echo "KILLP11_AT=change:$n:before"
		echo "KILLP11_AT=change:$n:after"
	done
	for ((n = 1; n <= syncs; n++)); do
		echo "${preload[*]} FAULTFS_AT=sync:$n:before"
		echo "${preload[*]} FAULTFS_AT=sync:$n:before FAULTFS_LOSE=unsynced"
		echo "${preload[*]} FAULTFS_AT=sync:$n:after FAULTFS_LOSE=unsynced"
	done
	for n in $(some_of "$(grep -c '^write ' "$TMPDIR/files.log")"); do
		echo "${preload[*]} FAULTFS_AT=write:$n:after FAULTFS_LOSE=unsynced"
	done
}

# Of the lines of standard input, all or as many as the sample takes.
chosen() { # HOW_MANY
	local lines=() n
	mapfile -t lines
	if full; then
		printf '%s\n' "${lines[@]}"
		return
	fi
	for ((n = 0; n < $1; n++)); do
		echo "${lines[RANDOM % ${#lines[@]}]}"
	done
}

sweep_one() {
	local op=$1 wrong words list
	[ "${KIND:-kill}" = kill ] || return 0
	wrong=$(end_of "$op" unsynced)
	ends=$((ends + 1))
	if [ "$wrong" ]; then
		lose "$op, at its end" "$wrong"
		ends_lost=$((ends_lost + 1))
	fi
	points >"$TMPDIR/points"
	# RANDOM moves on only in this shell.
	chosen 1 <"$TMPDIR/points" >"$TMPDIR/chosen"
	# A sample of this size may happen to hold no point where the control loses: this is one.
	if ! full && [ "$op" = "${surely:-}" ]; then
		echo "KILLP11_AT=${surely_at:-change:2:after}" >>"$TMPDIR/chosen"
	fi
	list=$(cat "$TMPDIR/chosen")
	while read -r -a words; do
		kill_at "$op" "${words[@]}"
	done <<<"$list"
	if full || [[ " ${powerless:-} " == *" $op "* ]]; then
		wrong=$(end_of "$op" all)
		[ -z "$wrong" ] || ends_control=$((ends_control + 1))
	fi
	! full || echo "$op: $(wc -l <"$TMPDIR/points") points, $(grep -c change "$TMPDIR/points") at the token," \
		"$(grep -c LOSE "$TMPDIR/points") of them power failures"
}

# ---- memory and disk ----
#
# short_one OP: an allocation fails, once or with all that follow it; a write finds the disk full, and so
# do all that follow; a read, a write or a sync finds it broken, once. Full: an allocation from each place
# of the program that no operation before had, SHORT (24) points of each other kind, and every sync;
# a sample: one of them all. The operation may go on only if it takes effect as a whole;
# otherwise it must say what is wrong.

shorts=0 shorts_lost=0 shorts_control=0 shorts_done=0 shorts_died=0

# Of the allocations logged, the first of each place where no run before had one.
new_places() {
	touch "$TMPDIR/places"
	awk 'NR == FNR { seen[$1]; next } !($1 in seen) { seen[$1]; print FNR }' "$TMPDIR/places" \
		"$TMPDIR/memory.log"
	sort -u -o "$TMPDIR/places" "$TMPDIR/places" "$TMPDIR/memory.log"
}

# The points where memory and disk give out, by the logs of runs before.
short_lines() {
	local n
	# Of memory in full only: p11-kit's crash, and what the unwinder leaves, end a sample, which runs under
	# sanitizers.
	if full; then
		new_places | sed "s|^|${memory[*]} FAULTMEM_AT=|"
		some_of "$(wc -l <"$TMPDIR/memory.log")" | sed "s|.*|${memory[*]} FAULTMEM_AT=&+|"
	fi
	some_of "$(grep -c '^read ' "$TMPDIR/files.log")" | sed "s|.*|${preload[*]} FAULTFS_AT=read:&:EIO|"
	for n in $(some_of "$(grep -c '^write ' "$TMPDIR/files.log")"); do
		echo "${preload[*]} FAULTFS_AT=write:$n+:ENOSPC"
		echo "${preload[*]} FAULTFS_AT=write:$n:EIO"
	done
	for n in $(seq "$(grep -c '^sync ' "$TMPDIR/files.log")"); do
		echo "${preload[*]} FAULTFS_AT=sync:$n:EIO"
	done
}

# The points of an operation, one a line.
short_points() { # OP
	if full; then
		use "${from[$1]}"
		FAULT=("${memory[@]}" FAULTMEM_LOG="$TMPDIR/memory.log")
		"op_$1" >&2
	fi
	use "${from[$1]}"
	: >"$TMPDIR/files.log"
	FAULT=("${preload[@]}" FAULTFS_LOG="$TMPDIR/files.log")
	"op_$1" >&2
	FAULT=()
	short_lines
}

# short_at OP WORD…: one trial; the words are for env.
short_at() {
	local op=$1 wrong='' unsettled
	shift
	use "${from[$op]}"
	FAULT=("$@")
	"op_$op" 2>/dev/null
	FAULT=()
	shorts=$((shorts + 1))
	case $CODE in
	0)
		shorts_done=$((shorts_done + 1))
		[ "$("effect_$op")" = whole ] || wrong="it exited with 0, its effect: $("effect_$op")"$'\n'
		;;
	1 | 3) [ -n "$(said)" ] || wrong='it did not say what is wrong'$'\n' ;;
	139)
		# p11-kit 0.24 looks at no allocation of its arrays. As if killed, then.
		shorts_died=$((shorts_died + 1))
		has "$(said)" "p11-kit: 'new_memory" || wrong="it crashed: $(said)"$'\n'
		;;
	134)
		# Nor does OpenSSL 3.0 say so when its heap for secrets cannot be made: it asserts. That is
		# before anything else.
		shorts_died=$((shorts_died + 1))
		has "$(said)" 'mem_sec.c … assertion failed' || wrong="it aborted: $(said)"$'\n'
		;;
	*) wrong="it ended with $CODE: $(said)"$'\n' ;;
	esac
	unsettled=$("${control[$op]:-wrong_at}" "${at[$op]}")
	[ -z "$unsettled" ] || shorts_control=$((shorts_control + 1))
	wrong+=$(settle "$op" doctor)
	if [ "$wrong" ]; then
		lose "$op, ${*: -1}" "$wrong"
		shorts_lost=$((shorts_lost + 1))
	fi
}

short_one() {
	local op=$1 words list
	[ "${KIND:-short}" = short ] || return 0
	short_points "$op" >"$TMPDIR/points"
	chosen 1 <"$TMPDIR/points" >"$TMPDIR/chosen"
	list=$(cat "$TMPDIR/chosen")
	while read -r -a words; do
		short_at "$op" "${words[@]}"
	done <<<"$list"
	! full || echo "$op: $(wc -l <"$TMPDIR/points") points of memory and disk"
}

# end_sweep NAME: the figures and the verdict. KIND=kill or short: only those were run. A sample may be too small for the control of `short`.
end_sweep() {
	echo "seed $SEED"
	echo "sweep $1.kill trials $trials lost $lost control_lost $control_lost"
	echo "sweep $1.power trials $ends lost $ends_lost control_lost $ends_control"
	echo "sweep $1.short trials $shorts lost $shorts_lost control_lost $shorts_control"
	echo "$1.short: $shorts_done went on to their end, $shorts_died died in p11-kit or OpenSSL"
	[ "$lost" -eq 0 ] && [ "$ends_lost" -eq 0 ] && [ "$shorts_lost" -eq 0 ] &&
		{ [ "${KIND:-kill}" = short ] || { [ "$control_lost" -gt 0 ] && [ "$ends_control" -gt 0 ]; }; } &&
		{ ! full || [ "${KIND:-short}" = kill ] || [ "$shorts_control" -gt 0 ]; }
}
