//! The certificate for STARTTLS.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One of the two files is not named.
    #[error("mail.tls_certificate and mail.tls_key go together")]
    Half,
    /// A file cannot be read.
    #[error("{path}: {words}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        words: String,
    },
    /// The two do not fit.
    #[error("the certificate for mail cannot be used: {0}")]
    Unfit(rustls::Error),
}

/// What accepts STARTTLS; nothing where no certificate is configured.
pub(super) fn acceptor(certificate: &Path, key: &Path) -> Result<Option<TlsAcceptor>, TlsError> {
    match (certificate.as_os_str().is_empty(), key.as_os_str().is_empty()) {
        (true, true) => return Ok(None),
        (false, false) => {}
        _ => return Err(TlsError::Half),
    }
    let wrong = |path: &Path, words: String| TlsError::File { path: path.to_owned(), words };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(certificate, error.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(TlsError::Unfit)?;
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_certificate_and_one_that_is_none_are_refused_in_words() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("x.pem");
        std::fs::write(&file, "no certificate").expect("written");
        assert!(matches!(acceptor(Path::new(""), Path::new("")), Ok(None)));
        assert!(matches!(acceptor(&file, Path::new("")), Err(TlsError::Half)));
        let error = acceptor(&file, &file).err().expect("refused").to_string();
        assert!(error.contains("x.pem"), "{error}");
        assert!(acceptor(Path::new("/nowhere.pem"), &file).is_err());
    }
}
