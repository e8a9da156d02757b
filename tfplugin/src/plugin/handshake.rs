//! What the host says through the environment, and the line that answers it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

/// The variable by which a host of Terraform providers shows itself.
const COOKIE_NAME: &str = "TF_PLUGIN_MAGIC_COOKIE";
const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";
/// The major version of the plugin protocol that this framework speaks.
pub(super) const PROTOCOL_VERSION: u32 = 6;

/// What the host asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct HostWishes {
    /// Where to put the socket; the system's directory for temporary files where nothing is asked.
    pub(super) socket_dir: Option<String>,
    /// The host's certificate, DER. Without one the host wants no TLS.
    pub(super) client_certificate: Option<Vec<u8>>,
    /// Whether the line says if connections are multiplexed.
    pub(super) asks_multiplex: bool,
}

/// Why the process is not a plugin of whoever started it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum HandshakeError {
    #[error(
        "This is the Terraform provider {0}, a program that Terraform or OpenTofu runs.\n\
         Name it in required_providers and run terraform init; do not run it by hand.\n\
         To debug it, run it with -debug and follow what it prints."
    )]
    NoCookie(String),
    #[error(
        "The host speaks plugin protocols {0}, and this provider speaks {PROTOCOL_VERSION}. Use Terraform 1.0 or newer."
    )]
    NoCommonVersion(String),
    #[error(
        "The certificate in PLUGIN_CLIENT_CERT is not PEM: {0}. Only Terraform and OpenTofu should set it."
    )]
    BadCertificate(String),
}

impl HostWishes {
    /// Reads the wishes from the environment.
    ///
    /// # Errors
    /// The process was not started by a host that it can serve.
    pub(super) fn read(
        address: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<HostWishes, HandshakeError> {
        if variable(COOKIE_NAME).as_deref() != Some(COOKIE) {
            return Err(HandshakeError::NoCookie(address.to_owned()));
        }
        if let Some(versions) = variable("PLUGIN_PROTOCOL_VERSIONS").filter(|versions| !versions.is_empty()) {
            let ours = PROTOCOL_VERSION.to_string();
            if !versions.split(',').any(|version| version.trim() == ours) {
                return Err(HandshakeError::NoCommonVersion(versions));
            }
        }
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        Ok(HostWishes {
            socket_dir: set("PLUGIN_UNIX_SOCKET_DIR"),
            client_certificate: set("PLUGIN_CLIENT_CERT").map(|pem| der(&pem)).transpose()?,
            asks_multiplex: set("PLUGIN_MULTIPLEX_GRPC").is_some(),
        })
    }
}

/// The first certificate of a PEM text.
fn der(pem: &str) -> Result<Vec<u8>, HandshakeError> {
    let bad = |reason: &str| HandshakeError::BadCertificate(reason.to_owned());
    let (_, body) =
        pem.split_once("-----BEGIN CERTIFICATE-----").ok_or_else(|| bad("it has no beginning"))?;
    let (body, _) = body.split_once("-----END CERTIFICATE-----").ok_or_else(|| bad("it has no end"))?;
    let text: String = body.chars().filter(|character| !character.is_whitespace()).collect();
    STANDARD.decode(text).map_err(|error| bad(&error.to_string()))
}

/// The line on stdout that tells the host where and how to connect.
pub(super) fn line(socket: &str, server_certificate: Option<&[u8]>, wishes: &HostWishes) -> String {
    let certificate = server_certificate.map(|der| STANDARD_NO_PAD.encode(der)).unwrap_or_default();
    let multiplex = if wishes.asks_multiplex { "|false" } else { "" };
    format!("1|{PROTOCOL_VERSION}|unix|{socket}|grpc|{certificate}{multiplex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<HostWishes, HandshakeError> {
        HostWishes::read("example.org/a/b", |name| {
            set.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn without_the_cookie_it_says_what_it_is() {
        let error = read(&[(COOKIE_NAME, "wrong")]).unwrap_err().to_string();
        assert!(error.contains("Terraform provider example.org/a/b"), "{error}");
    }

    #[test]
    fn versions_come_in_any_order() {
        assert!(read(&[(COOKIE_NAME, COOKIE), ("PLUGIN_PROTOCOL_VERSIONS", "6,5")]).is_ok());
        assert!(read(&[(COOKIE_NAME, COOKIE), ("PLUGIN_PROTOCOL_VERSIONS", "5,6")]).is_ok());
        let old = read(&[(COOKIE_NAME, COOKIE), ("PLUGIN_PROTOCOL_VERSIONS", "4,5")]);
        assert_eq!(old, Err(HandshakeError::NoCommonVersion("4,5".to_owned())));
    }

    #[test]
    fn a_certificate_must_be_pem() {
        let pem = "-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----\n";
        let wishes = read(&[(COOKIE_NAME, COOKIE), ("PLUGIN_CLIENT_CERT", pem)]).unwrap();
        assert_eq!(wishes.client_certificate, Some(vec![0, 1, 2]));
        let garbage = read(&[(COOKIE_NAME, COOKIE), ("PLUGIN_CLIENT_CERT", "garbage")]);
        assert!(matches!(garbage, Err(HandshakeError::BadCertificate(_))));
    }

    #[test]
    fn the_line_has_a_seventh_field_only_when_asked() {
        let plain = HostWishes::default();
        assert_eq!(line("/s", None, &plain), "1|6|unix|/s|grpc|");
        let asking = HostWishes { asks_multiplex: true, ..plain };
        assert_eq!(line("/s", Some(&[255]), &asking), "1|6|unix|/s|grpc|/w|false");
    }
}
