/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change of keys (src/card/change.c, guard.c) and its card, torn or killed anywhere, as often as
 * MAX_TEARS. Labels and inlines have the names of the functions that they stand for. What is claimed:
 *
 *   1  at most 2 failed authentications are spent
 *   2  EXTERNAL AUTHENTICATE is sent only with a set that is on the card
 *   3  PUT KEY is sent only when the intent is durable
 *   4  DELETE is sent only when it is durable that the new set has authenticated
 *   5  the end is one of: done, the card opens to the new set alone; old-stays, to both; refused or
 *      abandoned, to the old set; held after 2 tries, to the set that was seen; quarantined, to
 *      neither, and only under a rule that leaves no set to fall back to; or quarantined because the
 *      card confirmed other check values than it was sent
 *   6  it does end (ltl ends), once the tears do
 *
 * -DRULE=FF_CONSUMED, REPLACE or ADD_DELETE. Broken variants, in which spin must find an error:
 * -DNO_JOURNAL, -DNO_COUNT, -DDELETE_EARLY, -DAUTH_BLIND. tests/model/takeover.sh runs them all.
 *
 * The card: PUT KEY and DELETE may be refused, or be said to be refused; its factory or replaced set
 * may be gone before the new one is there (a card that is not atomic); a try is counted before it is
 * looked at. One counter stands for all its sets, which is stricter than cards are.
 */
#define FF_CONSUMED 1
#define REPLACE	    2
#define ADD_DELETE  3
#ifndef RULE
#define RULE REPLACE
#endif
#ifndef MAX_TEARS
#define MAX_TEARS 6
#endif
#define AUTH_LIMIT 2

/* enum card_change_step */
#define NEW	    0
#define INTENDED    1
#define DOUBTED	    2
#define PUT	    3
#define PROVEN	    4
#define DONE	    5
#define OLD_STAYS   6
#define REFUSED	    7
#define ABANDONED   8
#define QUARANTINED 9

mtype:seen = { UNKNOWN, MATCH, ABSENT };
mtype:said = { SAYS_OK, SAYS_NO, SAYS_OTHER_VALUES };

/* The card. */
bool has_old = true, has_new = false;
byte burnt = 0;	       /* EXTERNAL AUTHENTICATEs since the last that it took */
bool new_took = false; /* the new set has authenticated */

/* The journal. */
byte j_step = NEW;
byte j_auths = 0;

/* What the engine has in memory. */
byte step = NEW;
byte auths = 0;
mtype:seen seen_old = UNKNOWN, seen_new = UNKNOWN;
mtype:said said = SAYS_OK;
bool open_old = false, open_new = false; /* the secure channel, by which set */

byte tears = 0;
bool doubted = false; /* the card did confirm other check values */
bool held = false, finished = false;

/* The line is lost, or the program is killed: all in memory is gone, and the session with it. */
inline may_tear()
{
	if
	:: tears < MAX_TEARS -> tears++; goto torn
	:: skip
	fi
}

/* card_guard_save: durable, or not yet, when the program is killed. */
inline save(s)
{
	may_tear();
#ifdef NO_JOURNAL
	skip;
#else
	d_step {
		j_step = s;
#ifndef NO_COUNT
		j_auths = auths;
#endif
	}
#endif
	step = s;
	may_tear();
}

/* card_change_look_for: INITIALIZE UPDATE, its cryptogram tried offline. */
inline look_for_old()
{
	may_tear();
	open_old = false; open_new = false;
	seen_old = (has_old -> MATCH : ABSENT);
	may_tear();
}
inline look_for_new()
{
	may_tear();
	open_old = false; open_new = false;
	seen_new = (has_new -> MATCH : ABSENT);
	may_tear();
}

/* card_guard_spend with a step: counted before it is sent, or not at all. */
inline spend_as(s)
{
	if
	:: auths >= AUTH_LIMIT -> goto hold
	:: else -> auths++; save(s)
	fi
}

/* card_guard_authenticate. The card counts first; power may go before it has looked. */
inline authenticate(is_new)
{
	may_tear();
	assert(is_new -> has_new : has_old); /* 2 */
	burnt++;
	assert(burnt <= AUTH_LIMIT); /* 1 */
	may_tear();
	if
	:: (is_new -> has_new : has_old) ->
		d_step { /* taken */
			burnt = 0;
			open_new = is_new;
			open_old = !is_new;
			new_took = new_took || is_new;
		}
		may_tear();
		/* reset_counts: at once where the next run could not go on otherwise. */
		auths = 0;
		if
		:: j_auths >= AUTH_LIMIT -> save(step)
		:: else
		fi
	:: is_new -> may_tear(); goto start /* refused, whatever for: left open, another run */
	:: !is_new -> may_tear(); goto refused_old
	fi
}

/* What PUT KEY does when it is carried out. */
inline card_takes_new()
{
	if
	:: RULE != ADD_DELETE ->
		d_step { has_old = false; has_new = true }
	:: RULE != ADD_DELETE -> /* not at once */
		has_old = false;
		may_tear();
		has_new = true
	:: RULE != REPLACE -> /* or a factory set that stays, other than the profile says */
		has_new = true
	fi
}

