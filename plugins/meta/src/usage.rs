//! When an account that called too often may call again. Graph has no `Retry-After`: it says so in a header of usage.

use sambung_sdk::http::Response;
use sambung_sdk::json::Value;

/// JSON by business: a list of uses of an API, each with its counts (Graph API, "Rate limits").
const HEADER: &str = "x-business-use-case-usage";
/// Of each use, in minutes; 0 where nothing is held back.
const WAIT: &str = "estimated_time_to_regain_access";

/// How long to wait in milliseconds, where the answer says so.
pub fn wait_ms(response: &Response) -> Option<u64> {
    if let Some(told) = response.retry_after_ms() {
        return Some(told);
    }
    let told: Value = response.header(HEADER)?.parse().ok()?;
    let uses = told.as_object()?.values().filter_map(Value::as_array).flatten();
    let minutes = uses.filter_map(|one| one[WAIT].as_u64()).max()?;
    minutes.checked_mul(60_000).filter(|wait| *wait > 0)
}
