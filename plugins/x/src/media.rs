//! Where the bytes of a file are: X's file server wants the account's signature, and to a signed-in account the API hands
//! the same files out.

use crate::X;
use crate::api::to;
use crate::settings::{self, Mode};
use sambung_sdk::http::{Request, encode};
use sambung_sdk::media::{Media, Source};
use sambung_sdk::types::{Channel, Fault, MediaRef};

/// The file server, under both of its names, and the path below which files of direct messages lie.
const SERVERS: [&str; 2] = ["https://ton.twitter.com/", "https://ton.x.com/"];
const FOLDER: &str = "/dm/";

impl Media for X {
    fn resolve(channel: Channel, file: MediaRef) -> Result<Source, Fault> {
        let address = file.ref_.or(file.url).ok_or_else(|| Fault::new("invalid", "the file names no address"))?;
        if !SERVERS.iter().any(|server| address.starts_with(server)) {
            return Ok(Source::Open(address));
        }
        let mode = settings::mode(&channel)?;
        let request = match mode {
            Mode::OwnApp => Request::get(address),
            Mode::SignIn => by_api(&address).ok_or_else(|| {
                Fault::new("invalid", format!("the address is not one of a message's file: {address}"))
            })?,
        };
        Ok(Source::Fetch(mode.as_user(request)))
    }
}

/// `…/dm/{message}/{file}/{name}` at the file server is `/2/dm_conversations/media/{message}/{file}/{name}` at the API.
fn by_api(address: &str) -> Option<Request> {
    let (_, below) = address.split('?').next()?.split_once(FOLDER)?;
    let mut parts = below.splitn(3, '/');
    let (message, file, name) = (parts.next()?, parts.next()?, parts.next()?);
    let path = format!("/2/dm_conversations/media/{}/{}/{}", encode(message), encode(file), encode(name));
    Some(to("GET", &path))
}
