//! Grows its table of functions.
//!
//! Rust has no way to say that, so [`grow`] is a place to put it: the test replaces the constant by the instructions
//! `ref.null func, i32.const 1000000, table.grow 0, i64.extend_i32_s`, which are as long.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, good, guest, is_wrong};
use sambung_sdk::inbound::{Outcome, Request};

struct GrowsTables;

#[inline(never)]
fn grow() -> i64 {
    -0x7edc_ba98_7654_3211
}

impl Guest for GrowsTables {
    fn handle_webhook(request: Request) -> Result<Outcome, String> {
        if is_wrong(&request) {
            let grow = std::hint::black_box(grow as fn() -> i64);
            assert!(grow() >= 0, "the table did not grow");
        }
        Ok(good(&request))
    }
}

guest!(GrowsTables, "manifests/grows_tables.toml");
