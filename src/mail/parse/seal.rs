//! What is signed or encrypted, said as what it is. Nothing is opened, and no signature is checked.

use super::body::Stretch;
use super::notes::Notes;
use super::part::Part;

/// Notes each seal of a message (RFC 8551, RFC 1847, RFC 3156, RFC 9580 7).
pub(super) fn note(root: &Part<'_>, stretches: &[Stretch], notes: &mut Notes) {
    if root.media_type == "multipart/signed" {
        let protocol = root.content_type.parameter("protocol").unwrap_or_default().to_ascii_lowercase();
        match protocol.contains("pgp") {
            true => notes.add("signed with PGP: the signature was not checked"),
            false => notes.add("signed with S/MIME: the signature was not checked"),
        }
    }
    for leaf in root.leaves() {
        match leaf.media_type.as_str() {
            "application/pkcs7-mime" | "application/x-pkcs7-mime" => notes.add(smime(leaf)),
            "application/pgp-encrypted" => notes.add("encrypted with PGP: what it says cannot be read here"),
            _ => {}
        }
    }
    let plain = stretches.iter().filter_map(|stretch| stretch.plain.as_deref());
    for line in plain.flat_map(str::lines).map(str::trim_end) {
        match line {
            "-----BEGIN PGP MESSAGE-----" => notes.add("encrypted with PGP within the text: what it says cannot be read here"),
            "-----BEGIN PGP SIGNED MESSAGE-----" => notes.add("signed with PGP within the text: the signature was not checked"),
            _ => {}
        }
    }
}

fn smime(leaf: &Part<'_>) -> &'static str {
    let kind = leaf.content_type.parameter("smime-type").unwrap_or_default().to_ascii_lowercase();
    match kind.as_str() {
        "signed-data" => "signed with S/MIME in the form that wraps the text: what it says cannot be read here",
        "certs-only" => "certificates of S/MIME are attached",
        "compressed-data" => "compressed with S/MIME: what it says cannot be read here",
        _ => "encrypted with S/MIME: what it says cannot be read here",
    }
}

#[cfg(test)]
mod tests {
    use crate::mail::parse;

    #[test]
    fn each_seal_is_called_by_its_name() {
        for (mail, words) in [
            ("Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nx", "encrypted with S/MIME"),
            (
                "Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\n\nx",
                "in the form that wraps the text",
            ),
            (
                "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=b\n\n--b\n\nx\n--b--",
                "signed with S/MIME:",
            ),
            (
                "Content-Type: multipart/signed; protocol=\"application/pgp-signature\"; boundary=b\n\n--b\n\nx\n--b--",
                "signed with PGP:",
            ),
            (
                "Content-Type: multipart/encrypted; boundary=b\n\n--b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n--b--",
                "encrypted with PGP:",
            ),
            (
                "Subject: x\n\nHello\n-----BEGIN PGP MESSAGE-----\n\nx\n-----END PGP MESSAGE-----\n",
                "encrypted with PGP within the text",
            ),
            ("Subject: x\n\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nx\n", "signed with PGP within the text"),
        ] {
            let notes = parse(mail.as_bytes()).notes;
            assert!(notes.iter().any(|note| note.contains(words)), "{mail}: {notes:?}");
        }
        assert!(parse(b"Subject: x\n\n> -----BEGIN PGP MESSAGE-----\n").notes.is_empty());
    }
}
