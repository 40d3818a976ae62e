//! Where the bytes of a file are: Graph answers with an address that works for five minutes and wants the same token.

use crate::WhatsApp;
use crate::api::{Shape, ask, graph, word};
use crate::settings::{self, ACCESS_TOKEN, ChannelSettings, Cloud, Gateway};
use sambung_sdk::http::{Request, encode};
use sambung_sdk::media::{Media, Source};
use sambung_sdk::types::{Channel, Fault, MediaRef};

impl Media for WhatsApp {
    fn resolve(channel: Channel, file: MediaRef) -> Result<Source, Fault> {
        let Some(id) = file.ref_.as_deref() else {
            let url = file.url.map(Source::Open);
            return url.ok_or_else(|| Fault::new("invalid", "the file names neither a media id nor an address"));
        };
        let found = match settings::of(&channel)? {
            ChannelSettings::Cloud(cloud) => at_graph(&cloud, id),
            ChannelSettings::Gateway(gateway) => at_gateway(&gateway, id),
        };
        match found {
            Err(fault) if fault.kind == "not-found" || fault.code.as_deref() == Some("100") => {
                Ok(Source::Gone(fault.words))
            }
            other => other,
        }
    }
}

fn at_graph(cloud: &Cloud, id: &str) -> Result<Source, Fault> {
    let asked = graph("GET", &encode(id)).query("phone_number_id", &cloud.phone_number_id);
    Ok(Source::Fetch(Request::get(word(&ask(&asked)?, "url")?).bearer(ACCESS_TOKEN)))
}

fn at_gateway(gateway: &Gateway, id: &str) -> Result<Source, Fault> {
    if gateway.shape() == Shape::OnPremises {
        return Ok(Source::Fetch(gateway.request("GET", &format!("media/{}", encode(id)))?));
    }
    let address = word(&ask(&gateway.request("GET", &encode(id))?)?, "url")?;
    // Gateways hand on Meta's address, to be asked for at their own with the path that it names.
    let path = address.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
    Ok(Source::Fetch(gateway.request("GET", path)?))
}
