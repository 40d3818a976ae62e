//! When an account that called too often may call again. Graph has no `Retry-After`: it says so in a header of usage.

use sambung_sdk::http::Response;
use serde::Deserialize;
use std::collections::BTreeMap;

/// JSON by business: a list of uses of an API, each with its counts (Graph API, "Rate limits").
const HEADER: &str = "x-business-use-case-usage";

#[derive(Deserialize)]
struct Use {
    /// In minutes; 0 where nothing is held back.
    #[serde(default)]
    estimated_time_to_regain_access: u64,
}

/// How long to wait in milliseconds, where the answer says so.
pub fn wait_ms(response: &Response) -> Option<u64> {
    if let Some(told) = response.retry_after_ms() {
        return Some(told);
    }
    let uses: BTreeMap<String, Vec<Use>> = serde_json::from_str(response.header(HEADER)?).ok()?;
    let minutes = uses.values().flatten().map(|one| one.estimated_time_to_regain_access).max()?;
    minutes.checked_mul(60_000).filter(|wait| *wait > 0)
}
