//! Hands out the address of a recipe that verifies with another key than the provider signs with.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, guest, hooked};

struct HandsOutAnother;

impl Guest for HandsOutAnother {
    hooked!(handle_webhook, send, identify, register, check);
}

guest!(HandsOutAnother, "manifests/hands_out_another.toml");
