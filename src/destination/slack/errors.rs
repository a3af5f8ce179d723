//! Slack's errors by name, each sorted by what has to be done about it. This table is the only place that knows them.
//!
//! Sources: the reference page of each method that we call, and the errors that are common to all methods
//! (<https://docs.slack.dev/reference/methods>).

/// What has to be done about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// Nothing took effect; wait and call again.
    Wait,
    /// Nothing took effect, and the trouble passes.
    Passing,
    /// Slack says that some of it may have taken effect.
    Unknown,
    /// The channel is not what it was, or the bot is not in it: open it again.
    StaleChannel,
    /// Slack does not take this one.
    Refused,
    /// Slack takes nothing for this channel until an administrator does this.
    ChannelClosed(&'static str),
    /// Slack takes nothing at all until an administrator does this.
    Stop(&'static str),
}

/// What has to be done about the error with this name; `None` for a name that is not known.
pub(super) fn sort(error: &str) -> Option<Sort> {
    TABLE.iter().find(|(_, names)| names.contains(&error)).map(|(sort, _)| *sort)
}

const NEW_TOKEN: &str = "install the Slack app again and give its new bot token (xoxb-…)";
const ASK_OWNERS: &str = "ask the owners of the workspace to let the Slack app in";
const MAY_POST: &str = "let the Slack app post in the channel: its settings, or those of the workspace, restrict who may";
const OTHER_NAME: &str = "give the partner another channel name: lower-case letters, digits, - and _, at most 80 characters";
const MAY_CREATE: &str = "create the channel in Slack and invite the app to it, or let the app create channels";

const TABLE: &[(Sort, &[&str])] = &[
    (Sort::Wait, &["ratelimited", "rate_limited", "ratelimit", "too_many_requests"]),
    (
        Sort::Passing,
        &[
            "external_channel_migrating", // a Slack Connect channel is being moved
            "invalid_cursor",             // cursors expire: the listing starts again
            "list_record_comment_fetch_failed",
            "team_added_to_org", // "intermittently unavailable" until the workspace has moved
        ],
    ),
    (
        Sort::Unknown,
        // "It's possible some aspect of the operation succeeded before the error was raised."
        &["fatal_error", "file_update_failed", "internal_error", "request_timeout", "service_unavailable"],
    ),
    (Sort::StaleChannel, &["channel_not_found", "invalid_channel", "no_permission", "not_in_channel"]),
    (
        Sort::Refused,
        &[
            // The request is not as Slack wants it.
            "alt_txt_too_large",
            "as_user_not_supported",
            "attachment_payload_limit_exceeded",
            "cant_delete_message",
            "channels_limit_exceeded",
            "draft_already_deleted",
            "draft_already_sent",
            "draft_has_conflict",
            "draft_not_found",
            "duplicate_channel_not_found",
            "duplicate_message_not_found",
            "invalid_arg_name",
            "invalid_arguments",
            "invalid_array_arg",
            "invalid_blocks",
            "invalid_blocks_format",
            "invalid_charset",
            "invalid_form_data",
            "invalid_limit",
            "invalid_metadata_filter_keys",
            "invalid_metadata_format",
            "invalid_metadata_schema",
            "invalid_post_type",
            "invalid_ts_latest",
            "invalid_ts_oldest",
            "invalid_types",
            "markdown_text_conflict",
            "metadata_too_large",
            "missing_argument",
            "missing_file_data",
            "missing_post_type",
            "msg_blocks_too_long",
            "msg_too_long",
            "no_text",
            "send_on_behalf_not_allowed",
            "too_long",
            "too_many_attachments",
            "too_many_contact_cards",
            "unknown_snippet_type",
            "unknown_subtype",
            // The thread is not there any more, or is locked.
            "cannot_reply_to_message",
            "invalid_thread_ts",
            "message_not_found",
            "restricted_action_thread_locked",
            "thread_not_found",
            // The file is not taken, or not there.
            "access_denied",
            "blocked_file_type",
            "canvas_disabled_file_team",
            "canvas_disabled_user_team",
            "canvas_globally_disabled",
            "cant_delete_file",
            "delete_not_allowed",
            "file_deleted",
            "file_deleting_disabled",
            "file_not_found",
            "file_type_not_allowed",
            "file_upload_size_restricted",
            "file_uploads_disabled",
            "file_uploads_except_images_disabled",
            "malware_detected",
            "not_visible",
            "post_contents_too_large",
            "snippet_too_large",
            "storage_limit_reached",
            "template_not_visible",
            // What the organisation over there does not take (Slack Connect).
            "slack_connect_blocked_file_type",
            "slack_connect_canvas_sharing_blocked",
            "slack_connect_clip_sharing_blocked",
            "slack_connect_file_link_sharing_blocked",
            "slack_connect_file_upload_sharing_blocked",
            "slack_connect_lists_sharing_blocked",
        ],
    ),
    (Sort::ChannelClosed("unarchive the channel in Slack, or give the partner another one"), &["is_archived"]),
    (
        Sort::ChannelClosed(MAY_POST),
        &[
            "app_access_restricted",
            "channel_is_limited_access",
            "messages_tab_disabled",
            "method_not_supported_for_channel_type",
            "posting_to_channel_denied",
            "posting_to_general_channel_denied",
            "restricted_action",
            "restricted_action_non_threadable_channel",
            "restricted_action_read_only_channel",
            "restricted_action_thread_only_channel",
            "user_is_restricted",
        ],
    ),
    (
        Sort::ChannelClosed(OTHER_NAME),
        &["invalid_name", "invalid_name_maxlength", "invalid_name_punctuation", "invalid_name_required", "invalid_name_specials"],
    ),
    (Sort::ChannelClosed(MAY_CREATE), &["cannot_create_channel", "name_taken", "no_channel", "too_many_members"]),
    (
        Sort::Stop(NEW_TOKEN),
        &[
            "account_inactive",
            "invalid_auth",
            "invalid_token",
            "not_allowed_token_type",
            "not_authed",
            "token_expired",
            "token_revoked",
        ],
    ),
    (Sort::Stop("add the missing scope to the Slack app under OAuth & Permissions and install it again"), &["missing_scope"]),
    (
        Sort::Stop(ASK_OWNERS),
        &[
            "accesslimited", // by the address that we call from
            "ekm_access_denied",
            "enterprise_is_restricted",
            "org_login_required",
            "team_access_not_granted",
            "team_not_found",
            "two_factor_setup_required",
        ],
    ),
    (
        Sort::Stop("the plan of the workspace allows no more messages for now: wait or change the plan, then run again"),
        &["message_limit_exceeded"],
    ),
    (
        Sort::Stop("give the bot token of a Slack app (xoxb-…): only an app's posts can carry what finds them again"),
        &["metadata_must_be_sent_from_app"],
    ),
    (
        Sort::Stop("look whether api_url is right, and for a newer version of mailferry"),
        &["deprecated_endpoint", "method_deprecated", "unknown_method"],
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The errors of the reference: those common to all methods, and those of each method that we call.
    const REFERENCE: &[(&str, &str)] = &[
        (
            "every method",
            "access_denied accesslimited account_inactive deprecated_endpoint ekm_access_denied enterprise_is_restricted \
             fatal_error internal_error invalid_arg_name invalid_arguments invalid_array_arg invalid_auth invalid_charset \
             invalid_form_data invalid_post_type method_deprecated missing_post_type missing_scope no_permission \
             not_allowed_token_type not_authed org_login_required ratelimited request_timeout service_unavailable \
             team_access_not_granted team_added_to_org token_expired token_revoked two_factor_setup_required unknown_method",
        ),
        ("auth.test", "internal_error invalid_auth"),
        (
            "chat.postMessage",
            "app_access_restricted as_user_not_supported channel_not_found draft_already_deleted draft_already_sent \
             draft_has_conflict draft_not_found duplicate_channel_not_found duplicate_message_not_found ekm_access_denied \
             invalid_blocks invalid_blocks_format invalid_metadata_format invalid_metadata_schema is_archived \
             markdown_text_conflict message_limit_exceeded messages_tab_disabled metadata_must_be_sent_from_app \
             metadata_too_large msg_blocks_too_long no_text not_in_channel rate_limited restricted_action \
             restricted_action_non_threadable_channel restricted_action_read_only_channel restricted_action_thread_locked \
             restricted_action_thread_only_channel send_on_behalf_not_allowed slack_connect_canvas_sharing_blocked \
             slack_connect_file_link_sharing_blocked slack_connect_lists_sharing_blocked team_not_found \
             too_many_attachments too_many_contact_cards cannot_reply_to_message missing_file_data \
             attachment_payload_limit_exceeded",
        ),
        ("chat.delete", "cant_delete_message channel_not_found message_not_found"),
        (
            "conversations.list",
            "invalid_cursor invalid_limit invalid_types method_not_supported_for_channel_type missing_argument missing_scope",
        ),
        (
            "conversations.create",
            "cannot_create_channel invalid_name invalid_name_maxlength invalid_name_punctuation invalid_name_required \
             invalid_name_specials missing_argument missing_scope name_taken no_channel restricted_action \
             canvas_disabled_user_team",
        ),
        (
            "conversations.join",
            "channel_is_limited_access channel_not_found is_archived method_not_supported_for_channel_type missing_scope \
             too_many_members",
        ),
        (
            "conversations.history",
            "channel_is_limited_access channel_not_found invalid_cursor invalid_metadata_filter_keys invalid_ts_latest \
             invalid_ts_oldest not_in_channel",
        ),
        (
            "conversations.replies",
            "channel_not_found invalid_cursor invalid_metadata_filter_keys invalid_ts_latest invalid_ts_oldest missing_scope \
             thread_not_found method_not_supported_for_channel_type list_record_comment_fetch_failed",
        ),
        (
            "conversations.setPurpose",
            "channel_not_found is_archived method_not_supported_for_channel_type missing_scope not_in_channel too_long \
             user_is_restricted",
        ),
        (
            "files.getUploadURLExternal",
            "alt_txt_too_large file_upload_size_restricted file_uploads_disabled missing_argument snippet_too_large \
             storage_limit_reached unknown_snippet_type unknown_subtype file_type_not_allowed \
             file_uploads_except_images_disabled",
        ),
        (
            "files.completeUploadExternal",
            "access_denied channel_not_found file_not_found file_update_failed invalid_blocks invalid_channel not_in_channel \
             posting_to_channel_denied channels_limit_exceeded file_type_not_allowed file_uploads_except_images_disabled",
        ),
        ("files.delete", "cant_delete_file delete_not_allowed file_deleted file_deleting_disabled file_not_found"),
        (
            "files.info",
            "access_denied file_deleted file_not_found canvas_globally_disabled canvas_disabled_user_team \
             canvas_disabled_file_team not_visible template_not_visible slack_connect_canvas_sharing_blocked",
        ),
    ];

    #[test]
    fn every_error_of_the_reference_is_sorted() {
        for (method, errors) in REFERENCE {
            for error in errors.split_whitespace() {
                assert!(sort(error).is_some(), "{method}: {error}");
            }
        }
    }

    #[test]
    fn no_error_is_sorted_twice() {
        let mut seen = BTreeSet::new();
        for error in TABLE.iter().flat_map(|(_, names)| *names) {
            assert!(seen.insert(error), "{error}");
        }
    }

    #[test]
    fn what_may_have_succeeded_is_unknown_and_a_new_name_is_not_guessed_at() {
        for error in ["fatal_error", "internal_error", "request_timeout", "service_unavailable"] {
            assert_eq!(sort(error), Some(Sort::Unknown), "{error}");
        }
        assert_eq!(sort("error_of_next_year"), None);
    }
}
