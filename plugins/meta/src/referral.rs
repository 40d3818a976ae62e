//! Where a conversation came from, as `wit/schemas/referral.json` says it.

use sambung_sdk::json::{Value, json};
use sambung_sdk::types::Content;

/// The content of a referral object: an advertisement, a link, a code that was scanned.
pub fn content(own: &Value) -> Content {
    let about = &own["ads_context_data"];
    let source = own["source"].as_str().unwrap_or_default();
    let kind = match source {
        "ADS" => "ad".to_owned(),
        "SHORTLINK" | "SHORTLINKS" | "" => "link".to_owned(),
        other => other.trim_matches(['<', '>']).to_lowercase().replace('_', "-"),
    };
    let told = [
        ("source_type", json!(kind)),
        ("source_id", own["ad_id"].clone()),
        ("ref", own["ref"].clone()),
        ("source_url", own["referer_uri"].clone()),
        ("headline", about["ad_title"].clone()),
        ("image_url", about["photo_url"].clone()),
        ("video_url", about["video_url"].clone()),
        ("data", own.clone()),
    ];
    let told: Value = told
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.to_owned(), value))
        .collect::<serde_json::Map<_, _>>()
        .into();
    Content::Referral(told.to_string())
}
