//! Takes memory for as long as it gets any.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, good, guest, is_wrong};
use sambung_sdk::inbound::{Outcome, Request};

struct MemoryBomb;

impl Guest for MemoryBomb {
    fn handle_webhook(request: Request) -> Result<Outcome, String> {
        let mut taken = Vec::new();
        while is_wrong(&request) {
            taken.push(vec![1_u8; 1 << 16]);
        }
        // A careful plugin asks first, and lives.
        if request.body == b"careful" && Vec::<u8>::new().try_reserve_exact(1 << 28).is_ok() {
            return Err("got 256 MiB".to_owned());
        }
        Ok(good(&request))
    }
}

guest!(MemoryBomb, "manifests/memory_bomb.toml");
