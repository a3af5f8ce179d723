//! The text of a message: which parts are text, and how they make one whole.

use std::borrow::Cow;

use memchr::memmem;

use super::charset;
use super::flowed::{self, DelSp};
use super::notes::Notes;
use super::part::Part;
use crate::mail::Body;

/// One stretch of text, in the forms in which the mail gives it.
#[derive(Debug, Default)]
pub(super) struct Stretch {
    pub(super) plain: Option<String>,
    pub(super) html: Option<String>,
    /// The indexes of the parts that it is in, in one form or another.
    pub(super) parts: Vec<usize>,
}

/// The text of a message in stretches, in order.
pub(super) fn stretches(root: &Part<'_>, notes: &mut Notes) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    gather(root, Among::Mixed, &mut stretches, notes);
    stretches
}

/// The stretches as one body. Each form is whole or it is not given at all: a plain footer behind an HTML mail would
/// else be taken for the mail. HTML is whole where plain stretches are written into it.
pub(super) fn assemble(stretches: &[Stretch]) -> Body {
    let plain = stretches.iter().map(|stretch| stretch.plain.as_deref()).collect::<Option<Vec<_>>>();
    let has_html = stretches.iter().any(|stretch| stretch.html.is_some());
    let html = has_html.then(|| stretches.iter().map(as_html).collect::<Vec<_>>().join("\n"));
    Body { plain: plain.filter(|texts| !texts.is_empty()).map(|texts| joined(&texts)), html }
}

fn joined(texts: &[&str]) -> String {
    let mut out = String::with_capacity(texts.iter().map(|text| text.len() + 1).sum());
    for text in texts {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        out.push_str(text);
    }
    out
}

fn as_html(stretch: &Stretch) -> Cow<'_, str> {
    match (&stretch.html, &stretch.plain) {
        (Some(html), _) => Cow::Borrowed(html),
        (None, Some(plain)) => {
            let escaped = plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            Cow::Owned(format!("<div>{}</div>", escaped.replace('\n', "<br>\n")))
        }
        (None, None) => Cow::Borrowed(""),
    }
}

/// What a part stands among.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Among {
    /// Forms of one text.
    Alternatives,
    /// Parts that follow each other.
    Mixed,
}

/// Goes no deeper than the tree, whose depth is bounded.
fn gather(part: &Part<'_>, among: Among, stretches: &mut Vec<Stretch>, notes: &mut Notes) {
    if part.children.is_empty() {
        stretches.extend(leaf_text(part, among, stretches.is_empty(), notes));
    } else if part.media_type == "multipart/alternative" {
        let (mut forms, mut parts) = (Vec::new(), Vec::new());
        for child in &part.children {
            let mut form = Vec::new();
            gather(child, Among::Alternatives, &mut form, notes);
            forms.push(assemble(&form));
            parts.extend(form.into_iter().flat_map(|stretch| stretch.parts));
        }
        let plain = forms.iter_mut().find_map(|form| form.plain.take());
        // RFC 2046 5.1.4: the last form is the best one.
        let html = forms.iter_mut().rev().find_map(|form| form.html.take());
        if plain.is_some() || html.is_some() {
            stretches.push(Stretch { plain, html, parts });
        }
    } else {
        for child in &part.children {
            gather(child, Among::Mixed, stretches, notes);
        }
    }
}

/// The text of a leaf, where it is shown as text. A part with a file name is a file, unless it is the first text: some
/// mailers name that one too.
fn leaf_text(part: &Part<'_>, among: Among, is_first: bool, notes: &mut Notes) -> Option<Stretch> {
    let is_file = part.disposition.value == "attachment" || (part.file_name().is_some() && !is_first && among == Among::Mixed);
    if is_file || !matches!(part.main_type(), "text" | "multipart") {
        return None;
    }
    match part.media_type.as_str() {
        "text/html" => Some(Stretch { html: Some(decoded_text(part, notes)), plain: None, parts: vec![part.index] }),
        "text/plain" => Some(Stretch { plain: Some(plain_text(part, notes)), html: None, parts: vec![part.index] }),
        // Written out elsewhere.
        "text/calendar" => None,
        // Made for programs; what they say stands in another part, or nobody can read it.
        "text/vcard"
        | "text/x-vcard"
        | "text/directory"
        | "text/rtf"
        | "text/richtext"
        | "text/enriched"
        | "text/css"
        | "text/xml"
        | "text/rfc822-headers"
        | "text/x-amp-html"
        | "text/watch-html" => {
            if among == Among::Mixed {
                notes.add(format!("a part of type {} is not shown", part.media_type));
            }
            None
        }
        _ => Some(Stretch { plain: Some(plain_text(part, notes)), html: None, parts: vec![part.index] }),
    }
}