inline put_keys()
{
	may_tear();
	assert(open_old);
#ifndef NO_JOURNAL
	assert(j_step != NEW); /* 3 */
#endif
	if
	:: card_takes_new(); said = SAYS_OK
	:: card_takes_new(); said = SAYS_NO
	:: card_takes_new(); said = SAYS_OTHER_VALUES; doubted = true
	:: said = SAYS_NO
	:: said = SAYS_OK /* it lies */
	fi;
	may_tear();
	if
	:: said == SAYS_OTHER_VALUES -> save(DOUBTED)
	:: else
	fi
}

inline delete_old()
{
	may_tear();
	assert(open_new);
#ifndef NO_JOURNAL
	assert(j_step == PROVEN && new_took); /* 4 */
#endif
	if
	:: has_old = false
	:: skip /* refused, or said to be done */
	fi;
	may_tear();
	look_for_old();
	if
	:: seen_old == MATCH -> save(OLD_STAYS)
	:: else -> save(DONE)
	fi
}

proctype engine()
{
start:	skip; /* a run begins with what the journal has */
	d_step {
		step = j_step;
		auths = j_auths;
		seen_old = UNKNOWN; seen_new = UNKNOWN;
		open_old = false; open_new = false;
	}
	if
	:: step == NEW -> goto check
	:: step > PROVEN -> goto end
	:: step > NEW && step <= PROVEN -> goto resume
	fi;

check:	look_for_old();
	if
	:: seen_old == MATCH -> goto intend
	:: else -> goto end
	fi;

intend:	spend_as(INTENDED);
	goto authenticate_and_put;

resume:
#ifdef AUTH_BLIND
	/* The journal says that PUT KEY may have been sent, so the new keys will be there. */
	spend_as(PUT);
	authenticate(true);
#endif
	look_for_old();
	look_for_new();
	if
	:: seen_new == MATCH -> goto finish
	:: seen_new != MATCH && seen_old == MATCH -> /* CARD_ROLL_FORWARD */
		look_for_old();
		spend_as(INTENDED);
		goto authenticate_and_put
	:: seen_new != MATCH && seen_old == MATCH -> /* CARD_SETTLE */
		save(ABANDONED);
		goto end
	:: seen_new != MATCH && seen_old != MATCH -> goto quarantine
	fi;

authenticate_and_put:
	authenticate(false);
	put_keys();
	goto look;

refused_old:
	said = SAYS_NO;

look:	/* go(): what the card does, not what it said. */
#ifdef DELETE_EARLY
	if
	:: RULE == ADD_DELETE -> open_new = has_new; delete_old(); goto end
	:: else
	fi;
#endif
	if
	:: RULE == ADD_DELETE && said == SAYS_OK -> skip /* look_confirmed: the old set is not asked */
	:: else -> look_for_old()
	fi;
	look_for_new();
	if
	:: seen_new == MATCH -> goto finish
	:: else -> look_for_old() /* look_again */
	fi;
	if
	:: seen_old == MATCH -> save(REFUSED); goto end
	:: else -> goto quarantine
	fi;

finish:	if
	:: step == DOUBTED -> goto quarantine
	:: step == PROVEN && seen_old != MATCH -> save(DONE); goto end
	:: else
	fi;
	look_for_new(); /* card_guard_ready; not sent if it was the last answer */
	if
	:: seen_new != MATCH -> goto start
	:: else
	fi;
	if
	:: step == PROVEN -> spend_as(PROVEN)
	:: else -> spend_as(PUT)
	fi;
	authenticate(true);

	/* drop_old() */
	if
	:: seen_old == ABSENT -> save(DONE)
	:: seen_old != ABSENT && RULE != ADD_DELETE -> save(OLD_STAYS)
	:: seen_old != ABSENT && RULE == ADD_DELETE -> save(PROVEN); delete_old()
	fi;
	goto end;

quarantine:
	/* Neither set was there, seen twice; or the check values are in doubt. */
	if
	:: step == DOUBTED ->
		assert(has_new)
	:: else ->
		assert(!has_old && !has_new)
	fi;
	save(QUARANTINED);
	goto end;

hold:	held = true;
	assert(auths == AUTH_LIMIT);
	assert((seen_new == MATCH && has_new) || (seen_old == MATCH && has_old)); /* 5 */
	goto end;

torn:	goto start;

end:	if
	:: held
	:: !held && step == NEW -> assert(has_old)
	:: !held && step == DONE -> assert(has_new && !has_old)
	:: !held && step == OLD_STAYS -> assert(has_new && has_old)
	:: !held && (step == REFUSED || step == ABANDONED) -> assert(has_old)
	:: !held && step == QUARANTINED ->
		assert(doubted || (RULE != ADD_DELETE && !has_old && !has_new))
	fi;
	finished = true
}

init { run engine() }

ltl ends { <> finished }
