//! What an `https` source asks for: the authorities to believe, and a bearer token.
//!
//! Both are keys of a Secret that is mounted, and are read again for each question: the kubelet
//! replaces them when they are renewed. The token goes into one header and is never printed.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use http::HeaderValue;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tenancy::card::{CA_KEY, TOKEN_KEY};

/// What a Secret of an `https` source holds.
pub(super) struct Secret {
    authorities: RootCertStore,
    /// The header with the token, where there is one.
    pub(super) authorization: Option<HeaderValue>,
}

impl Secret {
    /// Reads a mounted Secret.
    ///
    /// # Errors
    /// A clause that says which key is missing or cannot be read, and what helps.
    pub(super) fn read(folder: &Path) -> Result<Self, String> {
        let pem = std::fs::read(folder.join(CA_KEY)).map_err(|why| match why.kind() {
            ErrorKind::NotFound => format!(
                "there is no `{CA_KEY}` here to know it by. Name a Secret that has one as `source_secret` of the \
                 tenant, and for a watcher as `secret` in the card's source"
            ),
            _ => format!("`{CA_KEY}` of its Secret cannot be read: {why}"),
        })?;
        let mut authorities = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate
                .map_err(|why| format!("`{CA_KEY}` of its Secret is no certificate as PEM: {why}"))?;
            authorities.add(certificate).map_err(|why| {
                format!("`{CA_KEY}` of its Secret has a certificate of no authority: {why}")
            })?;
        }
        if authorities.is_empty() {
            return Err(format!("`{CA_KEY}` of its Secret has no certificate as PEM"));
        }
        Ok(Self { authorities, authorization: token(folder)? })
    }

    /// Connects by TLS to whoever shows a certificate of `host`.
    ///
    /// # Errors
    /// A clause that says why nobody can have a certificate of that name.
    pub(super) fn connector(&self, host: &str) -> Result<HttpsConnector<HttpConnector>, String> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|why| why.to_string())?
            .with_root_certificates(self.authorities.clone())
            .with_no_client_auth();
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
            .map_err(|why| format!("{host} is no name of a server: {why}"))?;
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        Ok(HttpsConnector::new(http, config, true, Arc::new(FixedServerNameResolver::new(name))))
    }

    /// Why a server may have refused, as a clause.
    pub(super) fn refused(&self) -> String {
        match self.authorization {
            Some(_) => format!("it does not take the Secret's `{TOKEN_KEY}`, which may have expired"),
            None => format!("it wants a token, and the Secret has no `{TOKEN_KEY}`"),
        }
    }
}

fn token(folder: &Path) -> Result<Option<HeaderValue>, String> {
    let token = match std::fs::read_to_string(folder.join(TOKEN_KEY)) {
        Ok(token) => token,
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(format!("`{TOKEN_KEY}` of its Secret cannot be read: {why}")),
    };
    // The library's error would quote what it does not take.
    let mut header = HeaderValue::from_str(&format!("Bearer {}", token.trim()))
        .map_err(|_| format!("`{TOKEN_KEY}` of its Secret is not one line of printable characters"))?;
    header.set_sensitive(true);
    Ok(Some(header))
}
