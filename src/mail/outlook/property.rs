//! Properties of MAPI objects (\[MS-OXCDATA\] 2.11, \[MS-OXPROPS\]).

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, Utc};

use super::codepage;

/// PtypObject.
pub const OBJECT: u16 = 0x000D;
/// PtypString8: text in the code page of the message.
pub const NARROW_TEXT: u16 = 0x001E;
/// PtypString: UTF-16, little endian.
pub const WIDE_TEXT: u16 = 0x001F;
/// PtypTime.
pub const TIME: u16 = 0x0040;
/// PtypBinary.
pub const BINARY: u16 = 0x0102;

/// The properties that make a mail, by their ids.
#[expect(missing_docs, reason = "each is named as in [MS-OXPROPS], without its prefix PidTag")]
pub mod id {
    pub const MESSAGE_CLASS: u16 = 0x001A;
    pub const SUBJECT: u16 = 0x0037;
    pub const CLIENT_SUBMIT_TIME: u16 = 0x0039;
    pub const SENT_REPRESENTING_NAME: u16 = 0x0042;
    pub const SENT_REPRESENTING_ADDRESS: u16 = 0x0065;
    pub const CONVERSATION_TOPIC: u16 = 0x0070;
    pub const CONVERSATION_INDEX: u16 = 0x0071;
    pub const TRANSPORT_MESSAGE_HEADERS: u16 = 0x007D;
    pub const RECIPIENT_TYPE: u16 = 0x0C15;
    pub const SENDER_NAME: u16 = 0x0C1A;
    pub const SENDER_ADDRESS: u16 = 0x0C1F;
    pub const DISPLAY_BCC: u16 = 0x0E02;
    pub const DISPLAY_CC: u16 = 0x0E03;
    pub const DISPLAY_TO: u16 = 0x0E04;
    pub const MESSAGE_DELIVERY_TIME: u16 = 0x0E06;
    pub const BODY: u16 = 0x1000;
    pub const RTF_COMPRESSED: u16 = 0x1009;
    pub const HTML: u16 = 0x1013;
    pub const INTERNET_MESSAGE_ID: u16 = 0x1035;
    pub const INTERNET_REFERENCES: u16 = 0x1039;
    pub const IN_REPLY_TO_ID: u16 = 0x1042;
    pub const DISPLAY_NAME: u16 = 0x3001;
    pub const EMAIL_ADDRESS: u16 = 0x3003;
    pub const ATTACH_DATA: u16 = 0x3701;
    pub const ATTACH_FILENAME: u16 = 0x3704;
    pub const ATTACH_METHOD: u16 = 0x3705;
    pub const ATTACH_LONG_FILENAME: u16 = 0x3707;
    pub const ATTACH_LONG_PATHNAME: u16 = 0x370D;
    pub const ATTACH_MIME_TAG: u16 = 0x370E;
    pub const ATTACH_CONTENT_ID: u16 = 0x3712;
    pub const ATTACH_FLAGS: u16 = 0x3714;
    pub const SMTP_ADDRESS: u16 = 0x39FE;
    pub const INTERNET_CODEPAGE: u16 = 0x3FDE;
    pub const MESSAGE_CODEPAGE: u16 = 0x3FFD;
    pub const SENDER_SMTP_ADDRESS: u16 = 0x5D01;
    pub const SENT_REPRESENTING_SMTP_ADDRESS: u16 = 0x5D02;
    pub const RECIPIENT_DISPLAY_NAME: u16 = 0x5FF6;
    pub const ATTACHMENT_HIDDEN: u16 = 0x7FFE;
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number, or whether something is so (1, 0).
    Number(i64),
    /// A moment: 100 nanoseconds since 1601 (FILETIME).
    Time(i64),
    /// Text.
    Text(String),
    /// Text in the code page of the message.
    Narrow(Vec<u8>),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Value {
    /// The value of a type of variable size; `None` where the type is not one that a mail is made of.
    pub fn of_bytes(kind: u16, bytes: &[u8]) -> Option<Self> {
        match kind {
            NARROW_TEXT => Some(Self::Narrow(bytes.split(|byte| *byte == 0).next().unwrap_or_default().to_vec())),
            WIDE_TEXT => Some(Self::Text(wide(bytes))),
            OBJECT | BINARY => Some(Self::Bytes(bytes.to_vec())),
            _ => None,
        }
    }

    /// The value of a type of fixed size, which stands in the low bytes of `word`.
    pub fn of_word(kind: u16, word: u64) -> Option<Self> {
        let [b0, b1, b2, b3, ..] = word.to_le_bytes();
        match kind {
            0x0002 => Some(Self::Number(i16::from_le_bytes([b0, b1]).into())),
            0x0003 | 0x000A => Some(Self::Number(i32::from_le_bytes([b0, b1, b2, b3]).into())),
            0x000B => Some(Self::Number((b0 != 0).into())),
            0x0014 => Some(Self::Number(i64::from_le_bytes(word.to_le_bytes()))),
            TIME => Some(Self::Time(i64::from_le_bytes(word.to_le_bytes()))),
            _ => None,
        }
    }
}

/// UTF-16 up to the first NUL.
fn wide(bytes: &[u8]) -> String {
    let units = bytes.as_chunks().0.iter().map(|pair| u16::from_le_bytes(*pair)).take_while(|unit| *unit != 0);
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// The properties of one object, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    values: BTreeMap<u16, Value>,
    code_page: Option<u16>,
}

impl Properties {
    /// Adds a value; of two with one id the first counts.
    pub fn add(&mut self, id: u16, value: Value) {
        self.values.entry(id).or_insert(value);
    }

