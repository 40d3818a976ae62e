//! The addresses that the host makes for channels.

/// The name of the value that the host generates for a channel that receives mail.
pub const FORWARDING_ADDRESS: &str = "forwarding_address";

/// Characters of the local part, which nobody guesses: 110 bits. A suffix of 41 more stays below the 64 octets of RFC 5321.
const LENGTH: usize = 22;
const ALPHABET: &[u8; 32] = b"abcdefghijkmnopqrstuvwxyz2345678";

/// An address of this host's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// What the host made, in lower case.
    pub local: String,
    /// The address as it was written.
    pub address: String,
}

impl Recipient {
    /// A new local part of random bytes.
    pub fn new_local(random: [u8; LENGTH]) -> String {
        random.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
    }

    /// Reads an address at one of these domains; what stands between `+` and `@` is not the host's.
    pub fn read(address: &str, domain: &str) -> Option<Recipient> {
        let (local, at) = address.rsplit_once('@')?;
        if domain.is_empty() || !at.trim_end_matches('.').eq_ignore_ascii_case(domain) {
            return None;
        }
        let local = local.split('+').next().unwrap_or_default().to_ascii_lowercase();
        Some(Recipient { local, address: address.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_in_any_case_and_with_a_suffix() {
        let read = |address| Recipient::read(address, "in.example").map(|recipient| recipient.local);
        assert_eq!(read("AbC+Token@IN.example"), Some("abc".to_owned()));
        assert_eq!(read("abc@in.example."), Some("abc".to_owned()));
        assert_eq!(read("abc@else.example"), None);
        assert_eq!(read("abc"), None);
        assert_eq!(Recipient::read("abc@", ""), None);
    }
}
