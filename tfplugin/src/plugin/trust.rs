//! Mutual TLS as go-plugin does it: each side makes a certificate, and each
//! accepts exactly the one that the other told it of.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme,
};

/// How to meet the host, and the certificate that it should expect.
pub(super) struct Identity {
    pub(super) config: Arc<ServerConfig>,
    /// DER, for the handshake line.
    pub(super) certificate: Vec<u8>,
}

/// Why no TLS could be set up.
#[derive(Debug, thiserror::Error)]
pub(super) enum TrustError {
    #[error("no certificate could be made: {0}")]
    Make(#[from] rcgen::Error),
    #[error("no TLS could be set up: {0}")]
    SetUp(#[from] Error),
}

/// A fresh server identity that accepts the client with this certificate alone.
pub(super) fn accept_only(client_certificate: Vec<u8>) -> Result<Identity, TrustError> {
    // P-256: its keys are made in a millisecond, and exec to handshake is what
    // a user waits for in each of a hundred stacks.
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let certificate = own.cert.der().to_vec();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
    let crypto = Arc::new(aws_lc_rs::default_provider());
    let verifier = ThisClient { certificate: client_certificate.into(), crypto: Arc::clone(&crypto) };
    let mut config = ServerConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(vec![certificate.clone().into()], key)?;
    // grpc-go hangs up on a server that does not agree to HTTP/2 here.
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Identity { config: Arc::new(config), certificate })
}

/// Accepts one certificate by its bytes, and checks that the client has its key.
///
/// A chain cannot be verified: the host's certificate is self-signed and calls
/// itself an authority, which no verifier takes for a client.
#[derive(Debug)]
struct ThisClient {
    certificate: CertificateDer<'static>,
    crypto: Arc<CryptoProvider>,
}

impl ClientCertVerifier for ThisClient {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if *end_entity == self.certificate {
            Ok(ClientCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.crypto.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.crypto.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.crypto.signature_verification_algorithms.supported_schemes()
    }
}
