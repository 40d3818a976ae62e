//! Mail servers of channels' own accounts: the same rules as for every other destination.

use std::net::{IpAddr, SocketAddr};

use super::{Client, DialError, DialFault, OVERRIDE, address};

/// What stands before `host:port` in an override.
pub(super) const SCHEME: &str = "smtp://";

/// Where a mail server is dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailServer {
    /// Checked, and to be dialled as they are.
    pub addresses: Vec<SocketAddr>,
    /// The operator sends what is meant for it elsewhere, where the connection is not secured.
    pub overridden: bool,
}

impl Client {
    /// Where to connect for the mail server of this name.
    ///
    /// # Errors
    /// The operator's policy or an address that is not public; a name that leads nowhere.
    pub async fn mail_server(&self, host: &str, port: u16) -> Result<MailServer, DialError> {
        let host = host.trim().to_ascii_lowercase();
        if self.0.policy.denies(&host) {
            return Err(DialError::before(DialFault::Blocked, format!("the operator's policy denies {host}")));
        }
        if let Some(target) = self.0.policy.overrides.get(&format!("{SCHEME}{host}:{port}")) {
            let target = target.strip_prefix(SCHEME).unwrap_or(target);
            let addresses = tokio::net::lookup_host(target).await.map_err(|error| lookup(&host, &error))?.collect();
            return Ok(MailServer { addresses, overridden: true });
        }
        let addresses: Vec<IpAddr> = match host.parse() {
            Ok(literal) => vec![literal],
            Err(_) => self.0.names.look_up(&host).await.map_err(|error| lookup(&host, &error))?,
        };
        if let Some((address, why)) = addresses.iter().find_map(|one| address::refusal(*one).map(|why| (one, why))) {
            let words = format!("{host} leads to {address}, which is {why}; {OVERRIDE}");
            return Err(DialError::before(DialFault::Blocked, words));
        }
        if addresses.is_empty() {
            return Err(DialError::before(DialFault::Dns, format!("{host} has no address")));
        }
        let addresses = addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect();
        Ok(MailServer { addresses, overridden: false })
    }
}

fn lookup(host: &str, error: &std::io::Error) -> DialError {
    DialError::before(DialFault::Dns, format!("{host} cannot be looked up: {error}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Lookup, Names, Policy};
    use super::*;

    struct Leads(IpAddr);

    impl Names for Leads {
        fn look_up<'a>(&'a self, _: &'a str) -> Lookup<'a> {
            Box::pin(async { Ok(vec![self.0]) })
        }
    }

    fn client(leads: &str) -> Client {
        let overrides = [("smtp://mail.shop.example:587".to_owned(), "smtp://127.0.0.1:2525".to_owned())];
        let policy = Policy { overrides: overrides.into(), denied_hosts: vec!["*.denied.example".to_owned()] };
        Client::with_names(policy, Arc::new(Leads(leads.parse().expect("an address")))).expect("a client")
    }

    #[tokio::test]
    async fn an_inner_address_is_reached_by_an_override_alone() {
        let inner = client("10.0.0.7");
        let refused = inner.mail_server("mail.else.example", 587).await.expect_err("inner");
        assert_eq!((refused.fault, refused.dispatched), (DialFault::Blocked, false));
        assert!(inner.mail_server("127.0.0.1", 25).await.is_err());
        assert!(inner.mail_server("mail.shop.example", 25).await.is_err(), "another port is another server");
        assert!(client("8.8.8.8").mail_server("smtp.denied.example", 587).await.is_err());
        let server = inner.mail_server("Mail.Shop.example", 587).await.expect("overridden");
        assert_eq!((server.addresses[0].port(), server.overridden), (2525, true));
        let server = client("8.8.8.8").mail_server("mail.else.example", 465).await.expect("public");
        assert_eq!((server.addresses[0].to_string().as_str(), server.overridden), ("8.8.8.8:465", false));
    }
}
