//! What an origin does, written once and run against every adapter.
//!
//! The cases are those of the conformance contract: every route, every refusal, every limit. They
//! are driven by `gripware-test`, so a conformance server is called in this process and sees what a
//! proxy would send it. A case is an `async fn` in a module here, and stands in the list of
//! [`behaviour!`]; a test sees to it that none is forgotten there.
//!
//! An adapter's tests are one line:
//!
//! ```text
//! gripware_behaviour::behaviour!(async |grip| conformance_axum::app(&grip));
//! ```

// Cases are tests that another crate runs, so what tests may do they may.
#![allow(
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used
)]
#![allow(missing_docs, reason = "the name of a case is its documentation")]

pub mod context;
pub mod delivery;
pub mod edges;
pub mod feed;
pub mod holds;
pub mod publish;
pub mod refusals;
mod server;
pub mod sockets;

pub use server::Server;

/// Runs every case against the application that the closure makes of a `Grip`.
#[macro_export]
macro_rules! behaviour {
    ($app:expr) => {
        $crate::behaviour! { @list $app;
            context {
                a_plain_page_is_for_everybody
                a_signed_request_is_believed
                a_request_that_is_not_rightly_signed_is_not_believed
                last_ids_are_those_of_our_prefix
                an_unknown_path_is_not_found
            }
            holds {
                a_response_hold_has_its_parameters
                a_response_hold_answers_at_its_timeout
                a_status_that_a_server_would_strip_reaches_the_client
                exposed_headers_are_the_only_ones
                a_stream_hold_has_its_parameters
                a_keep_alive_may_have_any_characters
                server_sent_events_are_kept_alive
                an_instruct_body_says_the_same
                names_that_no_header_can_carry_travel_in_a_body
                a_prefix_stands_before_every_channel
                limits_are_kept_to_the_last
                head_is_answered_and_not_held
                a_parameter_that_cannot_be_read_is_refused
                what_is_over_a_limit_is_refused
            }
            refusals {
                a_hold_needs_a_trusted_proxy
                events_need_a_trusted_proxy
                nobody_is_trusted_where_no_proxy_is_configured
                a_required_proxy_is_required_for_every_route
            }
            feed {
                lines_get_rising_ids
                a_stream_misses_nothing
                the_proxys_last_id_counts_before_the_cursor
                the_link_is_one_that_a_proxy_can_read
                a_cursor_that_is_none_is_refused
            }
            publish {
                each_format_is_published_as_it_is
                one_item_may_have_all_formats
                bytes_are_published_as_bytes
                actions_are_published
                the_prefix_stands_before_the_channel
                an_item_that_cannot_be_built_is_refused
                an_item_that_nobody_takes_is_a_bad_gateway
                other_things_and_other_methods_are_not_found
            }
            sockets {
                echo_sends_back_what_it_gets
                a_ping_is_answered_with_its_content
                a_close_is_answered_with_its_code
                a_lost_client_needs_no_answer
                an_empty_request_changes_nothing
                a_room_is_subscribed_to_with_its_filters
                a_counter_remembers_in_the_meta
                a_protocol_is_selected_or_the_client_refused
                a_refusal_reaches_the_client
                the_first_text_closes
                a_detached_socket_is_subscribed
                the_proxy_is_asked_to_keep_a_socket_alive
                the_log_has_what_happened
                events_that_cannot_be_read_are_refused
                a_connection_without_its_name_is_refused
                a_body_at_the_limit_is_taken_and_one_over_it_refused
                other_requests_are_no_sockets
                a_page_of_another_host_opens_no_socket
                text_that_is_not_utf_8_closes_the_socket
                a_parameter_that_is_missing_refuses_the_socket
            }
            delivery {
                an_item_reaches_all_kinds_of_holds
                a_room_hears_everybody_but_the_sender
                an_item_closes_streams_and_sockets
                a_hint_repeats_the_request
                a_refresh_asks_for_every_socket
            }
        }
    };
    (@list $app:expr; $($module:ident { $($case:ident)* })*) => {$(
        mod $module {
            $(
                #[tokio::test]
                async fn $case() {
                    $crate::$module::$case(&$crate::Server::new($app)).await;
                }
            )*
        }
    )*};
}

/// Runs the cases of [`edges`](mod@edges) against the application that the closure makes of a
/// `Grip`, with the routes that stand there.
#[macro_export]
macro_rules! edges {
    ($app:expr) => {
        $crate::behaviour! { @list $app;
            edges {
                a_stream_alone_is_an_event_stream
                an_event_stream_passes_servers_that_buffer
                an_event_stream_resumes_after_the_clients_cursor
                a_private_stream_is_followed_without_its_login
                no_other_link_opens_a_private_stream
                without_a_key_there_are_no_private_streams
                an_event_that_cannot_be_sent_is_a_500
                first_bytes_of_an_event_stream_do_not_make_it_plain_text
                a_hold_keeps_the_status_headers_and_body_beside_it
                a_name_that_headers_would_change_travels_in_a_body
                a_hold_that_no_proxy_would_accept_is_a_500
                a_hold_that_cannot_be_sent_is_logged_with_its_path_and_channel
                wider_limits_are_those_of_the_application
                the_body_of_a_response_hold_is_bounded_and_that_of_a_stream_is_not
                instructions_written_by_hand_need_a_proxy_too
                a_head_request_sees_the_head_of_what_a_get_is_answered_with
                a_hold_that_got_lost_is_a_500
                only_an_unsigned_proxy_that_the_application_trusts_is_believed
                a_handler_that_fails_closes_an_open_socket_and_refuses_an_opening_one
                middleware_that_refuses_an_open_socket_closes_it
                a_client_is_authenticated_once_and_its_end_is_heard_of
                an_opening_that_looks_like_none_is_not_let_past_the_login
                a_refusal_without_a_body_has_no_content_type
            }
        }
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_is_in_the_list() {
        let list = include_str!("lib.rs");
        for (name, module) in [
            ("context", include_str!("context.rs")),
            ("delivery", include_str!("delivery.rs")),
            ("edges", include_str!("edges.rs")),
            ("feed", include_str!("feed.rs")),
            ("holds", include_str!("holds.rs")),
            ("publish", include_str!("publish.rs")),
            ("refusals", include_str!("refusals.rs")),
            ("sockets", include_str!("sockets.rs")),
        ] {
            let written = module.lines().filter_map(|line| {
                let name = line.strip_prefix("pub async fn ")?;
                name.split('(').next()
            });
            let (_, listed) = list
                .split_once(&format!("            {name} {{\n"))
                .unwrap();
            let (listed, _) = listed.split_once("            }\n").unwrap();
            let listed: Vec<_> = listed.split_ascii_whitespace().collect();
            assert_eq!(written.collect::<Vec<_>>(), listed, "{name}");
        }
    }
}
