//! Does everything right; its provider signs what it posts with tokens of an issuer.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, guest};

struct Issued;

impl Guest for Issued {}

guest!(Issued, "manifests/issued.toml");
