//! How other systems fail at these channels, and what holds that this one does not: a list of 23 failures that their users
//! report, each with the tests that would fail if it were here. "Every channel" means each that is bundled, one after the other,
//! in the whole host with its real component and its provider's simulator.
//!
//! # 1. Of a batch only the first item is handled
//! - `tests/it/failures/inbound.rs::a_batch_is_every_message_of_everybody_in_it` (every channel)
//! - `tests/it/failures/whatsapp.rs::every_message_and_status_of_every_change_of_every_entry_counts`
//! - `tests/it/stories/batch.rs::a_batch_over_two_numbers_reaches_both_and_its_bad_item_is_parked_alone`
//! - `tests/it/meta/messenger.rs::one_address_serves_two_pages_and_a_bad_event_stands_alone`
//! - `plugins/instagram/tests/native/batches.rs::one_bad_event_among_good_ones_of_two_accounts_falls_alone`
//! - `plugins/x/tests/native/activity.rs::several_events_in_one_delivery_are_all_told`
//! - `plugins/x/tests/native/deliveries.rs::one_bad_item_spoils_no_other`
//! - `plugins/line/tests/native/events.rs::a_bad_event_holds_back_no_other`
//!
//! # 2. A webhook is answered with 200, and its message is never shown
//! - `tests/it/failures/kills.rs::whatever_a_channel_was_doing_nothing_is_lost_and_nothing_is_anywhere_twice` (every channel)
//! - `tests/it/kill/inbound.rs::every_acknowledged_webhook_is_in_one_message_whenever_the_process_is_killed`
//! - `tests/it/telegram/polling.rs::every_update_is_one_message_whenever_the_process_is_killed`
//! - `tests/it/email_smtp.rs::a_mail_is_on_disk_when_it_is_acknowledged`
//! - `tests/it/file_limit.rs::at_a_limit_of_file_size_writes_answer_503_reads_go_on_and_it_recovers_by_itself`
//! - `host/tests/inbound.rs::what_cannot_be_understood_is_parked_and_holds_nothing_back`
//! - `host/tests/plays.rs::a_request_that_a_plugin_traps_at_is_parked_and_comes_in_with_a_build_without_the_fault`
//! - `host/src/db/inbound/tests/rows.rs::a_request_that_can_never_be_stored_is_parked_and_shown_and_the_next_is_stored`
//!
//! # 3. What comes in is dropped while a token is bad, or a file or a name cannot be had
//! - `tests/it/failures/inbound.rs::whoever_writes_is_heard_while_the_credential_is_bad` (every channel that has one)
//! - `tests/it/meta/messenger.rs::a_token_that_ended_needs_attention_and_what_waited_goes_once_there_is_another`
//! - `tests/it/stories/media.rs::a_picture_of_a_customers_is_fetched_and_one_that_is_gone_says_so`
//! - `host/tests/inbound.rs::a_file_is_fetched_or_shown_failed_with_its_reason_and_fetched_again`
//!
//! # 4. Webhooks at the same time make two messages, two conversations, two people
//! - `tests/it/failures/inbound.rs::the_same_again_and_all_at_once_is_one_message_of_one_conversation` (every channel)
//! - `tests/it/failures/kills.rs::whatever_a_channel_was_doing_nothing_is_lost_and_nothing_is_anywhere_twice` (every channel)
//! - `tests/it/stories/duplicates.rs::the_same_event_again_and_again_is_one_message`
//! - `tests/it/x_story.rs::a_conversation_goes_both_ways_and_an_echo_is_not_another_message`
//! - `tests/it/x_polling.rs::at_the_limit_of_webhooks_messages_are_asked_for_and_told_once`
//! - `host/src/db/inbound/tests.rs::order_repetition_and_grouping_change_nothing`
//!
//! # 5. Messages stand out of order
//! - `tests/it/failures/inbound.rs::what_comes_late_takes_its_place` (every channel that tells times; web chat's are the host's)
//! - `tests/it/stories/order.rs::messages_stand_in_the_order_of_the_providers_time`
//! - `tests/it/meta/messenger.rs::events_that_come_in_the_wrong_order_end_as_they_happened`
//! - `tests/it/telegram/polling.rs::a_conversation_goes_both_ways_on_a_machine_that_nobody_can_reach`
//! - `host/src/db/inbound/tests.rs::order_repetition_and_grouping_change_nothing`
//!
//! # 6. A status goes back, or a failure is covered up
//! LINE, Telegram and web chat tell nothing after a message was taken; of X there is only reading.
//! - `tests/it/failures/whatsapp.rs::a_late_sent_revives_no_failed_message_and_a_late_failure_cancels_no_retry`
//! - `tests/it/failures/meta.rs::a_late_delivered_never_undoes_read` (Messenger, Instagram)
//! - `tests/it/stories/window.rs::a_late_sent_never_undoes_read`
//! - `tests/it/email_story.rs::a_bounce_becomes_the_status_of_the_mail_that_came_back`
//! - `tests/it/x_story.rs::a_conversation_goes_both_ways_and_an_echo_is_not_another_message`
//! - `host/src/model/status.rs::a_late_sent_changes_nothing`
//! - `host/src/db/outbound/settle/tests.rs::a_fact_counts_for_the_attempt_that_it_names`
//!
//! # 7. Shown as sent, and never sent
//! - `tests/it/failures/outbound.rs::what_is_refused_is_failed_in_the_providers_words_and_a_retry_is_another_attempt` (every
//!   channel that has a provider)
//! - `tests/it/failures/kills.rs::whatever_a_channel_was_doing_nothing_is_lost_and_nothing_is_anywhere_twice` (every channel)
//! - `host/tests/faults.rs::a_panic_while_sending_leaves_the_message_unknown_and_its_slot_free`
//! - `host/src/outbound/endings.rs::a_broken_call_is_unknown_only_if_something_left`
//! - the suite of the testkit, asked of every channel: `tests/it/conformance.rs::every_bundled_channel_is_asked`
//!
//! # 8. After a crash or a time-out a message is lost, or there twice
//! - `tests/it/failures/kills.rs::whatever_a_channel_was_doing_nothing_is_lost_and_nothing_is_anywhere_twice` (every channel)
//! - `tests/it/failures/outbound.rs::a_message_whose_answer_is_lost_is_never_there_twice` (every channel that has a provider)
//! - `tests/it/kill/outbound.rs::every_taken_reply_is_at_the_provider_once_or_shown_unknown_whenever_the_process_is_killed`
//! - `tests/it/stories/retry.rs::a_push_whose_answer_was_lost_is_asked_again_with_its_key_and_arrives_once`
//! - `tests/it/stories/unknown.rs::a_status_that_carries_the_attempt_settles_an_unknown_message`
//! - `tests/it/stories/unknown.rs::a_person_decides_an_unknown_message_and_it_cannot_be_retried_before`
//! - `tests/it/meta/messenger.rs::an_echo_settles_a_message_whose_answer_was_lost`
//! - `tests/it/x_story.rs::a_message_whose_answer_was_lost_is_looked_for_and_not_sent_twice`
//! - `tests/it/email_story.rs::a_servers_word_decides_and_silence_after_the_mail_is_unknown`
//! - `host/tests/outbound.rs::what_a_stop_leaves_is_unknown_if_it_was_a_reply`
//! - `host/tests/outbound.rs::a_reply_whose_answer_is_lost_is_unknown_until_a_person_decides`
//!
//! # 9. A retry that does nothing
//! - `tests/it/failures/outbound.rs::what_is_refused_is_failed_in_the_providers_words_and_a_retry_is_another_attempt` (every
//!   channel that has a provider; the feed tells of it)
//! - `host/tests/outbound.rs::a_spent_quota_fails_with_the_providers_words_and_a_retry_is_a_new_attempt`
//! - `host/src/db/outbound/settle/tests.rs::the_late_failure_of_a_lost_attempt_does_not_cancel_the_retry`
//!
//! # 10. Outside the window a text goes nowhere, or the error says nothing
//! WhatsApp, Messenger and Instagram have one; LINE's reply tokens are a window of their own. Nobody is reminded of its end
//! here: a conversation tells when that is (`window.closes_at`), and a console may.
//! - `tests/it/stories/window.rs::outside_the_window_a_text_is_refused_with_the_templates_and_a_template_goes_instead`
//! - `tests/it/stories/window.rs::a_window_that_proves_shut_at_the_provider_fails_the_text_with_the_reason`
//! - `tests/it/failures/windows.rs::a_message_whose_window_shuts_before_its_turn_fails_unsent` (Messenger, Instagram)
//! - `tests/it/failures/windows.rs::a_template_is_offered_where_the_window_shut_before_a_messages_turn`
//! - `tests/it/meta/messenger.rs::after_a_day_only_a_persons_answer_goes_with_the_tag`
//! - `tests/it/meta/messenger.rs::a_window_that_proves_shut_at_meta_fails_the_message_with_the_reason`
//! - `tests/it/line_component.rs::a_reply_goes_with_the_token_and_the_next_message_by_push`
//! - `host/src/model/windows.rs::the_window_is_a_maximum_over_openings`
//!
//! # 11. Templates are stale, missing, or filled in wrongly
//! Only WhatsApp has templates. They are read on connecting, on an event, on demand, on a miss here, and on one there.
//! - `tests/it/stories/templates_sync.rs::news_are_shown_at_once_with_their_reason_and_reading_again_keeps_it`
//! - `tests/it/stories/templates_sync.rs::templates_are_read_on_a_miss_and_a_failure_is_shown_with_the_list`
//! - `tests/it/failures/whatsapp.rs::a_template_that_the_provider_refuses_is_read_again_and_offered_no_more`
//! - `tests/it/stories/templates.rs::a_template_is_made_approved_offered_sent_switched_off_and_removed`
//! - `tests/it/stories/templates.rs::a_channel_without_templates_offers_none`
//! - `host/src/model/template_use.rs::every_parameter_that_is_not_right_is_named`
//! - `plugins/whatsapp/tests/native/sending.rs::a_template_is_filled_in_by_number_and_by_name`
//! - `plugins/whatsapp/tests/native/sending.rs::files_places_payloads_codes_and_odd_names_stand_where_they_belong`
//!
//! # 12. A token ends or loses a permission, and nobody is told
//! - `tests/it/failures/outbound.rs::only_a_refused_credential_marks_the_channel_and_what_waited_goes_once_it_is_good` (every
//!   channel that has one)
//! - `tests/it/failures/x.rs::a_token_is_renewed_ahead_and_one_that_was_taken_back_is_told`
//! - `tests/it/meta/sign_in.rs::an_accounts_token_is_renewed_as_the_manifest_says`
//! - `tests/it/meta/sign_in.rs::signing_in_again_takes_the_same_page`
//! - `host/tests/sign_in/renewing.rs::a_token_is_renewed_ahead_of_its_end_once`
//! - `host/tests/sign_in/renewing.rs::only_a_refusal_makes_a_channel_need_attention`
//! - `host/tests/sign_in.rs::signing_in_again_takes_the_same_account_and_no_other`
//! - `plugins/messenger/tests/native/connecting.rs::a_token_that_ended_needs_attention_and_one_that_lost_a_permission_says_which`
//!
//! # 13. To connect again is to delete, and the history is gone
//! - `tests/it/failures/leaving.rs::conversations_stay_readable_and_go_on_when_the_same_account_comes_back` (every channel)
//! - `tests/it/failures/leaving.rs::nobody_is_kept_by_a_provider_that_does_not_answer` (every channel)
//! - `tests/it/failures/whatsapp.rs::an_account_delivers_until_its_last_number_is_disconnected`
//! - `tests/it/failures/webchat.rs::a_web_chat_goes_on_with_the_conversations_and_visitors_of_an_earlier_one`
//! - `tests/it/telegram/webhook.rs::disconnecting_takes_the_address_back_and_the_same_bot_finds_its_conversations`
//! - `tests/it/meta/messenger.rs::disconnecting_takes_back_the_page_alone_and_connecting_again_goes_on_where_it_was`
//! - `tests/it/x_story.rs::disconnecting_unsubscribes_and_the_conversation_is_there_again_afterwards`
//! - `tests/it/stories/unrouted.rs::an_item_for_nobody_is_kept_for_the_operator_and_received_once_its_number_is_connected`
//!
//! # 14. Mail threads fall apart, or run together
//! E-mail alone. Conversations are not split or joined by hand.
//! - `tests/it/email_story.rs::a_mail_is_answered_and_the_answer_to_that_finds_back`
//! - `tests/it/email_story.rs::somebody_else_is_never_merged_in_silence`
//! - `tests/it/email_table.rs::every_recorded_mail_becomes_what_the_table_says`
//! - `plugins/email/tests/native/threading.rs::the_signed_address_goes_before_everything_and_only_where_it_is_signed`
//! - `plugins/email/tests/native/threading.rs::several_ids_in_one_field_are_all_tried`
//! - `plugins/email/tests/native/threading.rs::a_mail_and_its_answers_have_one_key_in_whatever_order_they_come`
//! - `plugins/email/tests/native/sending.rs::a_conversation_that_the_business_begins_is_found_by_its_answer`
//!
//! # 15. Mail goes in circles, and bounces become customers
//! E-mail alone.
//! - `tests/it/email_story.rs::a_bounce_becomes_the_status_of_the_mail_that_came_back`
//! - `tests/it/email_smtp.rs::a_mail_that_goes_in_a_circle_is_stopped`
//! - `plugins/email/tests/native/threading.rs::programs_open_no_conversation_and_are_shown_where_they_answer_ours`
//! - `plugins/email/tests/native/threading.rs::our_own_mail_that_comes_back_is_no_message`
//! - `plugins/email/tests/native/sending.rs::a_programs_mail_says_so`
//! - `plugins/email/tests/native/reports.rs::a_bounce_from_before_the_standard_is_read_from_its_text`
//!
//! # 16. Files: too large, in the wrong order, at addresses that ended
//! - `tests/it/failures/outbound.rs::a_file_beyond_its_kinds_limit_never_leaves` (every channel)
//! - `tests/it/failures/outbound.rs::a_customers_file_is_copied_before_its_address_ends` (every channel)
//! - `tests/it/failures/outbound.rs::a_message_of_several_parts_has_a_receipt_for_each` (every channel)
//! - `tests/it/line_component.rs::a_video_is_fetched_with_the_token_once_it_is_prepared`
//! - `tests/it/stories/media.rs::a_picture_of_an_agents_is_published_where_the_provider_fetches_it`
//! - `tests/it/meta/instagram.rs::a_file_is_fetched_from_the_hosts_public_address`
//! - `tests/it/telegram/webhook.rs::files_of_one_message_go_as_an_album`
//! - `host/tests/media.rs::a_published_file_is_safe_and_ends`
//!
//! # 17. What is of an unknown kind vanishes
//! - `tests/it/failures/inbound.rs::a_message_of_an_unknown_kind_is_kept_and_shown_and_holds_nothing_back` (every channel)
//! - `tests/it/telegram/webhook.rs::albums_edits_reactions_and_choices_come_as_what_they_are`
//! - `tests/it/x_story.rs::an_encrypted_message_is_shown_as_one_and_posts_are_not_messages`
//! - `host/src/db/inbound/tests.rs::an_unknown_event_is_stored_when_a_newer_plugin_knows_it`
//! - of every recorded payload, also of stickers and groups: `plugins/line/tests/native/table.rs::every_recorded_payload_becomes_what_the_table_says`,
//!   `plugins/whatsapp/tests/native/table.rs::every_recorded_payload_becomes_what_the_table_says`,
//!   `plugins/messenger/tests/native/table.rs::every_recorded_payload_becomes_what_the_table_says`,
//!   `plugins/instagram/tests/native/table.rs::every_recorded_payload_becomes_what_the_table_says`,
//!   `plugins/telegram/tests/native/table.rs::every_recorded_payload_becomes_what_the_table_says`,
//!   `plugins/x/tests/native/table.rs::every_recorded_payload_becomes_what_the_table_says`
//!
//! # 18. A telephone number is taken for who somebody is
//! - `tests/it/failures/whatsapp.rs::whoever_has_no_number_is_heard_and_answered_and_stays_the_same_when_they_have_one`
//! - `plugins/whatsapp/tests/native/batches.rs::people_without_a_phone_number_are_reached_by_their_user_id`
//! - `plugins/whatsapp/tests/native/batches.rs::a_number_written_in_two_ways_is_one_person`
//! - `plugins/whatsapp/tests/native/batches.rs::a_changed_number_names_both`
//! - `plugins/telegram/tests/native/events.rs::somebody_s_own_number_is_an_identity_and_another_s_is_not`
//! - `plugins/instagram/tests/native/batches.rs::somebody_is_known_inside_the_account_that_they_wrote_to`
//! - `host/src/db/inbound/tests.rs::people_who_prove_to_be_one_are_merged_into_the_oldest`
//!
//! # 19. Outgoing webhooks that nobody can verify or replay
//! No channel: what the host tells others.
//! - `host/tests/feed.rs::a_delivery_is_signed_and_carries_the_event`
//! - `host/tests/feed.rs::a_rotated_secret_is_signed_beside_the_old_one`
//! - `host/tests/feed.rs::a_failed_delivery_waits_for_its_next_try_and_can_be_replayed_under_its_id`
//! - `host/tests/feed.rs::signatures_agree_with_the_published_vectors`
//!
//! # 20. A widget loses the history, or shows it to somebody else
//! Web chat alone. A site cannot say who its visitor is: nobody is shown as verified.
//! - `tests/it/failures/webchat.rs::two_sites_in_one_browser_are_two_visitors`
//! - `tests/it/failures/webchat.rs::a_web_chat_goes_on_with_the_conversations_and_visitors_of_an_earlier_one`
//! - `tests/it/browser.rs::a_visitor_stays_the_same_where_a_web_chat_goes_on_with_an_earlier_one`
//! - `tests/it/browser.rs::a_visitor_of_another_site_writes_and_reads_the_reply_at_once_and_after_a_reload`
//! - `tests/it/browser.rs::another_browser_is_another_visitor_and_reads_its_own_language`
//! - `tests/it/browser.rs::a_page_of_a_site_that_is_not_allowed_gets_no_session_and_shows_nothing`
//! - `host/tests/widget.rs::two_browsers_are_two_visitors_and_neither_reads_the_others_stream`
//! - `host/tests/inbound.rs::a_visitors_file_is_shown_by_its_owner_only`
//!
//! # 21. To delete means two things
//! - `tests/it/failures/leaving.rs::nobody_is_offered_to_delete_what_was_sent` (every channel)
//! - `tests/it/meta/instagram.rs::people_and_an_account_write_to_each_other_and_what_is_taken_back_goes`
//! - `plugins/whatsapp/tests/native/batches.rs::reactions_edits_and_deletions_name_their_message`
//!
//! # 22. A shared address leads to the wrong channel, or to none
//! - `tests/it/failures/meta.rs::what_is_for_an_account_that_nobody_connected_is_kept_and_received_once_somebody_does`
//!   (Messenger, Instagram)
//! - `tests/it/failures/x.rs::what_is_for_an_account_that_nobody_connected_is_kept_and_says_for_whom`
//! - `tests/it/stories/unrouted.rs::an_item_for_nobody_is_kept_for_the_operator_and_received_once_its_number_is_connected`
//! - `tests/it/email_smtp.rs::nothing_is_relayed_and_nobody_unknown_is_written_to`
//! - `plugins/x/tests/native/deliveries.rs::at_a_channel_s_own_address_another_account_s_messages_are_nobody_s`
//! - `host/src/db/inbound/tests.rs::a_channels_own_address_speaks_for_no_other_account` (LINE, Telegram)
//!
//! # 23. Forms that show secrets, forget them, or tell one fault at a time
//! - `tests/it/failures/leaving.rs::a_form_tells_every_fault_at_once_and_a_secret_never_and_keeps_it_where_it_is_left_empty`
//!   (every channel that has secrets)
//! - `host/tests/channels.rs::every_wrong_field_is_told_at_once`
//! - `host/tests/channels.rs::settings_are_proved_before_they_take_the_place_of_what_stands`
//! - `host/tests/channels.rs::a_changed_destination_clears_the_secrets_bound_to_it_and_the_audit_names_both`
//! - `host/runtime/src/manifest/settings/tests.rs::secrets_must_be_declared_and_of_the_right_origin`