    /// Says in what code page its narrow text is, where its own properties do not.
    pub fn assume_code_page(&mut self, code_page: Option<u16>) {
        self.code_page = self.code_page.or(code_page);
    }

    /// The code page of its narrow text; \[MS-OXCMSG\] 2.2.1.4, and the one that was assumed.
    pub fn code_page(&self) -> Option<u16> {
        let own = [id::MESSAGE_CODEPAGE, id::INTERNET_CODEPAGE].into_iter().find_map(|id| self.number(id));
        // UTF-16 is no code page of narrow text, whatever the property says.
        own.and_then(|page| u16::try_from(page).ok()).filter(|page| !matches!(page, 0 | 1200 | 1201)).or(self.code_page)
    }

    /// The value of a property.
    pub fn get(&self, id: u16) -> Option<&Value> {
        self.values.get(&id)
    }

    /// Takes the bytes of a property out, so that a large one is in memory once.
    pub fn take_bytes(&mut self, id: u16) -> Option<Vec<u8>> {
        match self.values.remove(&id)? {
            Value::Bytes(bytes) | Value::Narrow(bytes) => Some(bytes),
            Value::Text(text) => Some(text.into_bytes()),
            Value::Number(_) | Value::Time(_) => None,
        }
    }

    /// Text without NUL, unless it is empty.
    pub fn text(&self, id: u16) -> Option<String> {
        let text = match self.get(id)? {
            Value::Text(text) => text.replace('\0', ""),
            Value::Narrow(bytes) => codepage::decode(bytes, self.code_page()),
            Value::Number(_) | Value::Time(_) | Value::Bytes(_) => return None,
        };
        Some(text).filter(|text| !text.is_empty())
    }

    /// Bytes; text that was kept in the place of bytes is as it was written.
    pub fn bytes(&self, id: u16) -> Option<&[u8]> {
        match self.get(id)? {
            Value::Bytes(bytes) | Value::Narrow(bytes) => Some(bytes),
            Value::Text(text) => Some(text.as_bytes()),
            Value::Number(_) | Value::Time(_) => None,
        }
    }

    /// A number.
    pub fn number(&self, id: u16) -> Option<i64> {
        match self.get(id)? {
            Value::Number(number) => Some(*number),
            Value::Time(_) | Value::Text(_) | Value::Narrow(_) | Value::Bytes(_) => None,
        }
    }

    /// A moment; `None` where none was given, and for the year 4501 or later, by which Outlook says the same.
    pub fn time(&self, id: u16) -> Option<DateTime<Utc>> {
        /// From 1601 to 1970.
        const SECONDS_TO_1970: i64 = 11_644_473_600;
        match self.get(id)? {
            Value::Time(ticks) if *ticks > 0 => {
                DateTime::from_timestamp(ticks / 10_000_000 - SECONDS_TO_1970, 0).filter(|time| time.year() <= 4500)
            }
            Value::Time(_) | Value::Number(_) | Value::Text(_) | Value::Narrow(_) | Value::Bytes(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_by_their_type() {
        assert_eq!(Value::of_word(0x0003, 0xFFFF_FFFF), Some(Value::Number(-1)));
        assert_eq!(Value::of_word(0x000B, 1), Some(Value::Number(1)));
        assert_eq!(Value::of_bytes(WIDE_TEXT, b"\xe4\x00x\x00\x00\x00y\x00"), Some(Value::Text("äx".into())));
        assert_eq!(Value::of_bytes(NARROW_TEXT, b"a\0b"), Some(Value::Narrow(b"a".to_vec())));
        assert_eq!(Value::of_bytes(0x0048, b"a guid"), None);
    }

    #[test]
    fn narrow_text_is_in_the_code_page_of_the_message() {
        let mut properties = Properties::default();
        properties.add(id::SUBJECT, Value::Narrow(b"\xef\xf0".to_vec()));
        assert_eq!(properties.text(id::SUBJECT).as_deref(), Some("ïð"));
        properties.assume_code_page(Some(1251));
        assert_eq!(properties.text(id::SUBJECT).as_deref(), Some("пр"));
    }

    #[test]
    fn moments_are_counted_from_1601() {
        let mut properties = Properties::default();
        properties.add(id::CLIENT_SUBMIT_TIME, Value::Time(130_000_000_000_000_000));
        assert_eq!(properties.time(id::CLIENT_SUBMIT_TIME).unwrap().to_rfc3339(), "2012-12-14T23:06:40+00:00");
        properties.add(id::MESSAGE_DELIVERY_TIME, Value::Time(i64::MAX));
        assert_eq!(properties.time(id::MESSAGE_DELIVERY_TIME), None);
    }
}
