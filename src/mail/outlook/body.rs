//! The text of an item: plain, HTML, or RTF that holds one of them.

use super::property::{Properties, Value, id};
use super::rtf::compressed::{self, Fault};
use super::rtf::{self, Held};
use super::{codepage, headers};

/// The forms of the text of an item.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Texts {
    pub(super) plain: Option<String>,
    pub(super) html: Option<Html>,
    /// What could not be read, as a sentence.
    pub(super) note: Option<String>,
}

/// HTML in its own charset.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Html {
    pub(super) bytes: Vec<u8>,
    /// Its charset; `None` where the HTML itself may say.
    pub(super) charset: Option<String>,
}

impl Html {
    fn of_text(text: &str) -> Self {
        Self { bytes: text.as_bytes().to_vec(), charset: Some("utf-8".into()) }
    }
}

/// The text of an item in the forms that it has.
pub(super) fn texts(properties: &Properties) -> Texts {
    let mut texts = Texts { plain: properties.text(id::BODY), html: html(properties), note: None };
    if texts.html.is_none() {
        match unpacked_rtf(properties).transpose() {
            Ok(Some(rtf)) => match rtf::read(&rtf) {
                Held::Html(html) => texts.html = Some(Html::of_text(&html)),
                Held::Text(text) => texts.plain = texts.plain.or(Some(text).filter(|text| !text.trim().is_empty())),
            },
            Ok(None) => {}
            Err(Fault::NoRtf) => texts.note = Some("the RTF of an Outlook message cannot be read".into()),
            Err(Fault::Checksum) => texts.note = Some("the RTF of an Outlook message is damaged: its checksum is wrong".into()),
        }
    }
    as_it_travelled(&mut texts, properties);
    texts
}

/// The RTF of an item, unpacked.
pub(super) fn unpacked_rtf(properties: &Properties) -> Option<Result<Vec<u8>, Fault>> {
    properties.bytes(id::RTF_COMPRESSED).filter(|packed| !packed.is_empty()).map(compressed::unpack)
}

fn html(properties: &Properties) -> Option<Html> {
    match properties.get(id::HTML)? {
        Value::Text(text) => Some(Html::of_text(text)),
        Value::Bytes(bytes) | Value::Narrow(bytes) if !bytes.trim_ascii().is_empty() => {
            let page = properties.number(id::INTERNET_CODEPAGE).and_then(|page| u16::try_from(page).ok()).filter(|page| *page != 0);
            Some(Html { bytes: bytes.clone(), charset: page.map(codepage::label) })
        }
        Value::Bytes(_) | Value::Narrow(_) | Value::Number(_) | Value::Time(_) => None,
    }
}

/// Leaves out the form that Outlook made up: a message that travelled in one form has that one.
fn as_it_travelled(texts: &mut Texts, properties: &Properties) {
    let Some(content_type) = headers::travelled(properties, "content-type") else { return };
    let content_type = content_type.trim_start().to_ascii_lowercase();
    if content_type.starts_with("text/plain") && texts.plain.is_some() {
        texts.html = None;
    } else if content_type.starts_with("text/html") && texts.html.is_some() {
        texts.plain = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: Vec<(u16, Value)>) -> Properties {
        let mut properties = Properties::default();
        values.into_iter().for_each(|(id, value)| properties.add(id, value));
        properties
    }

    #[test]
    fn html_keeps_its_bytes_and_its_charset() {
        let html = Value::Bytes(b"<p>\xe4".to_vec());
        let texts = texts(&of(vec![(id::HTML, html), (id::INTERNET_CODEPAGE, Value::Number(28591))]));
        assert_eq!(texts.html, Some(Html { bytes: b"<p>\xe4".to_vec(), charset: Some("iso-8859-1".into()) }));
    }

    #[test]
    fn rtf_is_used_where_there_is_no_html() {
        let rtf = b"\x16\x00\x00\x00\x0a\x00\x00\x00MELA\0\0\0\0{\\rtf1 hi}";
        let read = texts(&of(vec![(id::RTF_COMPRESSED, Value::Bytes(rtf.to_vec()))]));
        assert_eq!(read.plain.as_deref(), Some("hi"));
        let read = texts(&of(vec![(id::RTF_COMPRESSED, Value::Bytes(b"no rtf, but long enough for it".to_vec()))]));
        assert_eq!((read.plain, read.note.is_some()), (None, true));
    }

    #[test]
    fn the_form_that_outlook_made_up_is_left_out() {
        let with = |content_type: &str| {
            let headers = format!("From: a@b.example\r\nContent-Type: {content_type}\r\n");
            let text = |text: &str| Value::Text(text.to_owned());
            texts(&of(vec![(id::TRANSPORT_MESSAGE_HEADERS, text(&headers)), (id::BODY, text("a")), (id::HTML, text("<p>a"))]))
        };
        assert_eq!(with("text/plain").html, None);
        assert_eq!(with("text/html; charset=utf-8").plain, None);
        let both = with("multipart/alternative; boundary=x");
        assert!(both.plain.is_some() && both.html.is_some());
    }
}
