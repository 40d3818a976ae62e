//! Who a channel is: a number on the Cloud API, or what a gateway's token stands for.

use crate::api::{ask, graph};
use crate::settings::{ACCESS_TOKEN, ChannelSettings, Cloud, Gateway, TOKEN};
use sambung_sdk::connection::Account;
use sambung_sdk::crypto::{self, Piece};
use sambung_sdk::json::json;
use sambung_sdk::types::{Channel, Fault, Finding};
use serde::Deserialize;

/// The route of changes that concern a whole WhatsApp Business Account, and so each of its numbers.
pub fn route(business_account_id: &str) -> String {
    format!("waba:{business_account_id}")
}

#[derive(Deserialize)]
struct Number {
    #[serde(default)]
    display_phone_number: String,
    #[serde(default)]
    verified_name: String,
    quality_rating: Option<String>,
    name_status: Option<String>,
}

/// Asks who the channel is and what there is to say about it.
///
/// # Errors
/// What the provider said, with the setting that is to blame.
pub fn of(settings: &ChannelSettings, channel: &Channel) -> Result<(Account, Vec<Finding>), Fault> {
    match settings {
        ChannelSettings::Cloud(cloud) => of_number(cloud),
        ChannelSettings::Gateway(gateway) => of_gateway(gateway, channel),
    }
}

fn of_number(cloud: &Cloud) -> Result<(Account, Vec<Finding>), Fault> {
    let asked = graph("GET", &cloud.phone_number_id)
        .query("fields", "display_phone_number,verified_name,quality_rating,code_verification_status,name_status");
    let number: Number =
        ask(&asked).map_err(|fault| blame(fault, "phone_number_id"))?.json().map_err(Fault::unavailable)?;
    belongs(cloud)?;
    let name = match (number.verified_name.as_str(), number.display_phone_number.as_str()) {
        ("", "") => cloud.phone_number_id.clone(),
        ("", digits) => digits.to_owned(),
        (name, digits) => format!("{name} ({digits})"),
    };
    let account = Account::new(&cloud.phone_number_id, name)
        .route(route(&cloud.business_account_id))
        .features(&json!({ "templates": true, "typing": true, "read": true }));
    Ok((account, findings(&number)))
}

/// The number must be one of the account's, else its templates would be another's.
fn belongs(cloud: &Cloud) -> Result<(), Fault> {
    let asked = graph("GET", &format!("{}/phone_numbers", cloud.business_account_id)).query("limit", "100");
    let numbers = ask(&asked).map_err(|fault| blame(fault, "business_account_id"))?.value();
    if numbers["data"].as_array().into_iter().flatten().any(|number| number["id"] == cloud.phone_number_id) {
        return Ok(());
    }
    let words = "this WhatsApp Business Account has no number with this phone number ID";
    Err(Fault::refused("business_account_id", words))
}

/// A refused token is the token's fault, an unknown id the id's.
fn blame(fault: Fault, field: &str) -> Fault {
    match fault.kind.as_str() {
        "unauthorized" | "forbidden" => fault.field(ACCESS_TOKEN),
        "invalid" | "not-found" => fault.field(field),
        _ => fault,
    }
}

fn findings(number: &Number) -> Vec<Finding> {
    let mut findings = Vec::new();
    if number.quality_rating.as_deref() == Some("RED") {
        let words = "WhatsApp rates this number's quality as low; it may lower its limits.";
        findings.push(Finding::new("warning", "quality-low", words));
    }
    if matches!(number.name_status.as_deref(), Some("DECLINED" | "EXPIRED")) {
        let words = "WhatsApp declined this number's display name.";
        findings.push(Finding::new("warning", "name-declined", words));
    }
    findings
}

/// Gateways have no common way to say whose number answers. Who has the token has the number, so that the account is the token at
/// its host, and the number where the admin gave one, since a token may serve several. A connected channel stays what it is when its
/// token or address changes.
fn of_gateway(gateway: &Gateway, channel: &Channel) -> Result<(Account, Vec<Finding>), Fault> {
    let place = gateway.base().split_once("://").map_or(gateway.base(), |(_, place)| place);
    let host = place.split('/').next().unwrap_or(place);
    let name = gateway.phone_number.as_ref().map_or_else(|| place.to_owned(), |number| format!("+{number}"));
    let id = match &channel.account {
        Some(own) => own.clone(),
        None => {
            let of = format!("{host}\n{}", gateway.phone_number.as_deref().unwrap_or_default());
            let proof = crypto::hmac("sha256", &[Piece::named(TOKEN)], &[Piece::from(of.as_str())])
                .map_err(|words| Fault::refused(TOKEN, words))?;
            let proof: String = proof.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
            format!("gateway:{host}:{proof}")
        }
    };
    let features = json!({ "templates": false, "typing": false, "read": true });
    Ok((Account::new(id, name).features(&features), Vec::new()))
}
