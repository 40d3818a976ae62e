//! What limits by client address count by.

use std::net::{IpAddr, Ipv6Addr};

/// Names one client for every limit by address: an IPv4 address, or the /64 of an IPv6 address.
///
/// One host usually has a whole /64 and can use a new address of it for each request, so that single addresses would be no limit.
/// An IPv4 address that is written in IPv6 (`::ffff:192.0.2.1`, or behind the translators' prefix `64:ff9b::/96`) is the IPv4 address:
/// else all IPv4 clients of a listener on `[::]` would share one /64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientKey(IpAddr);

impl ClientKey {
    /// The client that an address belongs to.
    pub fn of(address: IpAddr) -> ClientKey {
        let address = match address.to_canonical() {
            IpAddr::V6(six) => match six.segments() {
                [0x64, 0xff9b, 0, 0, 0, 0, ..] => {
                    let [.., a, b, c, d] = six.octets();
                    IpAddr::from([a, b, c, d])
                }
                _ => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() & (u128::MAX << 64))),
            },
            four => four,
        };
        ClientKey(address)
    }
}

impl std::fmt::Display for ClientKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            IpAddr::V4(four) => four.fmt(f),
            IpAddr::V6(six) => write!(f, "{six}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> ClientKey {
        ClientKey::of(text.parse().expect("an address"))
    }

    #[test]
    fn addresses_of_one_64_are_one_client_and_neighbouring_64s_are_two() {
        assert_eq!(key("2001:db8:0:1::1"), key("2001:db8:0:1:ffff:ffff:ffff:ffff"));
        assert_ne!(key("2001:db8:0:1::1"), key("2001:db8:0:2::1"));
        assert_eq!(key("2001:db8:0:1::1").to_string(), "2001:db8:0:1::/64");
    }

    #[test]
    fn an_ipv4_address_is_one_client_however_it_is_written() {
        for written in ["::ffff:192.0.2.1", "64:ff9b::192.0.2.1"] {
            assert_eq!(key(written), key("192.0.2.1"), "{written}");
        }
        assert_ne!(key("::ffff:192.0.2.1"), key("::ffff:192.0.2.2"));
    }
}
