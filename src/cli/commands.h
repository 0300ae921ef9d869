/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that have a file of their own; the others stand in commands.c beside the table. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/cli.h"

#define CLI_RUN(name) KMS_CHECKED enum kms_status cli_##name(struct cli *cli, struct kms_err *err)

/* components.c */
CLI_RUN(transport_create);
CLI_RUN(transport_import);
CLI_RUN(site_key_create);
CLI_RUN(site_key_restore);
CLI_RUN(zone_key_create);
CLI_RUN(zone_key_restore);

/* vault.c */
CLI_RUN(backup_create);
CLI_RUN(backup_list);
CLI_RUN(backup_verify);
CLI_RUN(backup_restore);
CLI_RUN(hsm_add);
CLI_RUN(hsm_list);
CLI_RUN(hsm_remove);
CLI_RUN(hsm_replicate);
CLI_RUN(hsm_compare);

/* quorum.c */
CLI_RUN(officer_enrol);
CLI_RUN(officer_revoke);
CLI_RUN(officer_rekey);
CLI_RUN(quorum_set);
CLI_RUN(quorum_show);
CLI_RUN(quorum_change);
CLI_RUN(quorum_open);
CLI_RUN(quorum_break_glass);

/* batch.c, batch_run.c */
CLI_RUN(batch_create);
CLI_RUN(batch_run);
CLI_RUN(batch_status);
CLI_RUN(batch_pause);
CLI_RUN(batch_resume);
CLI_RUN(batch_retry);
CLI_RUN(batch_report);
CLI_RUN(worker);

/* app.c */
CLI_RUN(app_show);
CLI_RUN(app_load);
CLI_RUN(app_install);
CLI_RUN(app_delete);
CLI_RUN(app_extradite);
CLI_RUN(app_personalise);
CLI_RUN(app_dap);
CLI_RUN(app_token_load);
CLI_RUN(app_token_install);
CLI_RUN(app_token_selectable);
CLI_RUN(app_token_extradite);
CLI_RUN(app_token_delete);
CLI_RUN(card_contents);
CLI_RUN(card_issue);
CLI_RUN(card_lock);
CLI_RUN(card_unlock);
CLI_RUN(card_terminate);

/* card_key.c */
CLI_RUN(card_key_create);
CLI_RUN(card_key_put);

/* shipment.c */
CLI_RUN(shipment_send);
CLI_RUN(shipment_receive);
CLI_RUN(shipment_reconcile);
CLI_RUN(shipment_list);
CLI_RUN(shipment_show);
CLI_RUN(shipment_reissue);

/* keyblock.c */
CLI_RUN(key_export);
CLI_RUN(key_import);
CLI_RUN(key_block_show);

/* derive.c */
CLI_RUN(key_derive);
CLI_RUN(key_derive_verify);

/* custody.c */
CLI_RUN(custody_list);
CLI_RUN(custody_history);
CLI_RUN(custody_move);
CLI_RUN(custody_audit);
CLI_RUN(custody_leave);
CLI_RUN(custody_register);
CLI_RUN(custody_acceptance);

/* agent.c */
CLI_RUN(agent);
CLI_RUN(unlock);
CLI_RUN(lock);

/* run.c, and card.c for card_…: one function each for the table. */
CLI_RUN(site_init);
CLI_RUN(site_status);
CLI_RUN(store_migrate);
CLI_RUN(site_identity);
CLI_RUN(site_identity_export);
CLI_RUN(partner_add);
CLI_RUN(partner_rotate);
CLI_RUN(partner_revoke);
CLI_RUN(partner_list);
CLI_RUN(officer_add);
CLI_RUN(officer_disable);
CLI_RUN(officer_unlock);
CLI_RUN(approval_create);
CLI_RUN(approval_list);
CLI_RUN(approval_revoke);
CLI_RUN(officer_list);
CLI_RUN(hsm_setup);
CLI_RUN(hsm_update);
CLI_RUN(hsm_status);
CLI_RUN(hsm_capabilities);
CLI_RUN(hsm_qualify);
CLI_RUN(hsm_check);
CLI_RUN(key_list);
CLI_RUN(key_show);
CLI_RUN(key_suspend);
CLI_RUN(key_resume);
CLI_RUN(key_retire);
CLI_RUN(key_compromise);
CLI_RUN(key_impact);
CLI_RUN(key_destroy);
CLI_RUN(exchange_request);
CLI_RUN(exchange_export);
CLI_RUN(exchange_import);
CLI_RUN(exchange_receipt);
CLI_RUN(exchange_export_listing);
CLI_RUN(exchange_import_listing);
CLI_RUN(exchange_show);
CLI_RUN(exchange_list);
CLI_RUN(exchange_reissue);
CLI_RUN(ceremony_list);
CLI_RUN(ceremony_show);
CLI_RUN(ceremony_check);
CLI_RUN(ceremony_run);
CLI_RUN(ceremony_rehearse);
CLI_RUN(ceremony_meetings);
CLI_RUN(ceremony_report);
CLI_RUN(audit_list);
CLI_RUN(audit_verify);
CLI_RUN(audit_witnesses);
CLI_RUN(audit_checkpoint);
CLI_RUN(audit_export);
CLI_RUN(audit_prove);
CLI_RUN(card_list);
CLI_RUN(card_info);
CLI_RUN(card_inject);
CLI_RUN(card_replace);
CLI_RUN(card_verify);
CLI_RUN(card_resume);
CLI_RUN(card_history);
CLI_RUN(card_domain_create);
CLI_RUN(card_domain_keys);
CLI_RUN(card_domain_list);
CLI_RUN(doctor);
CLI_RUN(help_command);
CLI_RUN(version);
#undef CLI_RUN

#endif
