//! The conformance suite: what every store must do, races included, as one async function per behaviour.
//!
//! A case gets a [`Harness`](crate::harness::Harness) over an empty database of its own. The list at the end is what
//! [`conformance!`](crate::conformance!) makes tests of; a test of the workspace's rules fails when a case is missing in it.

pub mod append;
pub mod crash;
pub mod credentials;
pub mod dead;
pub mod hand_over;
pub mod installation;
pub mod job_changes;
pub mod keys;
pub mod lease;
pub mod list;
pub mod log;
pub mod outcome;
pub mod parallel;
pub mod queue;
pub mod races;
pub mod records;
pub mod retention;
pub mod stopping;
pub mod submit;
pub mod transition;
pub mod turns;
pub mod wake;

/// Makes one test of every case for each of the named backends.
#[macro_export]
macro_rules! conformance {
    ($($backend:ident),+ $(,)?) => {$(
        mod $backend {
            $crate::conformance_cases!($backend);
        }
    )+};
}

/// One test that runs one case.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_tests {
    ($backend:ident: $($area:ident { $($case:ident)+ })+) => {$(
        mod $area {$(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let mut harness = $crate::backends::$backend::start().await;
                let case = $crate::conformance::$area::$case(&mut harness);
                let in_time = tokio::time::timeout($crate::harness::CASE_AT_MOST, case).await;
                assert!(in_time.is_ok(), "the case did not end in time");
                harness.finish().await;
            }
        )+}
    )+};
}

