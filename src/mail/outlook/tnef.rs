//! `winmail.dat`: the transport neutral encapsulation of a message (\[MS-OXTNEF\]).
//!
//! A stream of attributes, each with its length and checksum. Read whole or not at all: where a length or a checksum is
//! wrong nobody can say what is missing, and the container is better carried as the file that it is.

use super::property::{BINARY, NARROW_TEXT, OBJECT, Properties, TIME, Value, WIDE_TEXT, id};
use super::{Attached, Content, Item, MAX_ATTACHMENTS, MAX_DEPTH, MAX_RECIPIENTS};

const SIGNATURE: [u8; 4] = 0x223E_9F78_u32.to_le_bytes();
/// Levels of attributes: of the message, of an attachment.
const OF_MESSAGE: u8 = 1;
const OF_ATTACHMENT: u8 = 2;
/// Ids of attributes, the type in the high half (\[MS-OXTNEF\] 2.1.3).
const OEM_CODEPAGE: u32 = 0x0006_9007;
const SUBJECT: u32 = 0x0001_8004;
const BODY: u32 = 0x0002_800C;
const MESSAGE_PROPERTIES: u32 = 0x0006_9003;
const RECIPIENTS: u32 = 0x0006_9004;
const ATTACHMENT_BEGINS: u32 = 0x0006_9002;
const ATTACHMENT_DATA: u32 = 0x0006_800F;
const ATTACHMENT_TITLE: u32 = 0x0001_8010;
const ATTACHMENT_PROPERTIES: u32 = 0x0006_9005;
/// The interface of an object that is a message; what it holds is TNEF again (\[MS-OXTNEF\] 2.1.3.4.2).
const MESSAGE_INTERFACE: [u8; 16] = [7, 3, 2, 0, 0, 0, 0, 0, 0xC0, 0, 0, 0, 0, 0, 0, 0x46];

/// Why a container stays closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::mail) enum Fault {
    /// It is no TNEF.
    #[error("it does not begin as one")]
    Foreign,
    /// It ends within an attribute.
    #[error("it ends early, or a length in it is wrong")]
    Length,
    /// The checksum of an attribute is wrong.
    #[error("a checksum in it is wrong")]
    Checksum,
    /// It holds more than is read.
    #[error("it holds more than the bound")]
    TooMuch,
}

/// Whether bytes begin as TNEF does.
pub(in crate::mail) fn begins(bytes: &[u8]) -> bool {
    bytes.starts_with(&SIGNATURE)
}

/// Reads a container.
pub(in crate::mail) fn read(bytes: &[u8]) -> Result<Item, Fault> {
    read_at(bytes, 0)
}

fn read_at(bytes: &[u8], depth: usize) -> Result<Item, Fault> {
    let mut input = Input(bytes);
    if input.array()? != SIGNATURE {
        return Err(Fault::Foreign);
    }
    input.array::<2>()?;
    let mut reader = Reader { depth, item: Item::default(), open: None, code_page: None };
    while let Some((&level, rest)) = input.0.split_first() {
        // Some gateways leave bytes behind the end.
        if !matches!(level, OF_MESSAGE | OF_ATTACHMENT) {
            break;
        }
        input = Input(rest);
        let attribute = input.word()?;
        let length = input.length()?;
        let data = input.take(length)?;
        let sum = data.iter().fold(0_u16, |sum, byte| sum.wrapping_add((*byte).into()));
        if u16::from_le_bytes(input.array()?) != sum {
            return Err(Fault::Checksum);
        }
        if level == OF_MESSAGE { reader.message(attribute, data)? } else { reader.attachment(attribute, data)? }
    }
    reader.finish()
}

/// An attachment that is being read.
#[derive(Default)]
struct Open {
    properties: Properties,
    /// What the attribute of TNEF itself holds.
    data: Option<Vec<u8>>,
    /// What the property holds: an object comes before it.
    object: Option<Content>,
}

struct Reader {
    depth: usize,
    item: Item,
    open: Option<Open>,
    code_page: Option<u16>,
}

