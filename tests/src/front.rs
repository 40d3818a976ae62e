//! What stands before the host in the world: a TLS proxy that has the host's public name and the names of providers' sign-in
//! pages, so that a browser meets them by these names. Its connections can be cut.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// The public name of a test's host, as `leading` writes it into the configuration.
pub const NAME: &str = "chat.example";

/// A running proxy; it stops when it is dropped.
pub struct Front {
    port: u16,
    names: Vec<String>,
    is_cut: watch::Sender<bool>,
    stop: tokio::task::JoinHandle<()>,
}

impl Front {
    /// Starts on a free port of loopback. Each name leads to the server at `http://127.0.0.1:…` beside it.
    ///
    /// # Panics
    /// When no port can be bound.
    pub async fn start<'a>(leads: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let plain = |address: &str| address.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let leads: HashMap<String, String> =
            leads.into_iter().map(|(name, address)| (name.to_owned(), plain(address))).collect();
        let names = leads.keys().cloned().collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let (is_cut, cut) = watch::channel(false);
        let (acceptor, leads) = (acceptor(), Arc::new(leads));
        let stop = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass(stream, acceptor.clone(), Arc::clone(&leads), cut.clone()));
            }
        });
        Self { port, names, is_cut, stop }
    }

    /// Where a browser is told to look for the names.
    pub fn resolver_rules(&self) -> String {
        let rules = self.names.iter().map(|name| format!("MAP {name}:443 127.0.0.1:{}", self.port));
        rules.collect::<Vec<_>>().join(",")
    }

    /// Cuts every connection and takes no new one, or lets them through again.
    pub fn cut(&self, cut: bool) {
        self.is_cut.send_replace(cut);
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.stop.abort();
    }
}

/// A connection, by the name that it asks for.
async fn pass(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    leads: Arc<HashMap<String, String>>,
    mut cut: watch::Receiver<bool>,
) {
    if *cut.borrow() {
        return;
    }
    let passed = async {
        let mut stream = acceptor.accept(stream).await.ok()?;
        let address = leads.get(stream.get_ref().1.server_name()?)?;
        let mut inner = TcpStream::connect(address).await.ok()?;
        copy_bidirectional(&mut stream, &mut inner).await.ok()
    };
    tokio::select! {
        _ = passed => {}
        _ = cut.wait_for(|cut| *cut) => {}
    }
}

fn acceptor() -> TlsAcceptor {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/providers/email/tls"));
    let certificate = CertificateDer::from_pem_file(folder.join("cert.pem")).expect("the test's certificate is one");
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).expect("the test's key is one");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the usual versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("the certificate is the key's");
    TlsAcceptor::from(Arc::new(config))
}
