//! Stories: one binary, a file for each subject.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

mod authorisation;
mod browser;
mod cannot_work;
mod conformance;
mod connecting_kills;
mod data_folder;
mod doctor;
mod email_erased;
mod email_later;
mod email_names;
mod email_postfix;
mod email_security;
mod email_smtp;
mod email_story;
mod email_table;
mod email_tls;
mod email_trap;
mod failures;
mod file_limit;
mod findings;
mod handed_out;
mod hostile_pages;
mod kill;
mod line_component;
mod line_members;
mod line_plugin;
mod line_requests;
mod line_simulator;
mod line_story;
mod mail_permission;
mod meta;
mod open_files;
mod plugin_files;
mod readmes;
mod registering;
mod sign_in_browser;
mod stories;
mod telegram;
mod unanswered;
mod whatsapp_requests;
mod x_polling;
mod x_requests;
mod x_simulator;
mod x_story;
