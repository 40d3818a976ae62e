//! Looking names up: once for a connection, every address checked, and only checked addresses handed on to be dialled.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address;

/// What a lookup gives.
pub type Lookup<'a> = BoxFuture<'a, io::Result<Vec<IpAddr>>>;

/// A way to look names up.
pub trait Names: Send + Sync {
    /// Every address of a name.
    fn look_up<'a>(&'a self, name: &'a str) -> Lookup<'a>;
}

/// The machine's own resolver.
pub struct SystemNames;

impl Names for SystemNames {
    fn look_up<'a>(&'a self, name: &'a str) -> Lookup<'a> {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect()) })
    }
}

/// Why a name gave nothing to dial. Found again in the chain of causes of the client's error.
#[derive(Debug, thiserror::Error)]
pub(super) enum NameError {
    /// The name leads inside.
    #[error("{name} leads to {address}, which is {why}; {}", super::OVERRIDE)]
    Blocked { name: String, address: IpAddr, why: &'static str },
    /// The name leads nowhere.
    #[error("{name} cannot be looked up: {error}")]
    Lookup { name: String, error: io::Error },
}

/// Refuses a name of which any address is not public: a name that leads both ways is a trick, not a configuration.
pub(super) struct Guard(Arc<dyn Names>);

impl Guard {
    pub(super) fn new(names: Arc<dyn Names>) -> Guard {
        Guard(names)
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let names = self.0.clone();
        Box::pin(async move {
            let name = name.as_str().to_owned();
            let addresses = checked(names.as_ref(), name).await?;
            let dialled: Addrs = Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(dialled)
        })
    }
}

async fn checked(names: &dyn Names, name: String) -> Result<Vec<IpAddr>, NameError> {
    let addresses = match names.look_up(&name).await {
        Ok(addresses) if addresses.is_empty() => {
            return Err(NameError::Lookup { name, error: io::Error::other("it has no address") });
        }
        Ok(addresses) => addresses,
        Err(error) => return Err(NameError::Lookup { name, error }),
    };
    for address in &addresses {
        if let Some(why) = address::refusal(*address) {
            return Err(NameError::Blocked { name, address: *address, why });
        }
    }
    Ok(addresses)
}