fn plain_text(part: &Part<'_>, notes: &mut Notes) -> String {
    let text = decoded_text(part, notes);
    let parameter = |name| part.content_type.parameter(name).unwrap_or_default().to_ascii_lowercase();
    if parameter("format") != "flowed" {
        return text;
    }
    flowed::unwrap(&text, if parameter("delsp") == "yes" { DelSp::Yes } else { DelSp::No })
}

/// The text of a part: decoded, line ends as `\n`, without NUL.
pub(super) fn decoded_text(part: &Part<'_>, notes: &mut Notes) -> String {
    let bytes = part.decoded_lines(notes);
    let declared = part.content_type.parameter("charset").map(str::to_owned);
    let label = declared.or_else(|| if part.media_type == "text/html" { meta_charset(&bytes) } else { None });
    with_line_feeds(charset::decode(&bytes, label.as_deref(), notes))
}

/// Every line end as one `\n`: also the CR CR LF that some gateways make of CRLF, and a CR alone.
fn with_line_feeds(text: String) -> String {
    if memchr::memchr2(b'\r', b'\0', text.as_bytes()).is_none() {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\r', '\n']);
        match memchr::memchr2(b'\r', b'\0', content.as_bytes()) {
            Some(_) => out.extend(content.chars().filter(|c| *c != '\0').map(|c| if c == '\r' { '\n' } else { c })),
            None => out.push_str(content),
        }
        // What was trimmed holds a line feed, or CRs alone at the very end.
        let ends = if line.ends_with('\n') { 1 } else { line.len() - content.len() };
        out.extend(std::iter::repeat_n('\n', ends));
    }
    out
}

/// The charset that HTML gives of itself, looked for where the web does: in the first 1,024 bytes.
fn meta_charset(html: &[u8]) -> Option<String> {
    let head = html.get(..1024).unwrap_or(html).to_ascii_lowercase();
    let found = memmem::find(&head, b"charset=")?;
    let tail = head.get(found + b"charset=".len()..)?;
    let label = tail.iter().skip_while(|byte| matches!(byte, b'"' | b'\'' | b' '));
    let label: Vec<u8> = label.take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')).copied().collect();
    String::from_utf8(label).ok().filter(|label| !label.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(mail: &str) -> (Option<String>, Option<String>) {
        let mut notes = Notes::default();
        let root = Part::read(mail.as_bytes(), &mut notes);
        let body = assemble(&stretches(&root, &mut notes));
        (body.plain, body.html)
    }

    fn multipart(subtype: &str, parts: &[&str]) -> String {
        let parts: String = parts.iter().map(|part| format!("--{subtype}\n{part}\n")).collect();
        format!("Content-Type: multipart/{subtype}; boundary={subtype}\n\n{parts}--{subtype}--\n")
    }

    const PLAIN: &str = "Content-Type: text/plain\n\nplain";
    const HTML: &str = "Content-Type: text/html\n\n<p>html</p>";

    #[test]
    fn alternatives_are_two_forms_of_one_text() {
        assert_eq!(body(&multipart("alternative", &[PLAIN, HTML])), (Some("plain".into()), Some("<p>html</p>".into())));
    }

    #[test]
    fn parts_that_follow_each_other_are_joined_in_order() {
        assert_eq!(body(&multipart("mixed", &[PLAIN, "\nmore"])), (Some("plain\nmore".into()), None));
    }

    #[test]
    fn a_plain_footer_does_not_hide_the_html_before_it() {
        let (plain, html) = body(&multipart("mixed", &[HTML, "\na < b"]));
        assert_eq!((plain, html), (None, Some("<p>html</p>\n<div>a &lt; b</div>".into())));
    }

    #[test]
    fn a_named_text_is_a_file_unless_it_is_the_first() {
        let named = "Content-Type: text/plain; name=a.txt\n\nfile";
        assert_eq!(body(&multipart("mixed", &[PLAIN, named])).0, Some("plain".into()));
        assert_eq!(body(&multipart("mixed", &[named, "\nmore"])).0, Some("file\nmore".into()));
    }

    #[test]
    fn every_line_end_is_one_line_feed() {
        assert_eq!(with_line_feeds("a\r\nb\r\r\nc\r\rd\n\r\n\0e\r".into()), "a\nb\nc\n\nd\n\ne\n");
    }

    #[test]
    fn html_without_a_label_says_its_charset_itself() {
        let mut notes = Notes::default();
        let mail = b"Content-Type: text/html\n\n<meta charset=\"windows-1251\">\xef\xf0";
        let root = Part::read(mail, &mut notes);
        assert_eq!(assemble(&stretches(&root, &mut notes)).html.as_deref(), Some("<meta charset=\"windows-1251\">пр"));
    }
}