mod inbound;
mod kills;
mod leaving;
mod meta;
mod outbound;
mod stage;
mod webchat;
mod whatsapp;
mod windows;
mod x;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const LIST: &str = include_str!("failures.rs");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The list, heading by heading: what stands below each.
fn rows() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut rows: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in LIST.lines().map_while(|line| line.strip_prefix("//!")) {
        if let Some(heading) = line.trim().strip_prefix("# ") {
            rows.push((heading, Vec::new()));
        } else if let Some((_, tests)) = rows.last_mut() {
            tests.extend(line.split('`').skip(1).step_by(2).filter(|name| name.contains("::")));
        }
    }
    rows
}

/// The tests that stand in a file.
fn tests_in(file: &Path) -> BTreeSet<String> {
    let source = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut found = BTreeSet::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim_start) {
        if line.starts_with("#[test") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some((_, name)) = line.split_once("fn ").filter(|_| is_test) {
            found.insert(name.split('(').next().unwrap_or_default().to_owned());
            is_test = false;
        }
    }
    found
}

#[test]
fn every_test_of_the_list_is_there() {
    let rows = rows();
    let numbers: Vec<String> = rows.iter().map(|(heading, _)| heading.split('.').next().unwrap().to_owned()).collect();
    assert_eq!(numbers, (1..=23).map(|number| number.to_string()).collect::<Vec<_>>());
    let mut missing = Vec::new();
    for (heading, tests) in &rows {
        assert!(!tests.is_empty(), "nothing holds {heading}");
        for name in tests {
            let (file, test) = name.split_once("::").unwrap();
            if !root().join(file).is_file() || !tests_in(&root().join(file)).contains(test) {
                missing.push(*name);
            }
        }
    }
    assert!(missing.is_empty(), "the list names tests that are not there: {missing:#?}");
}

#[test]
fn every_story_told_here_is_in_the_list() {
    let listed: BTreeSet<&str> = rows().into_iter().flat_map(|(_, tests)| tests).collect();
    let folder = root().join("tests/it/failures");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let file = format!("tests/it/failures/{}", path.file_name().unwrap().to_str().unwrap());
            for test in tests_in(&path) {
                assert!(listed.contains(format!("{file}::{test}").as_str()), "{file}::{test} is in no row");
            }
        }
    }
}