impl Reader {
    fn message(&mut self, attribute: u32, data: &[u8]) -> Result<(), Fault> {
        match attribute {
            OEM_CODEPAGE => {
                self.code_page = data.first_chunk().map(|page| u16::from_le_bytes(*page)).filter(|page| *page != 0);
            }
            SUBJECT | BODY => {
                let id = if attribute == SUBJECT { id::SUBJECT } else { id::BODY };
                self.item.properties.assume_code_page(self.code_page);
                self.item.properties.add(id, Value::Narrow(until_nul(data).to_vec()));
            }
            MESSAGE_PROPERTIES => {
                let mut input = Input(data);
                // What the old attributes say is a copy in fewer letters.
                let old = std::mem::take(&mut self.item.properties);
                self.item.properties = self.properties(&mut input)?.0;
                [id::SUBJECT, id::BODY].into_iter().for_each(|id| {
                    old.get(id).into_iter().for_each(|value| self.item.properties.add(id, value.clone()));
                });
            }
            RECIPIENTS => {
                let mut input = Input(data);
                for row in 0..input.word()? {
                    let recipient = self.properties(&mut input)?.0;
                    if row as usize >= MAX_RECIPIENTS {
                        return Err(Fault::TooMuch);
                    }
                    self.item.recipients.push(recipient);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn attachment(&mut self, attribute: u32, data: &[u8]) -> Result<(), Fault> {
        if attribute == ATTACHMENT_BEGINS {
            self.close()?;
            self.open = Some(Open::default());
        }
        match attribute {
            ATTACHMENT_DATA => self.open.get_or_insert_default().data = Some(data.to_vec()),
            ATTACHMENT_TITLE => {
                let open = self.open.get_or_insert_default();
                open.properties.assume_code_page(self.code_page);
                open.properties.add(id::ATTACH_FILENAME, Value::Narrow(until_nul(data).to_vec()));
            }
            ATTACHMENT_PROPERTIES => {
                let (mut properties, object) = self.properties(&mut Input(data))?;
                let open = self.open.get_or_insert_default();
                if let Some(value) = open.properties.get(id::ATTACH_FILENAME) {
                    properties.add(id::ATTACH_FILENAME, value.clone());
                }
                open.properties = properties;
                open.object = object;
            }
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), Fault> {
        let Some(open) = self.open.take() else { return Ok(()) };
        if self.item.attachments.len() >= MAX_ATTACHMENTS {
            return Err(Fault::TooMuch);
        }
        let content = open.object.or(open.data.map(Content::File)).unwrap_or(Content::Nothing);
        self.item.attachments.push(Attached { properties: open.properties, content });
        Ok(())
    }

    fn finish(mut self) -> Result<Item, Fault> {
        self.close()?;
        Ok(self.item)
    }

    /// Properties as they stand in an attribute (\[MS-OXTNEF\] 2.1.3.4), and the content of an attachment among them.
    fn properties(&self, input: &mut Input<'_>) -> Result<(Properties, Option<Content>), Fault> {
        let mut properties = Properties::default();
        properties.assume_code_page(self.code_page);
        let mut content = None;
        for _ in 0..input.word()? {
            let kind = u16::from_le_bytes(input.array()?);
            let property = u16::from_le_bytes(input.array()?);
            if property >= 0x8000 {
                input.name()?;
            }
            let value = input.value(kind)?;
            match (property, value) {
                (id::ATTACH_DATA, Some(Value::Bytes(bytes))) => content = Some(self.content(kind, &bytes)?),
                (_, Some(value)) if property < 0x8000 => properties.add(property, value),
                _ => {}
            }
        }
        Ok((properties, content))
    }

    /// An object begins with the id of its interface.
    fn content(&self, kind: u16, bytes: &[u8]) -> Result<Content, Fault> {
        match bytes.split_first_chunk::<16>() {
            Some((&MESSAGE_INTERFACE, tnef)) if kind == OBJECT => match self.depth + 1 < MAX_DEPTH {
                true => Ok(Content::Message(Box::new(read_at(tnef, self.depth + 1)?))),
                false => Err(Fault::TooMuch),
            },
            Some((_, object)) if kind == OBJECT => Ok(Content::File(object.to_vec())),
            _ => Ok(Content::File(bytes.to_vec())),
        }
    }
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Bytes that are still to be read.
struct Input<'x>(&'x [u8]);

impl<'x> Input<'x> {
    fn take(&mut self, length: usize) -> Result<&'x [u8], Fault> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Fault::Length)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        self.take(N)?.try_into().map_err(|_| Fault::Length)
    }

    fn word(&mut self) -> Result<u32, Fault> {
        self.array().map(u32::from_le_bytes)
    }

    fn length(&mut self) -> Result<usize, Fault> {
        usize::try_from(self.word()?).map_err(|_| Fault::Length)
    }

    /// Bytes with their length before them, filled up to a multiple of four; the last ones may lack the filling.
    fn padded(&mut self) -> Result<&'x [u8], Fault> {
        let length = self.length()?;
        let bytes = self.take(length)?;
        let padding = length.wrapping_neg() % 4;
        self.take(padding.min(self.0.len()))?;
        Ok(bytes)
    }

    /// The name of a property that has no fixed id: its set, then a number or text.
    fn name(&mut self) -> Result<(), Fault> {
        self.take(16)?;
        match self.word()? {
            0 => self.word().map(|_| ()),
            _ => self.padded().map(|_| ()),
        }
    }

    /// A value; of several the first. `None` where the type is not one that a mail is made of.
    fn value(&mut self, kind: u16) -> Result<Option<Value>, Fault> {
        const SEVERAL: u16 = 0x1000;
        let single = kind & !SEVERAL;
        let is_variable = matches!(single, NARROW_TEXT | WIDE_TEXT | OBJECT | BINARY);
        let count = if is_variable || kind & SEVERAL != 0 { self.word()? } else { 1 };
        let mut first = None;
        for _ in 0..count {
            let value = match single {
                _ if is_variable => Value::of_bytes(single, self.padded()?),
                0x0048 => self.take(16).map(|_| None)?,
                0x0005..=0x0007 | 0x0014 | TIME => Value::of_word(single, u64::from_le_bytes(self.array()?)),
                0x0001..=0x0004 | 0x000A | 0x000B => Value::of_word(single, self.word()?.into()),
                _ => return Err(Fault::Length),
            };
            first = first.or(value);
        }
        Ok(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(level: u8, id: u32, data: &[u8]) -> Vec<u8> {
        let sum = data.iter().fold(0_u16, |sum, byte| sum.wrapping_add((*byte).into()));
        let length = u32::try_from(data.len()).unwrap();
        [&[level], &id.to_le_bytes()[..], &length.to_le_bytes(), data, &sum.to_le_bytes()].concat()
    }

    fn container(attributes: &[Vec<u8>]) -> Vec<u8> {
        [&SIGNATURE[..], &[1, 0], &attributes.concat()].concat()
    }

    fn properties(list: &[(u16, u16, &[u8])]) -> Vec<u8> {
        let mut out = u32::try_from(list.len()).unwrap().to_le_bytes().to_vec();
        for (id, kind, bytes) in list {
            out.extend([kind.to_le_bytes(), id.to_le_bytes()].concat());
            out.extend(1_u32.to_le_bytes());
            out.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
            out.extend_from_slice(bytes);
            out.extend(vec![0; bytes.len().wrapping_neg() % 4]);
        }
        out
    }

    fn with_file() -> Vec<u8> {
        container(&[
            attribute(OF_MESSAGE, OEM_CODEPAGE, &[0xE3, 4, 0, 0]),
            attribute(OF_MESSAGE, SUBJECT, b"\xcf\xeb\xe0\xed\0"),
            attribute(OF_ATTACHMENT, ATTACHMENT_BEGINS, &[0; 14]),
            attribute(OF_ATTACHMENT, ATTACHMENT_DATA, b"data"),
            attribute(OF_ATTACHMENT, ATTACHMENT_TITLE, b"A~1.TXT\0"),
            attribute(OF_ATTACHMENT, ATTACHMENT_PROPERTIES, &properties(&[(0x3707, WIDE_TEXT, b"\xe4\0.\0t\0x\0t\0")])),
        ])
    }

    #[test]
    fn a_container_gives_its_subject_and_its_files() {
        let item = read(&with_file()).unwrap();
        assert_eq!(item.properties.text(id::SUBJECT).as_deref(), Some("План"));
        let [attached] = item.attachments.as_slice() else { panic!("{:?}", item.attachments) };
        assert_eq!(attached.properties.text(id::ATTACH_LONG_FILENAME).as_deref(), Some("ä.txt"));
        assert_eq!(attached.content, Content::File(b"data".to_vec()));
    }

    #[test]
    fn a_container_that_is_not_whole_stays_closed() {
        let whole = with_file();
        assert_eq!(read(b"PK\x03\x04 and more").err(), Some(Fault::Foreign));
        assert_eq!(read(&whole[..whole.len() - 9]).err(), Some(Fault::Length));
        let mut damaged = whole.clone();
        let at = damaged.windows(4).position(|bytes| bytes == b"data").unwrap();
        damaged[at] ^= 1;
        assert_eq!(read(&damaged).err(), Some(Fault::Checksum));
        let lying = container(&[attribute(OF_MESSAGE, MESSAGE_PROPERTIES, &[0xFF; 4])]);
        assert_eq!(read(&lying).err(), Some(Fault::Length));
        assert!(read(&[whole, b"\0\0\0".to_vec()].concat()).is_ok(), "bytes behind the end are nothing");
    }

    #[test]
    fn containers_in_containers_end_at_the_bound() {
        let mut inner = container(&[]);
        for _ in 0..MAX_DEPTH {
            let object = [&MESSAGE_INTERFACE[..], &inner].concat();
            inner = container(&[attribute(OF_ATTACHMENT, ATTACHMENT_PROPERTIES, &properties(&[(0x3701, OBJECT, &object)]))]);
        }
        assert_eq!(read(&inner).err(), Some(Fault::TooMuch));
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_survived() {
        let whole = with_file();
        for at in 0..whole.len() {
            read(&whole[..at]).ok();
            let mut flipped = whole.clone();
            flipped[at] ^= 0xFF;
            read(&flipped).ok();
        }
    }
}
