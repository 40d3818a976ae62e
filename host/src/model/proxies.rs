//! Whose address a request came from when proxies stand between.
//!
//! A proxy's word counts only where the operator trusts the proxy, and only for the hop before it: what a stranger wrote into
//! the header stands further left and is never reached.

use std::net::IpAddr;

/// A range of addresses, as `10.0.0.0/8` or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    base: IpAddr,
    bits: u8,
}

impl std::str::FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Range, String> {
        let wrong = || format!("{text:?} is neither an address nor a range such as 10.0.0.0/8");
        let (base, bits) = match text.split_once('/') {
            Some((base, bits)) => (base, Some(bits)),
            None => (text, None),
        };
        let base: IpAddr = base.trim().parse().map_err(|_| wrong())?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.trim().parse::<u8>().ok().filter(|bits| *bits <= most).ok_or_else(wrong)?,
            None => most,
        };
        Ok(Range { base, bits })
    }
}

impl Range {
    /// Whether `address` lies within.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.bits);
                u32::from(base).checked_shr(shift) == u32::from(address).checked_shr(shift)
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.bits);
                u128::from(base).checked_shr(shift) == u128::from(address).checked_shr(shift)
            }
            _ => false,
        }
    }
}

/// The address of whoever asked: `peer`, or, while the peer so far is a trusted proxy, the next entry from the right of
/// `forwarded` (the values of `X-Forwarded-For`, joined by commas).
pub fn client_address(peer: IpAddr, forwarded: Option<&str>, trusted: &[Range]) -> IpAddr {
    let mut address = peer.to_canonical();
    let mut hops = forwarded.unwrap_or_default().rsplit(',');
    while trusted.iter().any(|range| range.contains(address)) {
        match hops.next().and_then(|hop| hop.trim().parse::<IpAddr>().ok()) {
            Some(hop) => address = hop.to_canonical(),
            None => break,
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_stranger_cannot_choose_its_own_address() {
        assert_eq!(client_address(ip("203.0.113.9"), Some("198.51.100.1"), &[]), ip("203.0.113.9"));
    }

    #[test]
    fn a_trusted_proxy_is_believed_for_the_hop_before_it_only() {
        let trusted = ["10.0.0.0/8".parse().expect("a range")];
        let seen = client_address(ip("10.1.2.3"), Some("198.51.100.1, 203.0.113.9"), &trusted);
        assert_eq!(seen, ip("203.0.113.9"));
        let through_two = client_address(ip("10.1.2.3"), Some("1.1.1.1, 203.0.113.9, 10.9.9.9"), &trusted);
        assert_eq!(through_two, ip("203.0.113.9"));
    }

    #[test]
    fn ranges_of_every_length_are_understood() {
        let all: Range = "0.0.0.0/0".parse().expect("a range");
        assert!(all.contains(ip("203.0.113.9")));
        assert!(all.contains(ip("::ffff:203.0.113.9")));
        assert!("::1/129".parse::<Range>().is_err());
        assert!("proxy.example".parse::<Range>().is_err());
    }
}
