//! Links to files that lie on shared drives: attachments by other means, which a reader must not overlook.

use std::fmt;
use std::sync::LazyLock;

use regex::Regex;
use serde::Serialize;

/// Links of one text that are listed.
const MAX_LINKS: usize = 50;

/// A link to a shared drive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SharedLink {
    /// Whose drive it is on.
    pub service: &'static str,
    /// The link, freed of what a mail gateway put around it.
    pub url: String,
}

impl fmt::Display for SharedLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[On a shared drive, not carried: {} · {}]", self.service, self.url)
    }
}

/// The services, by the ends of their hosts.
const SERVICES: [(&str, &str); 15] = [
    ("1drv.ms", "OneDrive"),
    ("onedrive.live.com", "OneDrive"),
    ("-my.sharepoint.com", "OneDrive"),
    ("sharepoint.com", "SharePoint"),
    ("sharepoint.de", "SharePoint"),
    ("drive.google.com", "Google Drive"),
    ("docs.google.com", "Google Drive"),
    ("dropbox.com", "Dropbox"),
    ("db.tt", "Dropbox"),
    ("wetransfer.com", "WeTransfer"),
    ("we.tl", "WeTransfer"),
    ("app.box.com", "Box"),
    ("sharefile.com", "ShareFile"),
    ("icloud.com", "iCloud"),
    ("swisstransfer.com", "SwissTransfer"),
];
/// Pages of the services that are no files.
const NO_FILES: [&str; 4] = ["dropbox.com", "wetransfer.com", "icloud.com", "sharefile.com"];

#[expect(clippy::expect_used, reason = "the pattern is written here and a test reads it")]
static URL: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"(?i)\bhttps?://[^\s<>"'\]|]+"#).expect("the pattern is right"));

/// The links to shared drives in a text, each once, in order.
pub fn links(text: &str) -> Vec<SharedLink> {
    let mut links: Vec<SharedLink> = Vec::new();
    for found in URL.find_iter(text) {
        let url = unwrapped(found.as_str().trim_end_matches(['.', ',', ';', ':', '!', '?', ')']));
        let Some(service) = service(&url) else { continue };
        if links.len() < MAX_LINKS && links.iter().all(|link| link.url != url) {
            links.push(SharedLink { service, url });
        }
    }
    links
}

fn service(url: &str) -> Option<&'static str> {
    let rest = url.split_once("://")?.1;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.rsplit('@').next()?.split(':').next()?.to_ascii_lowercase();
    let is_of =
        |end: &str| host.strip_suffix(end).is_some_and(|before| before.is_empty() || before.ends_with('.') || end.starts_with('-'));
    let (end, service) = SERVICES.into_iter().find(|(end, _)| is_of(end))?;
    // The front page of a service is no file; of a drive's own host every page is one.
    let is_file = path.len() > 1 && (!NO_FILES.contains(&end) || path.contains('/') || host.starts_with("we."));
    is_file.then_some(service)
}

/// A link as it was before Outlook's gateway wrapped it (`….safelinks.protection.outlook.com/?url=…`).
fn unwrapped(url: &str) -> String {
    let is_wrapped = |url: &str| url.to_ascii_lowercase().contains(".safelinks.protection.outlook.com/");
    let inner = url.split_once("url=").filter(|_| is_wrapped(url)).and_then(|(_, tail)| tail.split('&').next());
    inner.and_then(percent_decoded).unwrap_or_else(|| url.to_owned())
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let digits = tail.first_chunk::<2>().and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).ok().filter(|url| !url.contains(|c: char| c.is_control() || c.is_whitespace()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_shared_drives_are_found_and_others_are_not() {
        for (text, service) in [
            ("see https://1drv.ms/w/s!Abc.", Some("OneDrive")),
            ("<https://acme-my.sharepoint.com/personal/ann/x.docx?d=1>", Some("OneDrive")),
            ("https://acme.sharepoint.com/:w:/s/team/Ex?e=1", Some("SharePoint")),
            ("(https://drive.google.com/file/d/1/view?usp=sharing)", Some("Google Drive")),
            ("https://docs.google.com/document/d/1/edit", Some("Google Drive")),
            ("https://www.dropbox.com/s/1/plan.pdf?dl=0", Some("Dropbox")),
            ("https://we.tl/t-abc", Some("WeTransfer")),
            ("https://www.dropbox.com/", None),
            ("https://wetransfer.com/about", None),
            ("https://evilsharepoint.com/x", None),
            ("https://sharepoint.com.evil.example/x", None),
            ("https://acme.example/drive.google.com/x", None),
        ] {
            assert_eq!(links(text).first().map(|link| link.service), service, "{text}");
        }
    }

    #[test]
    fn a_wrapped_link_is_shown_as_it_was() {
        let wrapped = "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Facme.sharepoint.com%2Fs%2Fx&data=1";
        let found = links(&format!("{wrapped} {wrapped}"));
        assert_eq!(found, [SharedLink { service: "SharePoint", url: "https://acme.sharepoint.com/s/x".into() }]);
    }
}
