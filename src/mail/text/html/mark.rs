//! The containers that mail programs leave in their HTML: quoted history, the line above it, signatures, forwarded mail.

use std::sync::LazyLock;

use regex::Regex;

use super::tags::Tag;
use crate::mail::text::line::Region;
use crate::mail::text::pattern::compile;

/// Containers by class, id, name or data-marker; webmail programs put `x_` before the classes of mail that they quote.
const CONTAINERS: &[(&str, Region)] = &[
    // Gmail; Apple Mail and iOS; Thunderbird; Roundcube
    ("gmail_attr", Region::Attribution),
    ("moz-cite-prefix", Region::Attribution),
    ("reply-intro", Region::Attribution),
    ("moz-email-headers-table", Region::Forward),
    ("moz-forward-container", Region::Forward),
    // Yahoo; Zimbra; Spark; Proton; Outlook for Mac; Newton; the new Outlook; AOL; GMX and web.de
    ("yahoo_quoted", Region::Quote),
    ("__quoted_text__", Region::Quote),
    ("messagereplysection", Region::Quote),
    ("protonmail_quote", Region::Quote),
    ("tutanota_quote", Region::Quote),
    ("olk_src_body_section", Region::Quote),
    ("cm_quote", Region::Quote),
    ("front-blockquote", Region::Quote),
    ("mail-editor-reference-message-container", Region::Quote),
    ("aolreplacedquote", Region::Quote),
    ("quotedreply", Region::Quote),
    ("ydpyahoo_quoted", Region::Quote),
    // Outlook on the web and the desktop, Hotmail
    ("divrplyfwdmsg", Region::Headers),
    ("stopspelling", Region::Headers),
    ("outlookmessageheader", Region::Headers),
    // Signatures
    ("gmail_signature", Region::Signature),
    ("gmail_signature_prefix", Region::Signature),
    ("moz-signature", Region::Signature),
    ("moz-txt-sig", Region::Signature),
    ("signature", Region::Signature),
    ("applemailsignature", Region::Signature),
    ("ms-outlook-mobile-signature", Region::Signature),
    ("ms-outlook-ios-signature", Region::Signature),
    ("ms-outlook-android-signature", Region::Signature),
    ("outlookmobile-signature", Region::Signature),
    ("protonmail_signature_block", Region::Signature),
    ("yahoo-signature", Region::Signature),
    ("yahoo_signature", Region::Signature),
    ("ymail_android_signature", Region::Signature),
    ("yahoomailappsignature", Region::Signature),
    ("messagesignaturesection", Region::Signature),
    ("__sig_pre__", Region::Signature),
    ("__sig_post__", Region::Signature),
    ("_rc_sig", Region::Signature),
    ("tutanota_signature", Region::Signature),
    ("cm_signature", Region::Signature),
    ("front-signature", Region::Signature),
    ("zm-_id_-sgn", Region::Signature),
    ("composer_signature", Region::Signature),
    ("sh-signature", Region::Signature),
    ("email-signature", Region::Signature),
    ("mail-signature", Region::Signature),
];

/// Classes of a blockquote that a program made, not the author.
const QUOTES: &[&str] = &[
    "gmail_quote",
    "protonmail_quote",
    "tutanota_quote",
    "yahoo_quoted",
    "iosymail",
    "front-blockquote",
    "cite",
    "mori",
    "reply",
    "quote",
    "spark_quote",
    "gmane",
    "replbq",
    "cm_quote",
    "zmail_extra_hr",
];

/// Outlook draws a line above the headers of the history.
static HEADER_LINE: LazyLock<Regex> = LazyLock::new(|| {
    compile(r"(?i)border:\s*none;\s*border-top:\s*solid\s+(?:#[0-9a-f]{3,6}|windowtext|blue|#?\w+)\s+1\.0pt;\s*padding:\s*3\.0pt\s")
});

/// What the tag says about its content.
pub(super) fn region(tag: &Tag<'_>) -> Option<Region> {
    if tag.name == "blockquote" {
        return (!is_program_quote(tag)).then_some(Region::Indent);
    }
    let named = ["class", "id", "name", "data-marker"].into_iter().filter_map(|key| tag.attribute(key));
    let found = named.flat_map(str::split_ascii_whitespace).find_map(container);
    found.or_else(|| tag.attribute("style").is_some_and(|style| HEADER_LINE.is_match(style)).then_some(Region::Headers))
}

fn container(name: &str) -> Option<Region> {
    let name = name.to_lowercase();
    let bare = name.trim_start_matches("x_");
    // Yahoo puts a prefix of its own before its classes: `ydp1a2b3c4dyahoo-style-wrap signature`.
    CONTAINERS
        .iter()
        .find(|(known, _)| bare == *known || (known.starts_with("yahoo") && bare.starts_with("ydp") && bare.ends_with(known)))
        .map(|&(_, region)| region)
}

fn is_program_quote(tag: &Tag<'_>) -> bool {
    let class = tag.attribute("class").unwrap_or_default().to_lowercase();
    let known = class.split_ascii_whitespace().any(|name| QUOTES.contains(&name.trim_start_matches("x_")));
    let style = tag.attribute("style").unwrap_or_default().to_lowercase();
    let bar = style.contains("border-left") && !style.contains("border-left:none") && !style.contains("border-left: none");
    known || bar || tag.attribute("type").is_some_and(|kind| kind.eq_ignore_ascii_case("cite")) || tag.attribute("cite").is_some()
}
