//! Whom TLS trusts: the platform's authorities, those of the operator's `ca_file`, and the very certificates in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_platform_verifier::Verifier;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

/// A connector that trusts the platform and `ca_file`. Reads files: not for an asynchronous thread.
///
/// # Errors
/// A clause that says what is wrong with the file or with the platform's certificates.
pub(super) fn connector(ca_file: Option<&Path>) -> Result<TlsConnector, String> {
    let named = ca_file.map_or_else(|| Ok(Vec::new()), read_certificates)?;
    // Named here, as the choice of a process-wide provider belongs to nobody in this crate.
    let provider = Arc::new(ring::default_provider());
    let trust = Trust::new(named, provider.clone()).map_err(|error| error.to_string())?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(trust))
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let cannot = |why: String| format!("ca_file {} {why}", file.display());
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err(cannot("holds no certificate in PEM form".to_owned())),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(cannot(format!("cannot be read: {error}"))),
    }
}

/// The platform's verifier, which also accepts a certificate that the operator named byte for byte.
///
/// `openssl req -x509` marks what it makes as an authority, and WebPKI refuses an authority's certificate at the end of a
/// chain (RFC 5280 4.2.1.9), so such a server could not be used at all. The exception is for that refusal alone: name and
/// dates are checked as always.
#[derive(Debug)]
struct Trust {
    platform: Verifier,
    named: Vec<CertificateDer<'static>>,
}

impl Trust {
    fn new(named: Vec<CertificateDer<'static>>, provider: Arc<CryptoProvider>) -> Result<Self, Error> {
        let platform = Verifier::new_with_extra_roots(named.iter().cloned(), provider)?;
        Ok(Self { platform, named })
    }

    fn accept_named(
        &self,
        certificate: &CertificateDer<'_>,
        host: &ServerName<'_>,
        refusal: Error,
    ) -> Result<ServerCertVerified, Error> {
        if !self.named.contains(certificate) || !is_about_authority(&refusal) {
            return Err(refusal);
        }
        verify_server_name(&ParsedCertificate::try_from(certificate)?, host)?;
        Ok(ServerCertVerified::assertion())
    }
}

/// Whether the only objection is that the certificate is an authority's. WebPKI looks at the dates before this, and its
/// error type is not public here: its name is.
fn is_about_authority(refusal: &Error) -> bool {
    matches!(refusal, Error::InvalidCertificate(CertificateError::Other(other)) if format!("{other:?}").contains("CaUsedAsEndEntity"))
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.platform
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .or_else(|refusal| self.accept_named(end_entity, server_name, refusal))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.platform.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.platform.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.platform.supported_verify_schemes()
    }
}

/// What a refused handshake means for the operator.
pub(super) fn words(error: &Error) -> String {
    if matches!(error, Error::InvalidCertificate(CertificateError::UnknownIssuer)) {
        "no authority that is trusted here signed its certificate; a private authority's, or the certificate itself, goes into ca_file".to_owned()
    } else if matches!(error, Error::InvalidMessage(_)) {
        "what answers on this port does not speak TLS".to_owned()
    } else {
        error.to_string()
    }
}

/// A connector, read off the asynchronous threads.
///
/// # Errors
/// As [`connector`].
pub(super) async fn load(ca_file: Option<PathBuf>) -> Result<TlsConnector, String> {
    let reading = tokio::task::spawn_blocking(move || connector(ca_file.as_deref()));
    reading.await.unwrap_or_else(|error| Err(error.to_string()))
}
