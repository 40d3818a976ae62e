//! Where the host is reached: by providers at its public address, by browsers on this machine at the address that it listens at.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

/// The host's addresses, without a slash at their end. Cheap to clone; every clone learns where the host listens.
#[derive(Debug, Clone)]
pub struct BaseUrl(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    public: Option<String>,
    local: OnceLock<String>,
}

impl BaseUrl {
    /// With `server.public_url`, where there is one.
    pub fn new(public: Option<&str>) -> BaseUrl {
        BaseUrl(Arc::new(Inner { public: public.map(ToOwned::to_owned), local: OnceLock::new() }))
    }

    /// Says where browsers on this machine reach the host. A second listener changes nothing.
    pub fn listens_at(&self, address: SocketAddr) {
        let host = if address.ip().is_unspecified() { "127.0.0.1".to_owned() } else { address.ip().to_string() };
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let _ = self.0.local.set(format!("http://{host}:{}", address.port()));
    }

    /// The address that providers reach.
    pub fn public(&self) -> Option<&str> {
        self.0.public.as_deref()
    }

    /// The address that browsers reach: the public one, else the one on this machine.
    pub fn for_browsers(&self) -> &str {
        let local = || self.0.local.get().map_or("http://127.0.0.1:8080", String::as_str);
        self.public().unwrap_or_else(local)
    }
}

#[cfg(test)]
mod tests {
    use super::BaseUrl;

    #[test]
    fn browsers_reach_the_public_address_or_the_listener() {
        let local = BaseUrl::new(None);
        let clone = local.clone();
        local.listens_at("0.0.0.0:9000".parse().expect("an address"));
        assert_eq!((clone.public(), clone.for_browsers()), (None, "http://127.0.0.1:9000"));
        let six = BaseUrl::new(None);
        six.listens_at("[::1]:9000".parse().expect("an address"));
        assert_eq!(six.for_browsers(), "http://[::1]:9000");
        let public = BaseUrl::new(Some("https://chat.example.com"));
        public.listens_at("127.0.0.1:9000".parse().expect("an address"));
        assert_eq!(public.for_browsers(), "https://chat.example.com");
    }
}
