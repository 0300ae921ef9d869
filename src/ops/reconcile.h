/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ops/: words that an operation and its reconciliation share. */
#ifndef OPS_RECONCILE_H
#define OPS_RECONCILE_H

/* The kinds that are completed, not undone; their journal detail has the list (doom.h). */
#define OP_KEY_DESTROY "key.destroy"
#define OP_KEY_RETIRE  "key.retire"
#define OP_HSM_REMOVE  "hsm.remove"

/* The one kind that works on another token than the site's own: the one that takes its place. */
#define OP_HSM_REBUILD "hsm.rebuild"

/* Kinds of operations on cards: what one of them did to the card cannot be undone from here. */
#define OP_CARD_PREFIX "card."

/* States of component sheets. */
#define SHEET_PLANNED "planned"
#define SHEET_ISSUED  "issued"	/* shown to its pair, who confirmed the check value */
#define SHEET_ENTERED "entered" /* typed at an import */
#define SHEET_VOID    "void"	/* its ceremony did not end */

#endif