/// All cases by area.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_cases {
    ($backend:ident) => {
        $crate::conformance_tests! { $backend:
            submit {
                a_submitted_task_is_found_whole_with_its_first_event
                a_submitted_task_has_a_plan_job_that_is_ready
                a_repeat_with_the_same_request_gives_the_first_task
                a_repeat_with_another_request_is_a_mismatch_and_makes_nothing
                another_tenants_key_is_another_submit
                submits_without_a_key_are_never_taken_for_repeats
                concurrent_submits_with_one_key_make_one_task
                text_of_every_script_comes_back_unchanged
                a_spec_out_of_line_keeps_its_name_and_size
            }
            list {
                tasks_are_listed_newest_first_in_pages_without_gap_or_repeat
                a_new_task_does_not_disturb_the_pages_after_it
                a_cursor_need_not_be_a_task_that_exists
                a_list_can_be_of_one_state
                a_list_has_no_steps_and_no_tasks_of_others
            }
            log {
                events_come_in_order_in_pages_after_a_number
                events_of_a_step_and_of_no_step_are_told_apart
                another_tenant_sees_no_task_and_no_event
                bodies_in_and_out_of_line_come_back_as_they_were_written
                the_times_of_a_log_never_go_back
                fifty_concurrent_appends_are_numbered_without_a_gap
                a_reader_that_follows_the_log_misses_nothing
                a_log_stays_readable_when_its_job_is_gone
            }
            append {
                an_append_adds_events_and_charges_and_leaves_the_version
                a_refund_takes_back_what_was_charged
                an_append_without_events_charges_and_adds_no_number
                a_snapshot_moves_its_own_step_only
                an_append_under_an_old_fence_changes_nothing
                an_append_for_a_job_that_nobody_holds_changes_nothing
                an_append_for_a_job_that_is_gone_changes_nothing
                an_append_by_a_worker_that_was_reaped_changes_nothing
                an_append_to_an_unknown_or_foreign_task_finds_nothing
                a_job_of_one_task_gives_no_right_to_another
                what_becomes_of_the_job_is_part_of_the_append
                appends_of_parallel_steps_never_refuse_each_other
                a_job_that_leaves_nothing_in_the_log_ends_without_touching_its_task
            }
            transition {
                a_transition_replaces_the_task_and_raises_the_version_by_one
                what_is_not_set_any_more_is_cleared
                new_steps_are_stored_whole_and_listed_by_ordinal
                a_steps_state_wait_and_outcome_change_and_no_other_steps
                a_task_that_ends_keeps_its_result_and_the_time_of_its_end
                a_transition_from_an_old_version_changes_nothing
                the_fence_is_checked_before_the_version
                a_transition_of_an_unknown_or_foreign_task_finds_nothing
                appends_in_between_do_not_make_a_decision_old
                the_owner_needs_no_job
                of_concurrent_decisions_from_one_version_exactly_one_is_saved
                another_tenants_task_of_the_same_shape_is_untouched
            }
            turns {
                a_higher_priority_is_claimed_first_whatever_the_age
                a_tenant_with_many_jobs_lets_others_pass_in_turns
                a_tenant_of_weight_two_gets_two_jobs_for_one_of_another
                a_tenant_that_was_idle_saved_up_no_turns
                a_task_that_was_begun_goes_on_before_the_tenants_next_one
                jobs_that_come_back_together_take_turns_with_other_tenants
                a_job_that_is_handed_back_at_once_keeps_its_turn
                a_tenant_without_room_is_passed_over_and_waits
                turns_survive_a_restart_of_the_worker
            }
            job_changes {
                new_jobs_are_claimed_with_all_that_they_carry
                deleting_the_work_spares_deliveries_and_new_jobs
                deleting_the_work_ends_the_job_that_it_is_done_under
                a_job_that_is_taken_back_is_ready_and_its_fence_rises_whoever_had_it
                waking_makes_what_was_put_aside_ready_and_spares_the_rest
                a_commit_that_wakes_others_does_not_wake_what_it_puts_aside_itself
                what_becomes_of_the_job_is_part_of_the_transition
            }
            stopping {
                what_is_held_at_a_cancel_stays_with_its_holder_until_it_is_told
                whoever_comes_after_a_dead_holder_tells_of_its_end
                a_cancel_leaves_what_tells_of_another_tasks_end_alone
            }
            hand_over {
                a_job_that_is_handed_over_is_held_at_once_under_its_first_fence
                what_was_handed_over_is_taken_from_a_worker_that_died
                nothing_is_handed_over_past_the_head_of_the_queue
                a_begun_task_is_gone_on_with_before_tasks_that_wait_to_begin
                nothing_is_handed_over_while_something_delayed_is_due
                nothing_is_handed_to_a_life_that_is_over
                of_several_new_jobs_one_is_handed_over_and_the_others_are_ready
            }
            queue {
                jobs_are_claimed_oldest_first_and_no_more_than_asked_for
                a_claimed_job_is_not_claimed_again
                a_delayed_job_is_claimed_when_its_time_has_come
                the_fence_rises_at_every_claim
                a_release_counts_as_an_attempt_only_when_it_is_charged
                a_released_job_stays_aside_for_its_delay
                a_release_without_the_right_to_the_job_changes_nothing
                of_two_claimers_of_one_job_exactly_one_gets_it
                many_claimers_together_claim_each_job_once
                lost_names_the_jobs_that_are_held_no_longer
                jobs_of_all_tenants_are_in_one_queue_and_keep_their_owner
                a_job_that_is_due_waits_its_turn_behind_older_ones
            }
            lease {
                each_start_of_a_worker_is_a_new_epoch
                a_new_life_makes_the_jobs_of_the_last_one_ready_at_once
                a_heartbeat_keeps_the_lease
                a_late_heartbeat_does_not_revive_a_lapsed_lease
                a_life_can_ask_for_all_that_it_holds_and_nothing_else
                reaping_takes_the_jobs_of_silent_workers_only
                the_old_holder_of_a_reaped_job_can_write_nothing
                a_reaped_worker_begins_again_and_works_on
                every_death_of_a_holder_is_counted
                a_life_that_never_began_can_do_nothing
                reapers_side_by_side_take_each_job_once
                time_comes_from_the_database_and_moves_with_it
            }
            keys {
                a_tenant_is_made_once_for_each_name
                a_key_is_found_by_its_hash_and_listed_with_its_tenants_keys
                a_revoked_key_stays_revoked_since_the_first_time
                another_tenant_cannot_revoke_a_key
            }
            credentials {
                a_credential_is_shown_with_its_terms_and_handed_out_sealed
                a_credential_of_the_same_name_takes_the_place_and_keeps_the_age
                credentials_are_listed_by_name_and_given_as_they_are_asked_for
                another_tenant_sees_replaces_and_deletes_no_credential
                a_deleted_credential_is_gone_and_can_be_deleted_once
                a_tenant_has_no_more_credentials_than_it_may_have
                a_tenant_that_is_not_there_gets_no_credential
                what_is_stored_holds_no_value_and_opens_with_its_key_alone
                a_row_that_means_nothing_is_corrupt_until_it_is_replaced
            }
            installation {
                of_processes_that_start_together_one_decides_what_all_find
                a_database_gets_one_blob_store_and_keeps_it
                what_a_database_knows_can_be_replaced
                the_newest_secret_and_blobs_are_there_to_try_key_and_blob_store_by
            }
            outcome {
                artifacts_are_listed_by_name_and_a_new_one_replaces_its_namesake
                artifacts_of_one_name_in_two_tasks_are_apart
                one_blob_may_be_named_again_and_again
                a_message_is_found_with_all_that_is_needed_to_send_it
                an_attempt_is_counted_in_the_commit_that_moves_its_job
                another_tenant_finds_no_message
            }
            dead {
                the_jobs_of_a_task_are_shown_where_they_lie
                no_worker_is_heard_of_when_all_lives_are_over
                a_job_that_is_set_aside_is_a_dead_letter_that_no_wake_makes_ready
                a_requeued_job_is_ready_and_its_deaths_are_forgotten
                a_message_that_is_given_up_is_a_dead_letter_and_begins_again
                a_job_that_a_commit_set_aside_is_not_requeued_without_one
                dead_letters_come_in_pages_and_by_kind_and_age
                dead_letters_go_with_the_work_of_their_task_and_messages_stay
                a_job_that_cannot_be_worked_on_is_a_dead_letter_until_it_is_requeued
                a_dead_letter_goes_with_a_task_that_is_removed
            }
            wake {
                whoever_waits_for_jobs_hears_of_a_submit
                whoever_waits_for_a_task_hears_of_its_events
                a_wait_without_news_ends_in_time
            }
            crash {
                after_a_crash_between_append_and_transition_only_the_append_is_there
                after_a_crash_the_whole_transition_is_there
            }
            parallel {
                two_steps_that_end_at_once_make_one_report_job
                eight_steps_that_end_at_once_make_one_report_job
                a_failure_beside_a_success_makes_one_new_plan_job
            }
            races {
                a_cancel_beside_claimers_leaves_no_job_behind
                an_append_beside_a_reap_is_whole_or_refused
                commits_of_two_processes_on_the_same_tasks_all_succeed
            }
            records {
                a_tool_call_is_recorded_with_effect_key_and_fence_until_its_outcome_is_known
                a_call_that_is_intended_again_gets_the_newer_fence_and_nothing_else
                a_call_is_open_until_its_outcome_is_known
                a_call_that_is_made_again_was_begun_last_when_its_step_was_taken_up_again
                every_kind_of_commit_records_the_blobs_that_it_names_for_its_tenant
            }
            retention {
                a_task_that_finished_long_ago_is_removed_with_all_that_belongs_to_it
                a_removed_log_is_cut_off_from_its_end_and_never_has_a_gap
                a_task_is_kept_while_a_message_of_it_is_still_to_be_sent
                a_task_is_kept_as_long_as_its_idempotency_key
                tasks_are_removed_in_batches_oldest_first_also_by_two_at_once
                only_blobs_that_no_task_names_any_more_are_doomed
                no_commit_can_name_a_blob_that_is_being_swept
                a_sweep_that_was_broken_off_is_found_again
                a_chore_is_one_workers_until_its_time_is_over_and_goes_on_where_it_was
                of_many_that_want_a_chore_one_gets_it
            }
        }
    };
}
