//! Registers another address each time, so that a crash leaves two of them.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, guest, hooked};
use sambung_sdk::connection::Connected;
use sambung_sdk::kv;
use sambung_sdk::types::{Channel, Fault};

struct RegisterAdds;

impl Guest for RegisterAdds {
    hooked!(handle_webhook, send, identify, check);

    fn register(mut channel: Channel) -> Result<Connected, Vec<Fault>> {
        let before = kv::get("count").ok().flatten().unwrap_or_default();
        let _ = kv::set("count", &[before.as_slice(), b"1"].concat());
        channel.webhook_url = Some(format!("{}?count={}", hooked::address(&channel), before.len()));
        hooked::register(&channel)
    }
}

guest!(RegisterAdds, "manifests/hooked.toml");
